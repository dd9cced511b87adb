//! Products of matrices in training, in the precision that was chosen.

use std::sync::atomic::{AtomicBool, Ordering};

use gemm::Parallelism;

use super::{bf16, packed::Packed};

/// Whether operands are rounded to bf16. One setting for the process: a program trains one network at a time.
static IS_BF16: AtomicBool = AtomicBool::new(false);

/// Has all products from now on take bf16 operands, where the machine has instructions for it; says whether it has.
pub fn use_bf16() -> bool {
    IS_BF16.store(bf16::is_available(), Ordering::Relaxed);
    is_bf16()
}

/// Whether products take bf16 operands.
pub fn is_bf16() -> bool {
    IS_BF16.load(Ordering::Relaxed)
}

/// One operand of a product: values and the distance between its rows and its columns, one of which is 1.
#[derive(Clone, Copy)]
pub struct Matrix<'a>(pub &'a [f32], pub usize, pub usize);

/// `out = lhs * rhs` with `out` `[m, n]` contiguous, `lhs` `[m, k]`, `rhs` `[k, n]`, on all cores; or `out += lhs * rhs` with
/// `keep`.
pub fn product(out: &mut [f32], [m, k, n]: [usize; 3], lhs: Matrix, rhs: Matrix, keep: bool) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(out.len() >= m * n);
    if k > 0 {
        assert!((m - 1) * lhs.1 + (k - 1) * lhs.2 < lhs.0.len());
        assert!((k - 1) * rhs.1 + (n - 1) * rhs.2 < rhs.0.len());
    }
    if is_bf16() {
        return bf16::product(out, [m, k, n], lhs, rhs, keep);
    }
    // SAFETY: the three checks above bound every element that the product reads or writes.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            keep,
            lhs.0.as_ptr(),
            lhs.2 as isize,
            lhs.1 as isize,
            rhs.0.as_ptr(),
            rhs.2 as isize,
            rhs.1 as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}

/// The right-hand side `[k, n]` of many small products, laid out once.
pub enum Repeated {
    Floats(Packed),
    Bf16(bf16::Packed),
}

impl Repeated {
    pub fn new(rhs: Matrix, [k, n]: [usize; 2]) -> Self {
        if is_bf16() {
            Self::Bf16(bf16::Packed::new(rhs, 0..k, n))
        } else {
            Self::Floats(Packed::new(rhs.0, [k, n], rhs.1, rhs.2))
        }
    }

    /// `out += lhs * self`, `out` `[m, n]` contiguous, `lhs` `[m, k]` with `stride` between its rows; on this core.
    pub fn accumulate(&self, out: &mut [f32], m: usize, lhs: &[f32], stride: usize) {
        match self {
            Self::Floats(packed) => packed.accumulate(out, m, lhs, stride),
            Self::Bf16(packed) => packed.accumulate(out, m, lhs, stride),
        }
    }
}
