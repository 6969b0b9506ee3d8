//! An axis of an experiment: one parameter, or several that move together.

use super::path::Path;
use super::values::{Scale, Value};
use statrs::function::erf::erfc_inv;
use std::f64::consts::SQRT_2;

/// Parameters that move together; one of them in most cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The parameters, at least one, with equally many values where values are listed.
    pub columns: Vec<Column>,
}

/// A parameter and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub path: Path,
    pub rule: ValueRule,
}

/// Where values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueRule {
    /// These, at least one.
    Listed(Vec<Value>),
    Uniform {
        min: f64,
        max: f64,
        /// Whether equal differences or equal factors are equally likely.
        scale: Scale,
    },
    /// A normal distribution of the value, or of its logarithm.
    Normal {
        /// The mean; of a log scale, the median.
        mean: f64,
        /// The deviation; of a log scale, that of the natural logarithm.
        deviation: f64,
        /// Of the value or of its logarithm.
        scale: Scale,
        /// Values beyond are moved to the end.
        min: Option<f64>,
        /// The same above.
        max: Option<f64>,
    },
}

impl Axis {
    /// How many listed values it has; 0 where a column has none to list.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |column| match &column.rule {
            ValueRule::Listed(values) => values.len(),
            ValueRule::Uniform { .. } | ValueRule::Normal { .. } => 0,
        })
    }

    /// Whether it has no listed values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The listed values at a place, one a column.
    pub fn at(&self, place: usize) -> Vec<Value> {
        let value = |column: &Column| match &column.rule {
            ValueRule::Listed(values) => values.get(place).cloned(),
            ValueRule::Uniform { .. } | ValueRule::Normal { .. } => None,
        };
        self.columns.iter().filter_map(value).collect()
    }

    /// The values at `share` in 0…1 of the distribution, one a column: a listed value is as
    /// likely as another.
    pub fn quantile(&self, share: f64) -> Vec<Value> {
        let listed = self.len();
        if listed > 0 {
            let place = ((share * listed as f64) as usize).min(listed - 1);
            return self.at(place);
        }
        self.columns.iter().map(|column| column.quantile(share)).collect()
    }
}

impl Column {
    fn quantile(&self, share: f64) -> Value {
        let number = match &self.rule {
            ValueRule::Listed(values) => {
                return values.first().cloned().unwrap_or(Value::Number(f64::NAN));
            }
            ValueRule::Uniform { min, max, scale } => scale.between(*min, *max, share),
            ValueRule::Normal { mean, deviation, scale, min, max } => {
                // Φ⁻¹, kept off its poles.
                let share = share.clamp(1e-12, 1.0 - 1e-12);
                let spread = deviation * -SQRT_2 * erfc_inv(2.0 * share);
                let number = match scale {
                    Scale::Linear => mean + spread,
                    Scale::Log => mean * spread.exp(),
                };
                let number = min.map_or(number, |min| number.max(min));
                max.map_or(number, |max| number.min(max))
            }
        };
        if self.path.is_whole() {
            // A conversion to an integer saturates.
            Value::Whole(number.round() as u64)
        } else {
            Value::Number(number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::path::Slice;
    use sigmalab_schedule::edit::Column as StepColumn;

    fn axis(rule: ValueRule) -> Axis {
        let path = Path::Steps(StepColumn::Mu, Slice::All);
        Axis { columns: vec![Column { path, rule }] }
    }

    fn number(axis: &Axis, share: f64) -> f64 {
        axis.quantile(share).first().and_then(Value::number).unwrap_or(f64::NAN)
    }

    #[test]
    fn quantiles_of_a_normal_distribution_are_the_known_ones() {
        let normal = |scale, mean| {
            axis(ValueRule::Normal { mean, deviation: 2.0, scale, min: None, max: Some(9.0) })
        };
        let linear = normal(Scale::Linear, 1.0);
        assert!((number(&linear, 0.5) - 1.0).abs() < 1e-9);
        assert!((number(&linear, 0.975) - (1.0 + 2.0 * 1.959_963_985)).abs() < 1e-6);
        assert_eq!(number(&linear, 1.0), 9.0);
        assert!((number(&normal(Scale::Log, 3.0), 0.5) - 3.0).abs() < 1e-9);
        assert!(number(&linear, 0.0).is_finite());
    }

    #[test]
    fn a_log_scale_has_the_geometric_mean_in_its_middle() {
        let log = axis(ValueRule::Uniform { min: 0.01, max: 1.0, scale: Scale::Log });
        assert_eq!((number(&log, 0.0), number(&log, 1.0)), (0.01, 1.0));
        assert!((number(&log, 0.5) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn listed_values_share_the_interval_evenly() {
        let list = axis(ValueRule::Listed([1.0, 2.0, 3.0].map(Value::Number).to_vec()));
        let found: Vec<f64> = [0.0, 0.33, 0.34, 0.66, 0.67, 1.0].map(|u| number(&list, u)).to_vec();
        assert_eq!(found, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    }
}
