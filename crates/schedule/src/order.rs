//! Two orders in which lists of per-step values are written, as types, because mixing them up
//! turns a schedule around. Knows nothing of what the values mean.

use serde::{Deserialize, Serialize};

/// Values in sampling order: the first step first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SamplingOrder<T>(pub Vec<T>);

/// Values in the reference implementation's loop-index order: index 0 is the final step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoopIndexOrder<T>(pub Vec<T>);

impl<T> SamplingOrder<T> {
    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a step counted from 0 in sampling order, if there is such a step.
    pub fn get(&self, step: usize) -> Option<&T> {
        self.0.get(step)
    }

    /// The values, first step first.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// The values, first step first.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> LoopIndexOrder<T> {
    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at a loop index: index 0 is the final step.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.0.get(index)
    }

    /// The values, final step first.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T> FromIterator<T> for SamplingOrder<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        SamplingOrder(values.into_iter().collect())
    }
}

impl<'a, T> IntoIterator for &'a SamplingOrder<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> From<LoopIndexOrder<T>> for SamplingOrder<T> {
    fn from(mut list: LoopIndexOrder<T>) -> Self {
        list.0.reverse();
        SamplingOrder(list.0)
    }
}

impl<T> From<SamplingOrder<T>> for LoopIndexOrder<T> {
    fn from(mut list: SamplingOrder<T>) -> Self {
        list.0.reverse();
        LoopIndexOrder(list.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back_is_where_it_began(values: Vec<u32>) {
            let sampling = SamplingOrder(values);
            let back = SamplingOrder::from(LoopIndexOrder::from(sampling.clone()));
            prop_assert_eq!(back, sampling);
        }

        #[test]
        fn loop_index_0_is_the_last_step(values in prop::collection::vec(any::<u32>(), 1..50)) {
            let n = values.len();
            let sampling = SamplingOrder(values);
            let index = LoopIndexOrder::from(sampling.clone());
            prop_assert_eq!(index.len(), n);
            for step in 0..n {
                prop_assert_eq!(sampling.get(step), index.get(n - 1 - step));
            }
            prop_assert_eq!(index.get(n), None);
        }
    }
}
