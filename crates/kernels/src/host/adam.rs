//! What happens to all weights at each step, in one pass over memory: Adam (see [`crate::AdamStep`]), the norm of the
//! gradient, the moving average.

use rayon::prelude::*;

use crate::AdamStep;

const CHUNK: usize = 1 << 16;

/// Updates values and both moments in place.
pub fn step(values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: AdamStep) {
    values
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK)))
        .for_each(|((values, gradient), (first, second))| chunk(values, gradient, first, second, step));
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn chunk(values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: AdamStep) {
    let [correct_1, correct_2] = step.corrections();
    let decay = 1.0 - step.learning_rate * step.weight_decay;
    for (((value, gradient), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
        let gradient = gradient * step.gradient_scale;
        *m = step.beta_1 * *m + (1.0 - step.beta_1) * gradient;
        *v = step.beta_2 * *v + (1.0 - step.beta_2) * gradient * gradient;
        let update = (*m / correct_1) / ((*v / correct_2).sqrt() + step.epsilon);
        *value = *value * decay - step.learning_rate * update;
    }
}

/// The sum of all squares.
pub fn square_sum(x: &[f32]) -> f32 {
    let sums: Vec<f64> = x.par_chunks(CHUNK).map(chunk_square_sum).collect();
    // Summed in order, so that the result does not depend on the number of cores.
    sums.into_iter().sum::<f64>() as f32
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn chunk_square_sum(x: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    for x in x.chunks(LANES) {
        sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x) * f64::from(x));
    }
    sums.into_iter().sum()
}

/// Moves `average` towards `values`, of which it keeps the share `1 - decay`.
pub fn follow(average: &mut [f32], values: &[f32], decay: f32) {
    average.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(average, values)| {
        average.iter_mut().zip(values).for_each(|(average, x)| *average += (1.0 - decay) * (x - *average));
    });
}
