//! What stands for `bf16` on systems where this code knows of none.

use std::ops::Range;

use super::product::Matrix;

pub fn is_available() -> bool {
    false
}

/// There is none.
pub enum Packed {}

impl Packed {
    pub fn new(_: Matrix, _: Range<usize>, _: usize) -> Self {
        unreachable!("nobody asks for bf16 where it is not available")
    }

    pub fn accumulate(&self, _: &mut [f32], _: usize, _: &[f32], _: usize) {
        match *self {}
    }
}

/// See `bf16`.
pub struct OutputGradients {
    pub sums: [f32; 2],
    pub x: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

pub fn output_loss(_: &[f32], _: &[f32], _: &[f32], _: (&[i32], &[f32]), _: f32) -> OutputGradients {
    unreachable!("nobody asks for bf16 where it is not available")
}

pub fn product(_: &mut [f32], _: [usize; 3], _: Matrix, _: Matrix, _: bool) {
    unreachable!("nobody asks for bf16 where it is not available")
}
