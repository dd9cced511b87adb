use burn::{backend::Flex, tensor::Tensor};

use super::{assert_close, floats, noise, values};
use crate::{CellKind, Kernels, SequenceInput, cells, sequence};

const KINDS: [CellKind; 4] = [CellKind::Lstm, CellKind::Gru, CellKind::Ssru, CellKind::Rnn];

/// Rows of different lengths: row `b` has its padding at the end and always one real step.
fn ragged(time: usize, batch: usize) -> Vec<f32> {
    (0..time * batch).map(|i| if i / batch <= (i % batch) % time { 1.0 } else { 0.0 }).collect()
}

fn input(kind: CellKind, [time, batch, d]: [usize; 3], is_reversed: bool, is_padded: bool) -> SequenceInput<Flex> {
    let n_in = kind.n_gates() * d;
    let mask = if is_padded { ragged(time, batch) } else { vec![1.0; time * batch] };
    // Without gates a step makes a difference larger, so that rounding would be seen after a few.
    let scale = if kind == CellKind::Rnn { 0.3 } else { 1.0 };
    SequenceInput {
        kind,
        inputs: floats(noise(1, time * batch * n_in), [time, batch, n_in]) * 2.0,
        weight: floats(noise(2, n_in * d), [n_in, d]) * scale,
        bias: floats(noise(3, n_in), [n_in]),
        state: floats(noise(4, batch * kind.n_states() * d), [batch, kind.n_states() * d]),
        mask: floats(mask, [time, batch]),
        gain: None,
        dropout: None,
        is_reversed,
        is_recomputed: false,
    }
}

#[test]
fn a_sequence_and_its_gradient_equal_the_plain_body() {
    for kind in KINDS {
        for (time, batch, d) in [(1, 1, 1), (1, 3, 5), (7, 1, 8), (7, 3, 5), (7, 64, 20), (1, 64, 3), (2, 5, 33)] {
            for (is_reversed, is_padded) in [(false, false), (true, false), (false, true), (true, true)] {
                for (has_gain, has_dropout) in [(false, false), (true, false), (false, true), (true, true)] {
                    let mut input = input(kind, [time, batch, d], is_reversed, is_padded);
                    input.gain = has_gain.then(|| floats(noise(9, kind.n_gates() * d), [kind.n_gates() * d]) + 1.0);
                    input.dropout = has_dropout.then(|| {
                        let keep = noise(10, batch * d).into_iter().map(|x| if x > -0.3 { 1.4 } else { 0.0 });
                        floats(keep.collect(), [batch, d])
                    });
                    compare(&input, &format!("gain {has_gain} dropout {has_dropout} padded {is_padded}"));
                }
            }
        }
    }
}

fn compare(input: &SequenceInput<Flex>, case: &str) {
    let (fused, plain) = (Flex::sequence_forward(input), sequence::forward(input));
    let shape = fused.hidden.dims();
    let case = format!("{:?} {shape:?} reversed {} {case}", input.kind, input.is_reversed);
    let close = |name: &str, found: Vec<f32>, wanted: Vec<f32>| {
        assert_close(&format!("{case}: {name}"), &found, &wanted, 5e-5);
    };
    close("hidden", values(fused.hidden.clone()), values(plain.hidden.clone()));
    assert_eq!(fused.cells.is_some(), plain.cells.is_some(), "{case}");
    if let (Some(fused), Some(plain)) = (&fused.cells, &plain.cells) {
        close("cells", values(fused.clone()), values(plain.clone()));
    }
    close("gates", values(fused.gates.clone()), values(plain.gates.clone()));
    assert_eq!(fused.normalized.is_some(), plain.normalized.is_some(), "{case}");
    if let (Some(fused), Some(plain)) = (&fused.normalized, &plain.normalized) {
        close("normalized", values(fused[0].clone()), values(plain[0].clone()));
    }
    let grad = floats(noise(5, shape.iter().product()), shape);
    let fused = Flex::sequence_backward(input, fused, grad.clone());
    let plain = sequence::backward(input, plain, grad);
    close("inputs", values(fused.inputs), values(plain.inputs));
    close("weight", values(fused.weight), values(plain.weight));
    close("bias", values(fused.bias), values(plain.bias));
    close("state", values(fused.state), values(plain.state));
    assert_eq!(fused.gain.is_some(), plain.gain.is_some(), "{case}");
    if let (Some(fused), Some(plain)) = (fused.gain, plain.gain) {
        close("gain", values(fused), values(plain));
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
        let found = values(Flex::sequence_forward(&viewed).hidden);
        assert_eq!(found, values(Flex::sequence_forward(&whole).hidden), "{kind:?}");
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
        gain: None,
        dropout: None,
        is_reversed: false,
        is_recomputed: false,
    };
    for tape in [Flex::sequence_forward(&input), sequence::forward(&input)] {
        assert_close("hidden", &values(tape.hidden), &[-0.012_489_6], 1e-6);
        assert_close("cells", &values(tape.cells.expect("an LSTM has cells")), &[-0.05], 1e-6);
        assert_close("gates", &values(tape.gates), &[0.75, 0.5, 0.6, 0.25], 1e-6);
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
        gain: None,
        dropout: None,
        is_reversed: false,
        is_recomputed: false,
    };
    for tape in [Flex::sequence_forward(&input), sequence::forward(&input)] {
        assert_close("hidden", &values(tape.hidden), &[0.55], 1e-6);
        assert_close("gates", &values(tape.gates), &[0.75, 0.5, 0.6, 1.5], 1e-6);
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
            let grad = floats(vec![1.0; 5 * 3 * 4], [5, 3, 4]);
            let run = |input: &SequenceInput<Flex>| {
                let tape = Flex::sequence_forward(input);
                let hidden = tape.hidden.clone();
                let gradients = Flex::sequence_backward(input, tape, grad.clone());
                [
                    values(hidden),
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

/// One SSRU step of one unit, cell -1 and then 3: forget sigmoid(ln 3) = 3/4 and candidate 2.
///
/// Cell = 3/4 * -1 + 1/4 * 2 = -1/4, hidden = relu(-1/4) = 0; from cell 3 it is 3/4 * 3 + 1/2 = 11/4, and so is hidden.
#[test]
fn one_ssru_step_by_hand() {
    let input = SequenceInput {
        kind: CellKind::Ssru,
        inputs: floats(vec![3f32.ln(), 2.0, 3f32.ln(), 2.0], [1, 2, 2]),
        weight: floats(vec![0.0], [1, 1]),
        bias: floats(vec![0.0], [1]),
        state: floats(vec![0.0, -1.0, 0.0, 3.0], [2, 2]),
        mask: floats(vec![1.0, 1.0], [1, 2]),
        gain: None,
        dropout: None,
        is_reversed: false,
        is_recomputed: false,
    };
    for tape in [Flex::sequence_forward(&input), sequence::forward(&input)] {
        assert_close("hidden", &values(tape.hidden), &[0.0, 2.75], 1e-6);
        assert_close("cells", &values(tape.cells.expect("an SSRU has cells")), &[-0.25, 2.75], 1e-6);
        assert_close("gates", &values(tape.gates), &[0.75, 2.0, 0.75, 2.0], 1e-6);
    }
}

/// One LSTM step of two units with a recurrent product of (3, 5) in every gate: without its mean 4 and its standard
/// deviation 1 it is (-1, 1), whatever the weights are multiplied by; the gain 2 makes (-2, 2).
#[test]
fn the_recurrent_product_is_normalised() {
    let case = |scale: f32| SequenceInput {
        kind: CellKind::Lstm,
        inputs: floats(vec![0.0; 8], [1, 1, 8]),
        weight: floats([3.0, 0.0, 5.0, 0.0].map(|x| x * scale).repeat(4), [8, 2]),
        bias: floats(vec![0.0; 8], [8]),
        state: floats(vec![1.0, 0.0, 0.0, 0.0], [1, 4]),
        mask: floats(vec![1.0], [1, 1]),
        gain: Some(floats(vec![2.0; 8], [8])),
        dropout: None,
        is_reversed: false,
        is_recomputed: false,
    };
    let (low, high) = (1.0 / (1.0 + 2f32.exp()), 1.0 / (1.0 + (-2f32).exp()));
    let tanh = 2f32.tanh();
    for input in [case(1.0), case(10.0)] {
        for tape in [Flex::sequence_forward(&input), sequence::forward(&input)] {
            let wanted = [low, high, low, high, -tanh, tanh, low, high];
            assert_close("gates", &values(tape.gates), &wanted, 2e-5);
        }
    }
}
