//! The summary for a terminal: best settings, the effect of each parameter, and whether the best
//! is better than the next on the same prompts and seeds.

use super::effects::effects;
use super::finding::{Better, Finding, METRICS, Metric, digits, instance, mean};
use super::wilcoxon::signed_rank;
use crate::record::Record;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Most settings that are listed.
const MOST_SETTINGS: usize = 10;

/// Most values of a parameter whose means are listed.
const MOST_VALUES: usize = 12;

/// What a sweep found, in words.
pub fn summary(finding: &Finding<'_>) -> String {
    let trials = match finding.trials.len() {
        1 => "1 trial".to_owned(),
        trials => format!("{trials} trials"),
    };
    let mut text = format!("{}: {trials} done", finding.name);
    if !finding.failed.is_empty() {
        let _ = write!(text, ", {} failed", finding.failed.len());
    }
    text.push('\n');
    let Some(metric) = finding.ranking() else {
        text.push_str("no reference run: settings are not ranked; see the tables\n");
        described(&mut text, finding);
        return text;
    };
    let mut settings = finding.settings();
    settings.sort_by(|(_, a), (_, b)| {
        let mean = |members: &Vec<&Record>| mean(members, &metric).unwrap_or(f64::INFINITY);
        mean(a).total_cmp(&mean(b))
    });
    best(&mut text, &settings);
    parameters(&mut text, finding, &metric);
    pairs(&mut text, &settings, &metric);
    text
}

fn shown() -> Vec<Metric> {
    METRICS.into_iter().filter(|metric| metric.better != Better::Neither).collect()
}

fn best(text: &mut String, settings: &[(String, Vec<&Record>)]) {
    let metrics = shown();
    text.push_str("\nbest settings, means over prompts, seeds and sizes, by latent_rmse\n  ");
    for metric in &metrics {
        let _ = write!(text, "{:>14}", metric.name);
    }
    text.push_str("  trials  setting\n");
    for (name, members) in settings.iter().take(MOST_SETTINGS) {
        text.push_str("  ");
        for metric in &metrics {
            let value = mean(members, metric).map(digits).unwrap_or_default();
            let _ = write!(text, "{value:>14}");
        }
        let _ = writeln!(text, "  {:>6}  {name}", members.len());
    }
    if settings.len() > MOST_SETTINGS {
        let _ = writeln!(text, "  and {} more settings", settings.len() - MOST_SETTINGS);
    }
}

fn parameters(text: &mut String, finding: &Finding<'_>, metric: &Metric) {
    let effects = effects(&finding.swept, &finding.trials, metric);
    if effects.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\neffect of each parameter on {}: share of its variance within prompt, seed and size",
        metric.name
    );
    for effect in effects {
        let _ = write!(text, "  {:>5.1} %  {}", effect.share * 100.0, effect.path);
        if effect.means.len() <= MOST_VALUES {
            let means =
                effect.means.iter().map(|(value, mean, _)| format!("{value}: {}", digits(*mean)));
            let _ = write!(text, "  ({})", means.collect::<Vec<_>>().join(", "));
        }
        text.push('\n');
    }
}

fn pairs(text: &mut String, settings: &[(String, Vec<&Record>)], metric: &Metric) {
    let Some(((best, best_members), others)) = settings.split_first() else { return };
    let of = |members: &[&Record]| -> BTreeMap<_, f64> {
        let values = members.iter().filter_map(|r| Some((instance(r), (metric.of)(r)?)));
        values.collect()
    };
    let best_values = of(best_members);
    if best_values.len() < 2 || others.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n{} of other settings minus that of `{best}` on the same prompt, seed and size\
         \n      median   better  pairs       p",
        metric.name
    );
    for (name, members) in others.iter().take(MOST_SETTINGS - 1) {
        let values = of(members);
        let mut differences: Vec<f64> = best_values
            .iter()
            .filter_map(|(instance, best)| Some(values.get(instance)? - best))
            .collect();
        if differences.is_empty() {
            continue;
        }
        let p = signed_rank(&differences).map_or("1".to_owned(), |test| format!("{:.2e}", test.p));
        let better = differences.iter().filter(|difference| **difference < 0.0).count();
        differences.sort_by(f64::total_cmp);
        let _ = writeln!(
            text,
            "  {:>10}  {:>7}  {:>5}  {:>8}  {name}",
            digits(median(&differences)),
            format!("{better}/{}", differences.len()),
            differences.len(),
            p
        );
    }
    text.push_str("p: Wilcoxon's signed-rank test, two-sided, each pair of settings alone\n");
}

fn median(sorted: &[f64]) -> f64 {
    let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { at(half) } else { (at(half.saturating_sub(1)) + at(half)) / 2.0 }
}

fn described(text: &mut String, finding: &Finding<'_>) {
    for metric in METRICS {
        let values: Vec<f64> =
            finding.trials.iter().filter_map(|record| (metric.of)(record)).collect();
        if values.is_empty() {
            continue;
        }
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let _ = writeln!(
            text,
            "  {:>14}  mean {}, {} to {}",
            metric.name,
            digits(mean),
            digits(least),
            digits(most)
        );
    }
}
