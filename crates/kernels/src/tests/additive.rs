use burn::backend::Flex;

use super::{assert_close, floats, noise, values};
use crate::{Kernels, additive};

#[test]
fn scores_and_gradients_equal_the_plain_body() {
    for [batch, target, source, d] in [[1, 1, 1, 1], [2, 3, 4, 16], [3, 5, 2, 37]] {
        let case = format!("{batch}x{target}x{source}x{d}");
        let queries = floats(noise(1, batch * target * d), [batch, target, d]);
        let keys = floats(noise(2, batch * source * d), [batch, source, d]);
        let v = floats(noise(3, d), [d]);
        let grad = floats(noise(4, batch * target * source), [batch, target, source]);
        let found = Flex::additive_scores(queries.clone(), keys.clone(), v.clone());
        let wanted = additive::scores(queries.clone(), keys.clone(), v.clone());
        assert_close(&case, &values(found), &values(wanted), 1e-5);
        let found = Flex::additive_scores_backward(grad.clone(), queries.clone(), keys.clone(), v.clone());
        let wanted = additive::backward(grad, queries, keys, v);
        assert_close(&case, &values(found.0), &values(wanted.0), 1e-5);
        assert_close(&case, &values(found.1), &values(wanted.1), 1e-5);
        assert_close(&case, &values(found.2), &values(wanted.2), 1e-5);
    }
}
