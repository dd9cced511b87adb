//! Scores of additive attention and their gradients, without a tensor of all pairs of positions: the hyperbolic tangent
//! is computed again in the backward pass rather than kept.

use rayon::prelude::*;

use super::math::tanh;

/// Sizes of a batch.
#[derive(Clone, Copy)]
pub struct Shape {
    pub batch: usize,
    pub target: usize,
    pub source: usize,
    pub d: usize,
}

const LANES: usize = 16;

/// `v . tanh(query + key)`.
#[inline(always)]
fn score(query: &[f32], key: &[f32], v: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = query.chunks_exact(LANES).zip(key.chunks_exact(LANES)).zip(v.chunks_exact(LANES));
    for ((q, k), v) in chunks {
        for (lane, ((q, k), v)) in lanes.iter_mut().zip(q.iter().zip(k).zip(v)) {
            *lane += v * tanh(q + k);
        }
    }
    let rest = query.len() / LANES * LANES;
    let rest = query[rest..].iter().zip(&key[rest..]).zip(&v[rest..]);
    lanes.iter().sum::<f32>() + rest.map(|((q, k), v)| v * tanh(q + k)).sum::<f32>()
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn sentence(out: &mut [f32], queries: &[f32], keys: &[f32], v: &[f32]) {
    let (d, source) = (v.len(), keys.len() / v.len());
    for (row, query) in out.chunks_exact_mut(source).zip(queries.chunks_exact(d)) {
        for (out, key) in row.iter_mut().zip(keys.chunks_exact(d)) {
            *out = score(query, key, v);
        }
    }
}

/// Scores `[batch, target, source]` of `queries` `[batch, target, d]`, `keys` `[batch, source, d]` and `v` `[d]`.
pub fn forward(queries: &[f32], keys: &[f32], v: &[f32], shape: Shape) -> Vec<f32> {
    let Shape { batch, target, source, d } = shape;
    let mut out = vec![0.0; batch * target * source];
    out.par_chunks_mut(target * source)
        .zip(queries.par_chunks(target * d).zip(keys.par_chunks(source * d)))
        .for_each(|(out, (queries, keys))| sentence(out, queries, keys, v));
    out
}

/// One pair of positions backwards, where `grad` is its score's gradient.
#[inline(always)]
fn pair_backward(
    grad: f32,
    query: &[f32],
    key: &[f32],
    v: &[f32],
    d_query: &mut [f32],
    d_key: &mut [f32],
    d_v: &mut [f32],
) {
    let d = v.len();
    let (query, key) = (&query[..d], &key[..d]);
    let (d_query, d_key, d_v) = (&mut d_query[..d], &mut d_key[..d], &mut d_v[..d]);
    for j in 0..d {
        let y = tanh(query[j] + key[j]);
        let slope = grad * v[j] * (1.0 - y * y);
        d_query[j] += slope;
        d_key[j] += slope;
        d_v[j] += grad * y;
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn sentence_backward(
    grads: &[f32],
    queries: &[f32],
    keys: &[f32],
    v: &[f32],
    d_queries: &mut [f32],
    d_keys: &mut [f32],
    d_v: &mut [f32],
) {
    let (d, source) = (v.len(), keys.len() / v.len());
    let rows = grads.chunks_exact(source).zip(queries.chunks_exact(d)).zip(d_queries.chunks_exact_mut(d));
    for ((grads, query), d_query) in rows {
        for ((&grad, key), d_key) in grads.iter().zip(keys.chunks_exact(d)).zip(d_keys.chunks_exact_mut(d)) {
            // Padding has no gradient at all.
            if grad != 0.0 {
                pair_backward(grad, query, key, v, d_query, d_key, d_v);
            }
        }
    }
}

/// Gradients of queries, keys and `v` from `grad` `[batch, target, source]`; that of `v` is summed in a fixed order.
pub fn backward(
    grad: &[f32],
    queries: &[f32],
    keys: &[f32],
    v: &[f32],
    shape: Shape,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let Shape { target, source, d, .. } = shape;
    let (mut d_queries, mut d_keys) = (vec![0.0; queries.len()], vec![0.0; keys.len()]);
    let parts: Vec<Vec<f32>> = grad
        .par_chunks(target * source)
        .zip(queries.par_chunks(target * d).zip(keys.par_chunks(source * d)))
        .zip(d_queries.par_chunks_mut(target * d).zip(d_keys.par_chunks_mut(source * d)))
        .map(|((grad, (queries, keys)), (d_queries, d_keys))| {
            let mut d_v = vec![0.0; d];
            sentence_backward(grad, queries, keys, v, d_queries, d_keys, &mut d_v);
            d_v
        })
        .collect();
    let mut d_v = vec![0.0; d];
    for part in parts {
        d_v.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
    }
    (d_queries, d_keys, d_v)
}
