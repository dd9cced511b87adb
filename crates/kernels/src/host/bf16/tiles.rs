//! The kernel of machines with AMX, which newer Intel servers have: one instruction multiplies a left tile of 16 rows by a right
//! tile of 16 columns and adds the result to 16 x 16 floats.

use std::{
    arch::{asm, x86_64::__cpuid_count},
    sync::LazyLock,
};

use super::panel::{TILE, WORDS};

/// Whether this machine has the tiles and lets this process use them, which is asked for here.
fn are_available() -> bool {
    static ARE_AVAILABLE: LazyLock<bool> = LazyLock::new(|| {
        // Intel's manual, leaf 7: bits of `edx` that tell of the tiles and of bf16 in them.
        let leaf = __cpuid_count(7, 0);
        let has_tiles = [22, 24].into_iter().all(|bit| leaf.edx >> bit & 1 == 1);
        // Linux, arch_prctl(2): a process asks once before it may use the tiles' large state.
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: the call takes two numbers and touches no memory.
        let ask = || unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) } == 0;
        has_tiles && ask()
    });
    *ARE_AVAILABLE
}

/// The shapes of the eight tiles: all have 16 rows of 64 bytes (Intel's manual, `LDTILECFG`).
#[repr(C, align(64))]
struct Shapes([u8; 64]);

const SHAPES: Shapes = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Shapes(bytes)
};

/// This thread's tiles have [`SHAPES`] while this lives.
pub struct Shaped(());

impl Shaped {
    /// None where the machine has no tiles.
    pub fn new() -> Option<Self> {
        are_available().then(|| {
            // SAFETY: the machine has tiles.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &SHAPES, options(nostack)) };
            Self(())
        })
    }
}

impl Drop for Shaped {
    fn drop(&mut self) {
        // SAFETY: the machine has tiles, or this had not been made.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// The 32 x 32 sums of two panels at `out`, whose rows are `stride` apart: added to what is there where `keep` says so.
///
/// # Safety
/// `out` points to 32 such rows of 32 floats, and a [`Shaped`] lives on this thread.
pub unsafe fn kernel(out: *mut f32, stride: usize, left: &[u32], right: &[u32], keep: bool) {
    let depth = left.len() / (2 * WORDS);
    assert!(depth > 0 && left.len() == right.len());
    // SAFETY: reads both panels whole, and what the caller promises of `out`. The compiler itself never uses a tile.
    unsafe {
        asm!(
            "test {keep}, {keep}",
            "jz 2f",
            "tileloadd tmm0, [{top} + {stride}]",
            "tileloadd tmm1, [{top} + {stride} + 64]",
            "tileloadd tmm2, [{bottom} + {stride}]",
            "tileloadd tmm3, [{bottom} + {stride} + 64]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "3:",
            "tileloadd tmm4, [{left} + {line}]",
            "tileloadd tmm6, [{right} + {line}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{right} + {line} + 1024]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{left} + {line} + 1024]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {left}, 2048",
            "add {right}, 2048",
            "dec {depth}",
            "jnz 3b",
            "tilestored [{top} + {stride}], tmm0",
            "tilestored [{top} + {stride} + 64], tmm1",
            "tilestored [{bottom} + {stride}], tmm2",
            "tilestored [{bottom} + {stride} + 64], tmm3",
            keep = in(reg) usize::from(keep),
            top = in(reg) out,
            bottom = in(reg) out.add(TILE * stride),
            stride = in(reg) 4 * stride,
            left = inout(reg) left.as_ptr() => _,
            right = inout(reg) right.as_ptr() => _,
            line = in(reg) 4 * TILE,
            depth = inout(reg) depth => _,
            options(nostack),
        );
    }
}
