use burn::backend::{Flex, flex::FlexDevice};

use super::values;
use crate::{Kernels, dropout};

/// Both draw of themselves, so what they have in common is the share, and what it is multiplied by.
#[test]
fn a_mask_keeps_its_share() {
    for (rate, kept) in [(0.2, 1.25), (0.75, 4.0)] {
        let device = FlexDevice;
        for mask in [Flex::keep_mask(100_000, rate, &device), dropout::keep_mask(100_000, rate, &device)] {
            let mask = values(mask);
            assert!(mask.iter().all(|&x| x == 0.0 || x == kept), "neither 0 nor {kept}");
            let share = mask.iter().filter(|&&x| x == kept).count() as f64 / mask.len() as f64;
            assert!((share - (1.0 - rate)).abs() < 0.01, "kept {share} at rate {rate}");
        }
    }
}
