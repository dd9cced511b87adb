//! How many bytes are multiplied at once.

/// A way to multiply bytes of weights with bytes of activations and to add up the products.
///
/// The weights are in -127..=127 and the activations in 0..=127, so the sum of two products fits 16 bits. What is loaded at
/// once is [`super::DEPTH`] columns of some rows of weights, which meet the same columns of one row of activations.
pub(super) trait Lanes {
    /// Rows of weights at once.
    const ROWS: usize;
    /// Weights, ready to be multiplied.
    type Weights: Copy;
    /// Activations, ready to be multiplied.
    type Activations: Copy;
    /// Sums of products, or parts of them, of each row.
    type Sums: Copy;

    /// # Safety
    /// `ROWS * DEPTH` bytes can be read, and the machine has what the lanes need.
    unsafe fn weights(from: *const i8) -> Self::Weights;
    /// # Safety
    /// `DEPTH` bytes can be read, and the machine has what the lanes need.
    unsafe fn activations(from: *const u8) -> Self::Activations;
    /// # Safety
    /// The machine has what the lanes need.
    unsafe fn zero() -> Self::Sums;
    /// # Safety
    /// The machine has what the lanes need.
    unsafe fn add(sums: Self::Sums, weights: Self::Weights, activations: Self::Activations) -> Self::Sums;
    /// Two sums as one.
    ///
    /// # Safety
    /// The machine has what the lanes need.
    unsafe fn join(a: Self::Sums, b: Self::Sums) -> Self::Sums;
    /// Writes the total of each row.
    ///
    /// # Safety
    /// `ROWS` numbers can be written, and the machine has what the lanes need.
    unsafe fn totals(sums: Self::Sums, to: *mut i32);
}

/// One byte after the other: what all others must equal to the bit.
pub(super) struct Portable;

impl Lanes for Portable {
    const ROWS: usize = 1;
    type Weights = [i8; super::DEPTH];
    type Activations = [u8; super::DEPTH];
    type Sums = i32;

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> Self::Weights {
        // SAFETY: the caller says that so many bytes can be read; bytes need no alignment.
        unsafe { from.cast::<Self::Weights>().read() }
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> Self::Activations {
        // SAFETY: as above.
        unsafe { from.cast::<Self::Activations>().read() }
    }

    #[inline(always)]
    unsafe fn zero() -> i32 {
        0
    }

    #[inline(always)]
    unsafe fn add(sums: i32, weights: Self::Weights, activations: Self::Activations) -> i32 {
        sums + weights.into_iter().zip(activations).map(|(w, a)| i32::from(w) * i32::from(a)).sum::<i32>()
    }

    #[inline(always)]
    unsafe fn join(a: i32, b: i32) -> i32 {
        a + b
    }

    #[inline(always)]
    unsafe fn totals(sums: i32, to: *mut i32) {
        // SAFETY: the caller says that a number can be written.
        unsafe { to.write(sums) }
    }
}
