//! Exponential, sigmoid and hyperbolic tangent that the compiler can vectorise.

/// Adding 1.5 * 2^23 rounds to the nearest integer on every target without a library call, and leaves that integer in the
/// low bits, from where it moves into the exponent without a conversion.
const ROUND: f32 = 12_582_912.0;

/// `e^x`, its relative error below 3e-7 + 9e-8 |x|; x is clamped to -86..=86, and a NaN counts as -86: what is computed from
/// the result cannot tell that there was one.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    power_of_two::<125>(x * std::f32::consts::LOG2_E)
}

/// `e^2x`, of which the hyperbolic tangent is made; 2x is clamped to -27..=27, where that is -1 and 1 already, so that a product
/// of it is no overflow.
#[inline(always)]
pub fn exp_twice(x: f32) -> f32 {
    power_of_two::<40>(x * (2.0 * std::f32::consts::LOG2_E))
}

/// `2^y`, y clamped to `-BOUND..=BOUND`.
#[inline(always)]
fn power_of_two<const BOUND: i32>(y: f32) -> f32 {
    let bound = const { BOUND as f32 };
    let y = if y > -bound { y } else { -bound };
    let y = if y < bound { y } else { bound };
    let shifted = y + ROUND;
    let f = y - (shifted - ROUND);
    // 2^f on -0.5..=0.5 by the polynomial whose largest relative error is least, by pairs of terms, so that fewer operations
    // wait for one another.
    let square = f * f;
    let high = 1.327_647_1e-3 * f + 9.675_541e-3;
    let middle = 5.550_713e-2 * f + 2.402_212e-1;
    let low = 6.931_469_4e-1 * f + 1.000_000_1;
    let p = (high * square + middle) * square + low;
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// The logistic function; 1 for a NaN.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent; absolute error below 2e-7, -1 for a NaN.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp_twice(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library() {
        for i in -8600..=8600 {
            let x = i as f32 / 100.0;
            let relative = (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(relative < 3e-7 + 9e-8 * f64::from(x).abs(), "exp({x}) is off by {relative}");
            let tangent = (exp_twice(x) - 1.0) / (exp_twice(x) + 1.0);
            assert!((f64::from(tangent) - f64::from(x).tanh()).abs() < 3e-7, "the tangent of {x} by exp_twice");
            assert!((tanh(x) - f64::from(x).tanh() as f32).abs() < 3e-7, "tanh({x})");
            assert!((sigmoid(x) - 1.0 / (1.0 + (-f64::from(x)).exp()) as f32).abs() < 3e-7, "sigmoid({x})");
        }
        assert_eq!(exp(-1e9), exp(-87.0));
        assert!(exp(-1e9) < 1e-37);
        assert!(exp(1e9).is_finite());
    }
}
