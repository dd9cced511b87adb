//! Rows copied about: what the ndarray backend does value by value.

/// Rows `rows` of `x` `[n, d]`.
pub fn select_rows(x: &[f32], n: usize, d: usize, rows: &[i32]) -> Vec<f32> {
    let mut selected = Vec::with_capacity(rows.len() * d);
    for &row in rows {
        let row = row as usize;
        assert!(row < n, "row {row} of {n}");
        selected.extend_from_slice(&x[row * d..(row + 1) * d]);
    }
    selected
}

/// `left` `[rows, a]` and `right` `[rows, b]` side by side.
pub fn join_columns(left: &[f32], a: usize, right: &[f32], b: usize) -> Vec<f32> {
    let mut joined = Vec::with_capacity(left.len() + right.len());
    for (left, right) in left.chunks_exact(a).zip(right.chunks_exact(b)) {
        joined.extend_from_slice(left);
        joined.extend_from_slice(right);
    }
    joined
}
