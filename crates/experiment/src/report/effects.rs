//! What each swept parameter does to a metric: the share of the metric's variance that lies
//! between its values, and the mean at each. Numbers in, numbers out.

use super::finding::{Metric, is_instance, short};
use crate::record::Record;
use std::collections::HashMap;

/// The effect of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect {
    pub(super) path: String,
    /// η² = variance between the parameter's values / all variance, 0…1.
    pub(super) share: f64,
    /// Mean of the metric at each value, values in the order of the trials.
    pub(super) means: Vec<(String, f64, usize)>,
}

/// The effect of each parameter on `metric`, the largest first. Differences between prompts,
/// seeds and sizes are taken out first: each trial counts by how far it is from the mean of its
/// instance. A parameter with as many values as trials has none.
pub(super) fn effects(swept: &[String], trials: &[&Record], metric: &Metric) -> Vec<Effect> {
    let values: Vec<(&Record, f64)> = trials
        .iter()
        .filter_map(|record| Some((*record, (metric.of)(record)?)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let centred = centred(&values);
    let mut effects: Vec<Effect> = swept
        .iter()
        .filter(|path| !is_instance(path))
        .filter_map(|path| effect(path, &values, &centred))
        .collect();
    effects.sort_by(|a, b| b.share.total_cmp(&a.share));
    effects
}

fn centred(values: &[(&Record, f64)]) -> Vec<f64> {
    let instances: Vec<_> = values.iter().map(|(r, _)| super::finding::instance(r)).collect();
    let mut sums = std::collections::BTreeMap::new();
    for (instance, (_, value)) in instances.iter().zip(values) {
        let (sum, count) = sums.entry(instance).or_insert((0.0, 0.0));
        *sum += value;
        *count += 1.0;
    }
    let mean = |instance: &(String, u64, String)| {
        sums.get(instance).map_or(0.0, |(sum, count): &(f64, f64)| sum / count)
    };
    instances.iter().zip(values).map(|(instance, (_, value))| value - mean(instance)).collect()
}

fn effect(path: &str, values: &[(&Record, f64)], centred: &[f64]) -> Option<Effect> {
    let mut groups: Vec<(String, f64, f64, usize)> = Vec::new();
    // A parameter may have as many values as there are trials.
    let mut indices: HashMap<String, usize> = HashMap::new();
    let mut total = 0.0;
    for ((record, value), centred) in values.iter().zip(centred) {
        let (_, found) = record.point.iter().find(|(found, _)| found == path)?;
        let name = short(found);
        total += centred * centred;
        match indices.get(&name).and_then(|index| groups.get_mut(*index)) {
            Some((_, sum, deviation, count)) => {
                *sum += value;
                *deviation += centred;
                *count += 1;
            }
            None => {
                indices.insert(name.clone(), groups.len());
                groups.push((name, *value, *centred, 1));
            }
        }
    }
    if groups.len() < 2 || groups.len() == values.len() || total <= 0.0 {
        return None;
    }
    let between: f64 =
        groups.iter().map(|(_, _, deviation, count)| deviation * deviation / *count as f64).sum();
    let means = groups.into_iter().map(|(name, sum, _, count)| (name, sum / count as f64, count));
    Some(Effect { path: path.to_owned(), share: between / total, means: means.collect() })
}
