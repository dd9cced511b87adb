use burn::backend::Flex;

use super::{assert_close, floats, noise, values};
use crate::precision::bf16_product;

/// bf16 keeps 8 bits: each operand and the result are within 2^-9 of what they were.
#[test]
fn a_bf16_product_is_near_the_f32_one() {
    let lhs = floats(noise(1, 12 * 40), [12, 40]);
    let rhs = floats(noise(2, 40 * 9), [40, 9]);
    let found = values(bf16_product::<Flex>(lhs.clone(), rhs.clone()));
    let wanted = values(lhs.matmul(rhs));
    assert_close("product", &found, &wanted, 0.05);
    assert_ne!(found, wanted);
}
