//! The finished trials of a sweep, by setting and instance: a setting is what is swept, an
//! instance is the prompt, seed and size it is tried on.

use crate::record::{Kind, Record};
use crate::spec::Value;
use crate::sweep::Sweep;
use std::collections::BTreeMap;

/// What is read from the records.
#[derive(Debug)]
pub struct Finding<'a> {
    pub name: &'a str,
    /// A sentence on what it is for.
    pub description: Option<&'a str>,
    /// Swept paths, in the order of the file.
    pub swept: Vec<String>,
    /// Finished trials, by number.
    pub trials: Vec<&'a Record>,
    /// Failed trials, by number.
    pub failed: Vec<&'a Record>,
    pub references: Vec<&'a Record>,
}

/// A measure of a trial.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, as its column is called.
    pub name: &'static str,
    pub better: Better,
    /// The value, where the trial has one.
    pub of: fn(&Record) -> Option<f64>,
}

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Lower,
    Higher,
    /// Neither: it describes.
    Neither,
}

/// The metrics that reports tell of.
pub const METRICS: [Metric; 10] = [
    Metric {
        name: "latent_rmse",
        better: Better::Lower,
        of: |record| record.measured()?.against.map(|against| against.latent_rmse),
    },
    Metric {
        name: "psnr",
        better: Better::Higher,
        of: |record| {
            let against = record.measured()?.against?;
            // Equal pictures have none, and so have runs that were not decoded.
            against.ssim.map(|_| against.psnr.unwrap_or(f64::INFINITY))
        },
    },
    Metric { name: "ssim", better: Better::Higher, of: |record| record.measured()?.against?.ssim },
    Metric { name: "nfe", better: Better::Lower, of: |record| Some(cost(record)? as f64) },
    Metric {
        name: "clip_fraction",
        better: Better::Lower,
        of: |record| {
            let measured = record.measured()?;
            measured.picture.map(|_| measured.clip_fraction)
        },
    },
    Metric {
        name: "saturation",
        better: Better::Neither,
        of: |record| Some(record.measured()?.picture?.saturation),
    },
    Metric {
        name: "contrast",
        better: Better::Neither,
        of: |record| Some(record.measured()?.picture?.contrast),
    },
    Metric {
        name: "sharpness",
        better: Better::Neither,
        of: |record| Some(record.measured()?.picture?.sharpness),
    },
    Metric {
        name: "colourfulness",
        better: Better::Neither,
        of: |record| Some(record.measured()?.picture?.colourfulness),
    },
    Metric {
        name: "straightness",
        better: Better::Neither,
        of: |record| Some(record.measured()?.straightness),
    },
];

/// Evaluations of both networks that a trial needs when it is run alone: its cost, whatever the
/// sweep saved.
fn cost(record: &Record) -> Option<u64> {
    let nfe = record.measured()?.nfe;
    Some(nfe.cond_done + nfe.uncond_done + nfe.cond_saved + nfe.uncond_saved)
}

impl<'a> Finding<'a> {
    /// What a sweep has so far.
    pub fn of(sweep: &'a Sweep) -> Self {
        let (trials, failed) = sweep
            .ledger
            .of(Kind::Trial)
            .into_iter()
            .partition(|record| record.measured().is_some());
        let references = sweep.ledger.of(Kind::Reference);
        Finding {
            name: &sweep.experiment.spec.name,
            description: sweep.experiment.spec.description.as_deref(),
            swept: sweep.swept(),
            trials,
            failed,
            references: references.into_iter().filter(|run| run.measured().is_some()).collect(),
        }
    }

    /// The metric that ranks settings: the distance to the reference, where there is one.
    pub fn ranking(&self) -> Option<Metric> {
        let first = METRICS.first().copied()?;
        self.trials.iter().any(|record| (first.of)(record).is_some()).then_some(first)
    }

    /// Finished trials by setting, settings in the order of their first trial.
    pub fn settings(&self) -> Vec<(String, Vec<&'a Record>)> {
        let mut settings: Vec<(String, Vec<&'a Record>)> = Vec::new();
        let mut indices: BTreeMap<String, usize> = BTreeMap::new();
        for record in &self.trials {
            let setting = setting(record);
            match indices.get(&setting).and_then(|index| settings.get_mut(*index)) {
                Some((_, members)) => members.push(record),
                None => {
                    indices.insert(setting.clone(), settings.len());
                    settings.push((setting, vec![record]));
                }
            }
        }
        settings
    }
}

/// The swept values that are no prompt, seed or size, in words.
pub(super) fn setting(record: &Record) -> String {
    let pairs = record.point.iter().filter(|(path, _)| !is_instance(path));
    let words: Vec<String> =
        pairs.map(|(path, value): &(String, Value)| format!("{path} {}", short(value))).collect();
    if words.is_empty() { "base".to_owned() } else { words.join(", ") }
}

/// Whether a path says what a setting is tried on, not what it is.
pub(super) fn is_instance(path: &str) -> bool {
    matches!(path, "prompt" | "seed" | "size")
}

/// Prompt, seed and size: what two settings are compared on.
pub(super) fn instance(record: &Record) -> (String, u64, String) {
    (record.prompt_id.clone(), record.seed, record.recipe.size.to_string())
}

/// The run's picture, in the run directory.
pub(super) fn file_of(record: &Record) -> Option<&str> {
    record.measured()?.image.as_deref()
}

/// What stands above the run's picture.
pub(super) fn title(record: &Record) -> String {
    format!("{} · {} · seed {}", setting(record), record.prompt_id, record.seed)
}

/// A value in few digits.
pub fn short(value: &Value) -> String {
    match value {
        Value::Number(number) => digits(*number),
        other => other.to_string(),
    }
}

/// A number in at most four significant digits.
pub fn digits(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let decimals = (3.0 - number.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{number:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The mean of a metric; `None` where no record has it.
pub(super) fn mean<'r>(
    records: impl IntoIterator<Item = &'r &'r Record>,
    metric: &Metric,
) -> Option<f64> {
    let values: Vec<f64> = records.into_iter().filter_map(|record| (metric.of)(record)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_four_digits() {
        let cases = [(0.123456, "0.1235"), (12.0, "12"), (1.5, "1.5"), (123456.7, "123457")];
        for (number, text) in cases {
            assert_eq!(digits(number), text);
        }
        assert_eq!((digits(0.0), digits(f64::INFINITY)), ("0".to_owned(), "inf".to_owned()));
        assert_eq!(digits(-0.00012346), "-0.0001235");
    }
}
