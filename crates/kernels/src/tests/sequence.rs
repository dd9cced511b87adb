use burn::{backend::Flex, tensor::Tensor};

use super::{assert_close, floats, noise, values};
use crate::{CellKind, Kernels, SequenceInput, cells, sequence};

const KINDS: [CellKind; 2] = [CellKind::Lstm, CellKind::Gru];

/// Rows of different lengths: row `b` has its padding at the end and always one real step.
fn ragged(time: usize, batch: usize) -> Vec<f32> {
    (0..time * batch).map(|i| if i / batch <= (i % batch) % time { 1.0 } else { 0.0 }).collect()
}

fn input(kind: CellKind, [time, batch, d]: [usize; 3], is_reversed: bool, is_padded: bool) -> SequenceInput<Flex> {
    let n_in = kind.n_gates() * d;
    let mask = if is_padded { ragged(time, batch) } else { vec![1.0; time * batch] };
    SequenceInput {
        kind,
        inputs: floats(noise(1, time * batch * n_in), [time, batch, n_in]) * 2.0,
        weight: floats(noise(2, n_in * d), [n_in, d]),
        bias: floats(noise(3, n_in), [n_in]),
        state: floats(noise(4, batch * kind.n_states() * d), [batch, kind.n_states() * d]),
        mask: floats(mask, [time, batch]),
        is_reversed,
    }
}

#[test]
fn a_sequence_and_its_gradient_equal_the_plain_body() {
    for kind in KINDS {
        for (time, batch, d) in [(1, 1, 1), (1, 3, 5), (7, 1, 8), (7, 3, 5), (7, 64, 20), (1, 64, 3)] {
            for (is_reversed, is_padded) in [(false, false), (true, false), (false, true), (true, true)] {
                let case = format!("{kind:?} {time}x{batch}x{d} reversed {is_reversed} padded {is_padded}");
                let input = input(kind, [time, batch, d], is_reversed, is_padded);
                let (states, gates) = Flex::sequence_forward(&input);
                let (plain_states, plain_gates) = sequence::forward(&input);
                let width = kind.n_states() * d;
                let grad = floats(noise(5, time * batch * width), [time, batch, width]);
                let fused = Flex::sequence_backward(&input, states.clone(), gates.clone(), grad.clone());
                let plain = sequence::backward(&input, plain_states.clone(), plain_gates.clone(), grad);
                let close = |name: &str, found: Vec<f32>, wanted: Vec<f32>| {
                    assert_close(&format!("{case}: {name}"), &found, &wanted, 2e-5);
                };
                close("states", values(states), values(plain_states));
                close("gates", values(gates), values(plain_gates));
                close("inputs", values(fused.inputs), values(plain.inputs));
                close("weight", values(fused.weight), values(plain.weight));
                close("bias", values(fused.bias), values(plain.bias));
                close("state", values(fused.state), values(plain.state));
            }
        }
    }
}

#[test]
fn a_step_equals_the_plain_body() {
    for kind in KINDS {
        for (batch, d) in [(1, 1), (3, 17), (64, 8)] {
            let (n_in, n_state) = (kind.n_gates() * d, kind.n_states() * d);
            let inputs = floats(noise(6, batch * n_in), [batch, n_in]) * 4.0;
            let recurrent = floats(noise(7, batch * n_in), [batch, n_in]);
            let state = floats(noise(8, batch * n_state), [batch, n_state]);
            let plain = cells::step(kind, inputs.clone(), recurrent.clone(), &state).state;
            let fused = Flex::cell_step(kind, inputs, recurrent, state);
            assert_close(&format!("{kind:?} {batch}x{d}"), &values(fused), &values(plain), 1e-6);
        }
    }
}

#[test]
fn a_view_gives_what_its_copy_gives() {
    for kind in KINDS {
        let (time, batch, d) = (4, 3, 5);
        let whole = input(kind, [time, batch, d], false, true);
        // Transposed twice in memory, the same values.
        let turned = |x: Tensor<Flex, 2>| {
            let shape = x.dims();
            floats(values(x.transpose()), [shape[1], shape[0]]).transpose()
        };
        let viewed = SequenceInput {
            weight: turned(whole.weight.clone()),
            state: turned(whole.state.clone()),
            mask: turned(whole.mask.clone()),
            ..whole.clone()
        };
        let found = values(Flex::sequence_forward(&viewed).0);
        assert_eq!(found, values(Flex::sequence_forward(&whole).0), "{kind:?}");
    }
}

/// One step of one unit with hidden state 1/2 and recurrent weights that add 1 to every gate of the LSTM.
///
/// LSTM, cell -1: pre-activations `ln 3, 0, ln 2, -ln 3` make input 3/4, forget 1/2, candidate (4-1)/(4+1) = 3/5
/// and output 1/4. Cell = 1/2 * -1 + 3/4 * 3/5 = -0.05, hidden = 1/4 * tanh(-0.05) = 1/4 * -0.04995838 = -0.01248960.
#[test]
fn one_lstm_step_by_hand() {
    let (ln_2, ln_3) = (2f32.ln(), 3f32.ln());
    let input = SequenceInput {
        kind: CellKind::Lstm,
        inputs: floats(vec![ln_3 - 1.0, -1.0, ln_2 - 1.0, -ln_3 - 1.0], [1, 1, 4]),
        weight: floats(vec![2.0; 4], [4, 1]),
        bias: floats(vec![0.0; 4], [4]),
        state: floats(vec![0.5, -1.0], [1, 2]),
        mask: floats(vec![1.0], [1, 1]),
        is_reversed: false,
    };
    for (states, gates) in [Flex::sequence_forward(&input), sequence::forward(&input)] {
        assert_close("states", &values(states), &[-0.012_489_6, -0.05], 1e-6);
        assert_close("gates", &values(gates), &[0.75, 0.5, 0.6, 0.25], 1e-6);
    }
}

/// One GRU step, hidden state 1/2, recurrent weights 2, 2, 4 and bias 0, 0, -1/2.
///
/// The recurrent parts are 1, 1 and 4/2 - 1/2 = 3/2. Inputs `ln 3 - 1` and `-1` make reset 3/4 and update 1/2; the
/// candidate is tanh(ln 2 - 9/8 + 3/4 * 3/2) = tanh(ln 2) = 3/5. Hidden = 3/5 + 1/2 * (1/2 - 3/5) = 0.55.
#[test]
fn one_gru_step_by_hand() {
    let (ln_2, ln_3) = (2f32.ln(), 3f32.ln());
    let input = SequenceInput {
        kind: CellKind::Gru,
        inputs: floats(vec![ln_3 - 1.0, -1.0, ln_2 - 1.125], [1, 1, 3]),
        weight: floats(vec![2.0, 2.0, 4.0], [3, 1]),
        bias: floats(vec![0.0, 0.0, -0.5], [3]),
        state: floats(vec![0.5], [1, 1]),
        mask: floats(vec![1.0], [1, 1]),
        is_reversed: false,
    };
    for (states, gates) in [Flex::sequence_forward(&input), sequence::forward(&input)] {
        assert_close("states", &values(states), &[0.55], 1e-6);
        assert_close("gates", &values(gates), &[0.75, 0.5, 0.6, 1.5], 1e-6);
    }
}

/// A padded step hands its state on: the values of the padding never show.
#[test]
fn padding_never_reaches_a_result() {
    for kind in KINDS {
        for is_reversed in [false, true] {
            let clean = input(kind, [5, 3, 4], is_reversed, true);
            let keep = clean.mask.clone().unsqueeze_dim::<3>(2);
            let garbage = (-keep + 1.0) * 1e3;
            let dirty = SequenceInput { inputs: clean.inputs.clone() + garbage, ..clean.clone() };
            let grad = clean.state.ones_like().unsqueeze_dim::<3>(0).repeat_dim(0, 5);
            let run = |input: &SequenceInput<Flex>| {
                let (states, gates) = Flex::sequence_forward(input);
                let gradients = Flex::sequence_backward(input, states.clone(), gates, grad.clone());
                [
                    values(states),
                    values(gradients.weight),
                    values(gradients.bias),
                    values(gradients.state),
                    values(gradients.inputs),
                ]
            };
            assert_eq!(run(&clean), run(&dirty), "{kind:?} reversed {is_reversed}");
        }
    }
}
