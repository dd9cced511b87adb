//! What the allocator does with large blocks.

/// Tells the allocator to keep freed memory for the next step of training instead of giving it back to the system, which
/// would hand out and clear every page again at every step: 562 ms a step become 472 (`traduko bench configs/bench.toml`,
/// two cores). The process then never shrinks, so this is for programs that train, not for libraries. Does nothing where
/// the C library is not glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator; these four are documented and checked there.
    unsafe {
        // No block apart from the heap, a heap that never shrinks, and that grows by this many bytes at once.
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
        // Threads share one heap, or each would keep its own.
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
