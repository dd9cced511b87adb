//! Top-k of each row by a short sorted list: most values fail one comparison.

/// Values and columns of the `k` largest of each row of `cols` values, best first; ties keep the lower column.
pub fn top_k(x: &[f32], cols: usize, k: usize) -> (Vec<f32>, Vec<i32>) {
    let rows = x.len().checked_div(cols).unwrap_or(0);
    let (mut values, mut indices) = (Vec::with_capacity(rows * k), Vec::with_capacity(rows * k));
    let mut best: Vec<(f32, i32)> = Vec::with_capacity(k + 1);
    for row in x.chunks_exact(cols.max(1)) {
        best.clear();
        for (column, &value) in row.iter().enumerate() {
            if best.len() == k && best.last().is_some_and(|&(worst, _)| value <= worst) {
                continue;
            }
            let place = best.partition_point(|&(kept, _)| kept >= value);
            best.insert(place, (value, column as i32));
            best.truncate(k);
        }
        values.extend(best.iter().map(|&(value, _)| value));
        indices.extend(best.iter().map(|&(_, column)| column));
    }
    (values, indices)
}
