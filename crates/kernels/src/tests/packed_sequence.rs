use burn::backend::{Flex, flex::FlexDevice};

use super::{assert_close, floats, noise, values};
use crate::{CellKind, Int8Matrix, Kernels, PackedSequence, packed_sequence};

#[test]
fn packed_sequence_equals_the_plain_body() {
    let (time, batch, d) = (5, 3, 20);
    for kind in [CellKind::Lstm, CellKind::Gru] {
        let rows = kind.n_gates() * d;
        let weights: Vec<i8> = noise(1, rows * d).into_iter().map(|x| (x * 127.0) as i8).collect();
        let scales: Vec<f32> = noise(2, rows).into_iter().map(|x| x.abs() / 100.0).collect();
        let weight = Int8Matrix::<Flex>::new(weights, scales, rows, d, &FlexDevice);
        for is_reversed in [false, true] {
            let input = PackedSequence {
                kind,
                inputs: floats(noise(3, time * batch * rows), [time, batch, rows]),
                weight: &weight,
                gain: None,
                bias: (kind == CellKind::Gru).then(|| floats(noise(4, rows), [rows])),
                state: floats(noise(5, batch * kind.n_states() * d), [batch, kind.n_states() * d]),
                // Sentences of 5, 4 and 2 steps.
                mask: floats(vec![1., 1., 1., 1., 1., 1., 1., 1., 0., 1., 1., 0., 1., 0., 0.], [time, batch]),
                is_reversed,
            };
            let (fused, plain) = (Flex::packed_sequence(&input), packed_sequence::forward(&input));
            assert_close(&format!("{kind:?}, {is_reversed}"), &values(fused), &values(plain), 2e-3);
        }
    }
}
