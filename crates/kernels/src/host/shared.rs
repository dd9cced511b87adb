//! A slice that several cores write to, each its own parts.

/// The slice; every access goes through [`Shared::get`], which checks the bounds.
#[derive(Clone, Copy)]
pub struct Shared<T>(*mut T, usize);

// SAFETY: the parts that are asked for do not overlap, by the promise of those who call `Shared::get`.
unsafe impl<T: Send> Send for Shared<T> {}
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(values: &mut [T]) -> Self {
        Self(values.as_mut_ptr(), values.len())
    }

    /// # Safety
    /// The slice is still there, and no two live parts of it overlap.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn get(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start + len <= self.1);
        // SAFETY: within bounds by the line above; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}
