use burn::backend::Flex;

use super::{assert_close, floats, noise, values};
use crate::{Kernels, Memory, attention};

#[test]
fn attend_equals_the_plain_body() {
    for (rows, n_targets, n_sources, d, d_value) in [(1, 1, 1, 1, 1), (3, 1, 9, 16, 24), (2, 4, 5, 7, 13)] {
        let mut penalties = vec![0.0; rows * n_sources];
        if n_sources > 2 {
            // The first row's last two positions are padding.
            penalties[n_sources - 2..n_sources].fill(-1e9);
        }
        let random = |seed, len: usize| noise(seed, len).into_iter().map(|x| 2.0 * x).collect::<Vec<_>>();
        let memory = Memory {
            keys: floats(random(1, rows * n_sources * d), [rows, n_sources, d]),
            values: floats(random(2, rows * n_sources * d_value), [rows, n_sources, d_value]),
            penalty: floats(penalties, [rows, 1, n_sources]),
            rows: None,
        };
        let queries = floats(random(3, rows * n_targets * d), [rows, n_targets, d]);
        let (fused, fused_weights) = Flex::attend(queries.clone(), &memory);
        let (plain, plain_weights) = attention::attend(queries.clone(), &memory);
        assert_close("contexts", &values(fused), &values(plain), 1e-5);
        let weights = values(fused_weights);
        assert_close("weights", &weights, &values(plain_weights), 1e-6);
        if n_sources > 2 {
            assert_eq!(weights[n_sources - 2..n_sources], [0.0, 0.0], "padding gets nothing");
        }

        // Of these rows some are left, and in another order.
        let memory = Memory { rows: Some((0..rows).rev().step_by(2).collect()), ..memory };
        let queries = queries.narrow(0, 0, rows.div_ceil(2));
        let [fused, plain] = [Flex::attend(queries.clone(), &memory), attention::attend(queries, &memory)];
        assert_close("contexts of some rows", &values(fused.0), &values(plain.0), 1e-5);
        assert_close("weights of some rows", &values(fused.1), &values(plain.1), 1e-6);
    }
}
