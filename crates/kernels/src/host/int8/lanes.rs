//! How many bytes are multiplied at once.

/// A way to multiply bytes of weights with bytes of activations and to add up the products.
///
/// The weights are in -127..=127 and the activations in 0..=127, so the sum of two products fits 16 bits.
pub(super) trait Lanes {
    /// Bytes at once.
    const WIDTH: usize;
    /// Weights, ready to be multiplied.
    type Weights: Copy;
    /// Activations, ready to be multiplied.
    type Activations: Copy;
    /// Partial sums.
    type Sums: Copy;

    /// # Safety
    /// `WIDTH` bytes can be read, and the machine has what the lanes need.
    unsafe fn weights(from: *const i8) -> Self::Weights;
    /// # Safety
    /// As [`Self::weights`].
    unsafe fn activations(from: *const u8) -> Self::Activations;
    /// # Safety
    /// The machine has what the lanes need.
    unsafe fn zero() -> Self::Sums;
    /// # Safety
    /// The machine has what the lanes need.
    unsafe fn add(sums: Self::Sums, weights: Self::Weights, activations: Self::Activations) -> Self::Sums;
    /// The totals of four partial sums.
    ///
    /// # Safety
    /// The machine has what the lanes need.
    unsafe fn totals(sums: [Self::Sums; 4]) -> [i32; 4];
}

/// One byte after the other: what all others must equal to the bit.
pub(super) struct Portable;

impl Lanes for Portable {
    const WIDTH: usize = 1;
    type Weights = i32;
    type Activations = i32;
    type Sums = i32;

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> i32 {
        // SAFETY: the caller says that a byte can be read.
        i32::from(unsafe { *from })
    }

    #[inline(always)]
    unsafe fn activations(from: *const u8) -> i32 {
        // SAFETY: the caller says that a byte can be read.
        i32::from(unsafe { *from })
    }

    #[inline(always)]
    unsafe fn zero() -> i32 {
        0
    }

    #[inline(always)]
    unsafe fn add(sums: i32, weights: i32, activations: i32) -> i32 {
        sums + weights * activations
    }

    #[inline(always)]
    unsafe fn totals(sums: [i32; 4]) -> [i32; 4] {
        sums
    }
}
