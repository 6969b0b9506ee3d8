//! Runs of equal values: the short form in which tables show a list of per-step values.

use super::preset::Step;
use std::fmt;

/// A value and how many steps in a row have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run<T> {
    pub value: T,
    /// The number of steps, at least 1.
    pub steps: usize,
}

/// The runs of equal neighbours in `values`, in the order of `values`.
pub fn runs<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<Run<T>> {
    let mut runs: Vec<Run<T>> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some(run) if run.value == value => run.steps += 1,
            _ => runs.push(Run { value, steps: 1 }),
        }
    }
    runs
}

/// gw of `steps` as `VALUExSTEPS`, in the order of `steps`: `7x45 3x3` is 45 steps at gw 7, then 3
/// at gw 3. Numbers are written so that reading them gives the same value.
pub fn gw_runs(steps: &[Step]) -> String {
    runs(steps.iter().map(|step| step.gw)).iter().map(Run::to_string).collect::<Vec<_>>().join(" ")
}

impl<T: fmt::Display> fmt::Display for Run<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.value, self.steps)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn at(gw: f64) -> Step {
        Step { gw, mu: 0.0, std: 1.0 }
    }

    #[test]
    fn polish_steps_are_a_run_of_their_own() {
        let mut steps = vec![at(7.0); 45];
        steps.extend([at(3.0); 3]);
        assert_eq!(gw_runs(&steps), "7x45 3x3");
        assert_eq!(gw_runs(&[at(7.0), at(2.5), at(7.0)]), "7x1 2.5x1 7x1");
        assert_eq!(gw_runs(&[]), "");
    }

    proptest! {
        #[test]
        fn runs_say_all_there_is_in_as_few_words_as_can_be(
            values in prop::collection::vec(0i32..3, 0..40),
        ) {
            let gws = values.iter().map(|&v| f64::from(v) / 3.0);
            let text = gw_runs(&gws.clone().map(at).collect::<Vec<_>>());
            let mut back = Vec::new();
            for run in text.split_whitespace() {
                let (value, steps) = run.split_once('x').unwrap();
                let (value, steps) = (value.parse::<f64>().unwrap(), steps.parse().unwrap());
                prop_assert!(back.last() != Some(&value));
                back.extend(vec![value; steps]);
            }
            prop_assert_eq!(back, gws.collect::<Vec<_>>());
        }
    }
}
