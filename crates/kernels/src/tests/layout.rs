use burn::{backend::Flex, tensor::Tensor};

use super::{assert_close, floats, noise, values};
use crate::Kernels;

#[test]
fn rows_are_joined_split_and_swapped_as_burn_does_it() {
    for [a, b, left, right] in [[1, 1, 1, 1], [3, 2, 4, 5], [70, 3, 16, 33]] {
        let (x, y) = (floats(noise(1, a * b * left), [a * b, left]), floats(noise(2, a * b * right), [a * b, right]));
        let joined = Flex::join_columns(x.clone(), y.clone());
        assert_eq!(values(joined.clone()), values(Tensor::cat(vec![x.clone(), y.clone()], 1)));
        let (first, second) = Flex::split_columns(joined.clone(), left);
        assert_eq!((values(first), values(second)), (values(x), values(y)));
        let joined = joined.reshape([a, b, left + right]);
        let swapped = Flex::swap_leading(joined.clone());
        assert_eq!(swapped.dims(), [b, a, left + right]);
        assert_eq!(values(swapped), values(joined.swap_dims(0, 1)));
    }
}

#[test]
fn sums_and_averages_of_weights_are_those_of_burn() {
    let (average, x) = (floats(noise(3, 100_003), [100_003]), floats(noise(4, 100_003), [100_003]));
    let wanted = average.clone() * 0.9 + x.clone() * 0.1;
    assert_close("average", &values(Flex::follow(average, x.clone(), 0.9)), &values(wanted), 1e-6);
    assert_close("squares", &values(Flex::square_sum(x.clone())), &values(x.powi_scalar(2).sum()), 1e-4);
}
