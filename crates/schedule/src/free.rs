//! Steps from plain parameters: the reference's call without a preset, and flags over a preset.

use super::fault::MAX_STEPS;
use super::order::{LoopIndexOrder, SamplingOrder};
use super::preset::{Preset, Step};
use super::terminal::Terminal;

pub use super::preset::FREE;

/// gw for every step, as flags and files give it.
#[derive(Debug, Clone, PartialEq)]
pub enum Guidance {
    /// One weight for every step: the reference's `guidance_scale`.
    Scale(f64),
    /// One weight a step, final step first: the reference's `guidance_schedule`.
    LoopIndex(LoopIndexOrder<f64>),
    /// One weight a step, first step first.
    Sampling(SamplingOrder<f64>),
}

/// The parameters of a schedule without a preset. The default is that of the reference's call:
/// 48 steps, `guidance_scale` 7.0, no `guidance_schedule`, mu 0.5, std 1.0.
#[derive(Debug, Clone, PartialEq)]
pub struct FreeParameters {
    pub num_steps: usize,
    pub guidance: Guidance,
    /// mu of every step.
    pub mu: f64,
    /// std of every step.
    pub std: f64,
    /// Where the last step ends.
    pub terminal: Terminal,
}

/// What flags change in a preset. `None` leaves the preset's own value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overrides {
    pub num_steps: Option<usize>,
    /// gw of every step.
    pub guidance: Option<Guidance>,
    /// mu of every step.
    pub mu: Option<f64>,
    /// std of every step.
    pub std: Option<f64>,
    /// Where the last step ends.
    pub terminal: Option<Terminal>,
}

/// Parameters that make no schedule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParameterError {
    #[error("the number of steps is 0: give at least 1")]
    NoSteps,
    #[error("the number of steps is {steps}, which is more than {MAX_STEPS}: give fewer")]
    TooManySteps { steps: usize },
    #[error(
        "the guidance list has {given} weights and the schedule has {steps} steps: give one \
         weight a step, or set the number of steps to {given}"
    )]
    GuidanceLength { given: usize, steps: usize },
    #[error("weight {position} of the guidance list is {value}: give it a finite number")]
    Weight {
        /// Its place in the list as it was given, counted from 1.
        position: usize,
        value: f64,
    },
    #[error("{name} is {value}: give it a finite number")]
    NotFinite {
        /// `guidance scale`, `mu` or `std`.
        name: &'static str,
        value: f64,
    },
    #[error("std is {std}: it must be above 0")]
    StdNotPositive { std: f64 },
}

impl Default for FreeParameters {
    fn default() -> Self {
        FreeParameters {
            num_steps: 48,
            guidance: Guidance::Scale(7.0),
            mu: 0.5,
            std: 1.0,
            terminal: Terminal::Reference,
        }
    }
}

impl FreeParameters {
    /// The preset they describe; its name is [`FREE`].
    pub fn preset(&self) -> Result<Preset, ParameterError> {
        check_count(self.num_steps)?;
        check_mu(self.mu)?;
        check_std(self.std)?;
        let gw = self.guidance.weights(self.num_steps)?;
        let steps = gw.iter().map(|&gw| Step { gw, mu: self.mu, std: self.std }).collect();
        Ok(Preset { name: FREE.to_owned(), description: None, steps, terminal: self.terminal })
    }
}

impl Guidance {
    /// One weight a step; a list must have exactly `steps` of them.
    fn weights(&self, steps: usize) -> Result<SamplingOrder<f64>, ParameterError> {
        let list = match self {
            Guidance::Scale(value) if !value.is_finite() => {
                return Err(ParameterError::NotFinite { name: "guidance scale", value: *value });
            }
            Guidance::Scale(value) => return Ok(SamplingOrder(vec![*value; steps])),
            Guidance::LoopIndex(list) => &list.0,
            Guidance::Sampling(list) => &list.0,
        };
        if list.len() != steps {
            return Err(ParameterError::GuidanceLength { given: list.len(), steps });
        }
        if let Some(at) = list.iter().position(|value| !value.is_finite()) {
            let value = list.get(at).copied().unwrap_or(f64::NAN);
            return Err(ParameterError::Weight { position: at + 1, value });
        }
        Ok(match self {
            Guidance::LoopIndex(list) => list.clone().into(),
            _ => SamplingOrder(list.clone()),
        })
    }
}

impl Preset {
    /// The preset with flags over it; a flag beats the preset.
    ///
    /// Another number of steps keeps the shape: step k of n takes the values of the preset's step
    /// ⌊(k + ½)·N/n⌋, the one in the middle of the same share of the run, so polish steps stay at
    /// the end and their number scales. With the preset's own number nothing moves. mu, std and
    /// guidance then apply to the new steps; a guidance list must have as many weights.
    pub fn with_overrides(&self, overrides: &Overrides) -> Result<Preset, ParameterError> {
        let steps = overrides.num_steps.unwrap_or(self.steps.len());
        check_count(steps)?;
        let mut preset = Preset {
            name: self.name.clone(),
            description: self.description.clone(),
            steps: resample(&self.steps, steps)?,
            terminal: overrides.terminal.unwrap_or(self.terminal),
        };
        if let Some(mu) = overrides.mu {
            check_mu(mu)?;
            preset.steps.0.iter_mut().for_each(|step| step.mu = mu);
        }
        if let Some(std) = overrides.std {
            check_std(std)?;
            preset.steps.0.iter_mut().for_each(|step| step.std = std);
        }
        if let Some(guidance) = &overrides.guidance {
            let weights = guidance.weights(steps)?;
            for (step, &gw) in preset.steps.0.iter_mut().zip(&weights) {
                step.gw = gw;
            }
        }
        Ok(preset)
    }
}

/// `n` steps of the shape of `rows`.
pub(super) fn resample(
    rows: &SamplingOrder<Step>,
    n: usize,
) -> Result<SamplingOrder<Step>, ParameterError> {
    (0..n)
        .map(|k| {
            // (2k + 1)·N/(2n) without overflow, whatever a caller's N is.
            let row = (2 * k as u128 + 1) * rows.len() as u128 / (2 * n as u128);
            let row = usize::try_from(row).unwrap_or(usize::MAX);
            rows.get(row).copied().ok_or(ParameterError::NoSteps)
        })
        .collect::<Result<Vec<_>, _>>()
        .map(SamplingOrder)
}

fn check_count(steps: usize) -> Result<(), ParameterError> {
    match steps {
        0 => Err(ParameterError::NoSteps),
        1..=MAX_STEPS => Ok(()),
        _ => Err(ParameterError::TooManySteps { steps }),
    }
}

fn check_mu(mu: f64) -> Result<(), ParameterError> {
    if mu.is_finite() { Ok(()) } else { Err(ParameterError::NotFinite { name: "mu", value: mu }) }
}

fn check_std(std: f64) -> Result<(), ParameterError> {
    if !std.is_finite() {
        return Err(ParameterError::NotFinite { name: "std", value: std });
    }
    if std <= 0.0 { Err(ParameterError::StdNotPositive { std }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::runs::gw_runs;
    use proptest::prelude::*;

    fn preset(steps: Vec<Step>) -> Preset {
        let terminal = Terminal::Reference;
        Preset { name: "P".to_owned(), description: None, steps: SamplingOrder(steps), terminal }
    }

    /// `usual` steps at gw 7, then `polish` at gw 3.
    fn polished(usual: usize, polish: usize) -> Preset {
        let step = Step { gw: 7.0, mu: 0.0, std: 1.5 };
        let mut steps = vec![step; usual];
        steps.extend(vec![Step { gw: 3.0, ..step }; polish]);
        preset(steps)
    }

    fn list(weights: &[f64]) -> Guidance {
        Guidance::Sampling(SamplingOrder(weights.to_vec()))
    }

    #[test]
    fn without_any_flag_the_parameters_are_those_of_the_references_call() {
        let preset = FreeParameters::default().preset().unwrap();
        assert_eq!(preset.steps.0, [Step { gw: 7.0, mu: 0.5, std: 1.0 }; 48]);
        assert_eq!((preset.name.as_str(), preset.terminal), ("none", Terminal::Reference));
    }

    #[test]
    fn a_list_in_loop_index_order_is_turned_and_one_in_sampling_order_is_not() {
        let parameters = |guidance| FreeParameters { num_steps: 3, guidance, ..Default::default() };
        let gw = |guidance| gw_runs(parameters(guidance).preset().unwrap().steps.as_slice());
        assert_eq!(gw(list(&[7.0, 7.0, 3.0])), "7x2 3x1");
        assert_eq!(gw(Guidance::LoopIndex(LoopIndexOrder(vec![3.0, 7.0, 7.0]))), "7x2 3x1");
    }

    #[test]
    fn a_guidance_list_of_the_wrong_length_is_refused_with_both_numbers() {
        let error = FreeParameters { guidance: list(&[7.0; 3]), ..Default::default() }.preset();
        let message = error.unwrap_err().to_string();
        assert!(message.contains("3 weights") && message.contains("48 steps"), "{message}");
        let overrides = Overrides { guidance: Some(list(&[7.0; 48])), ..Default::default() };
        assert!(polished(45, 3).with_overrides(&overrides).is_ok());
        let overrides = Overrides { num_steps: Some(12), ..overrides };
        let error = polished(45, 3).with_overrides(&overrides).unwrap_err();
        assert_eq!(error, ParameterError::GuidanceLength { given: 48, steps: 12 });
    }

    #[test]
    fn numbers_that_make_no_schedule_are_refused_by_name() {
        let refusal = |overrides: Overrides| {
            polished(2, 1).with_overrides(&overrides).unwrap_err().to_string()
        };
        let none = Overrides::default();
        for (overrides, words) in [
            (Overrides { num_steps: Some(0), ..none.clone() }, "number of steps is 0"),
            (Overrides { num_steps: Some(usize::MAX), ..none.clone() }, "more than 1000"),
            (Overrides { mu: Some(f64::NAN), ..none.clone() }, "mu is NaN"),
            (Overrides { std: Some(f64::INFINITY), ..none.clone() }, "std is inf"),
            (Overrides { std: Some(-0.5), ..none.clone() }, "std is -0.5"),
            (
                Overrides { guidance: Some(Guidance::Scale(f64::NAN)), ..none.clone() },
                "guidance scale is NaN",
            ),
            (
                Overrides { guidance: Some(list(&[1.0, f64::INFINITY, 1.0])), ..none },
                "weight 2 of the guidance list is inf",
            ),
        ] {
            assert!(refusal(overrides.clone()).contains(words), "{overrides:?}");
        }
    }

    #[test]
    fn a_flag_beats_the_preset_and_what_no_flag_names_stays() {
        let overrides = Overrides {
            num_steps: None,
            guidance: Some(Guidance::Scale(5.0)),
            mu: None,
            std: Some(2.0),
            terminal: Some(Terminal::Zero),
        };
        let changed = polished(2, 1).with_overrides(&overrides).unwrap();
        assert_eq!(changed.steps.0, [Step { gw: 5.0, mu: 0.0, std: 2.0 }; 3]);
        assert_eq!((changed.name.as_str(), changed.terminal), ("P", Terminal::Zero));
    }

    #[test]
    fn another_number_of_steps_scales_the_polish_steps() {
        for (steps, gw) in [
            (48, "7x45 3x3"),
            (96, "7x90 3x6"),
            (32, "7x30 3x2"),
            (16, "7x15 3x1"),
            (20, "7x19 3x1"),
            (4, "7x4"),
        ] {
            let overrides = Overrides { num_steps: Some(steps), ..Default::default() };
            let resampled = polished(45, 3).with_overrides(&overrides).unwrap();
            assert_eq!(gw_runs(resampled.steps.as_slice()), gw);
        }
    }

    proptest! {
        #[test]
        fn the_presets_own_number_of_steps_moves_nothing(
            values in prop::collection::vec((0.0f64..9.0, -1.0f64..1.0, 0.1f64..3.0), 1..80),
        ) {
            let steps: Vec<Step> =
                values.iter().map(|&(gw, mu, std)| Step { gw, mu, std }).collect();
            let preset = preset(steps);
            let overrides = Overrides { num_steps: Some(values.len()), ..Default::default() };
            prop_assert_eq!(preset.with_overrides(&overrides), Ok(preset.clone()));
            prop_assert_eq!(preset.with_overrides(&Overrides::default()), Ok(preset));
        }

        #[test]
        fn resampling_keeps_the_order_and_takes_every_row_alike(rows in 1usize..60, n in 1usize..60) {
            let steps = (0..rows).map(|k| Step { gw: k as f64, mu: 0.0, std: 1.0 }).collect();
            let overrides = Overrides { num_steps: Some(n), ..Default::default() };
            let resampled = preset(steps).with_overrides(&overrides).unwrap();
            prop_assert_eq!(resampled.steps.len(), n);
            prop_assert!(resampled.steps.0.is_sorted_by(|a, b| a.gw <= b.gw));
            // No row is taken more than once more often than another.
            let mut taken = vec![0usize; rows];
            resampled.steps.iter().for_each(|step| taken[step.gw as usize] += 1);
            let (least, most) = (taken.iter().min().unwrap(), taken.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{taken:?}");
        }

        #[test]
        fn a_preset_without_steps_is_refused_and_never_a_panic(n: Option<usize>) {
            let overrides = Overrides { num_steps: n, ..Default::default() };
            prop_assert!(preset(vec![]).with_overrides(&overrides).is_err());
        }
    }
}
