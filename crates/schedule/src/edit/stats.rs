//! Numbers about the numbers of a block. Knows nothing of where they are shown.

use super::{Block, Draft};

/// Count, least, mean and greatest of the values of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// How many cells; at least one.
    pub count: usize,
    pub min: f64,
    pub mean: f64,
    pub max: f64,
}

impl Stats {
    /// Of values; `None` without any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values = values.into_iter();
        let first = values.next()?;
        let (mut count, mut min, mut max, mut sum) = (1, first, first, first);
        for value in values {
            count += 1;
            min = f64::min(min, value);
            max = f64::max(max, value);
            sum += value;
        }
        // Rounding may carry the mean of equal values just outside them.
        Some(Stats { count, min, mean: (sum / count as f64).clamp(min, max), max })
    }

    /// Of the cells of a block that the draft has; `None` without any.
    pub fn of_block(draft: &Draft, block: Block) -> Option<Self> {
        Stats::of(block.cells().filter_map(|(step, column)| draft.value(step, column)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_numbers_are_those_of_the_values() {
        let stats = Stats::of([7.0, 3.0, 2.0]).unwrap();
        assert_eq!(stats, Stats { count: 3, min: 2.0, mean: 4.0, max: 7.0 });
        assert_eq!(Stats::of([]), None);
    }

    proptest! {
        #[test]
        fn the_mean_lies_between_the_least_and_the_greatest(
            values in prop::collection::vec(-1e3f64..1e3, 1..50),
        ) {
            let stats = Stats::of(values.iter().copied()).unwrap();
            prop_assert!(stats.min <= stats.mean && stats.mean <= stats.max);
            prop_assert_eq!(stats.count, values.len());
            prop_assert!(values.contains(&stats.min) && values.contains(&stats.max));
        }
    }
}
