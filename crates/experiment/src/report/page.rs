//! The page: one HTML file that needs no other. The pictures as a matrix, every trial in a table, a
//! plot. All text that comes from files of users is escaped here, once, and the page's policy lets
//! nothing run but the page's own script.

use super::columns::Columns;
use super::finding::{
    Finding, METRICS, digits, file_of, instance, is_instance, setting, short, title,
};
use super::html::{escaped, policy, small};
use super::summary::summary;
use crate::directory::RunDirectory;
use crate::record::{Outcome, Record};
use crate::tables::in_runs;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeSet, HashMap, HashSet};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Most pictures that lie inside the page; further trials have a link to theirs.
const MOST_PICTURES: usize = 500;

/// Most trials that the page holds, and failed ones beside so many.
const MOST_TRIALS: usize = 2_000;
const MOST_FAILED: usize = 100;

/// Most settings side by side.
const MOST_SETTINGS: usize = 100;

/// Prompt, seed and size.
type Instance = (String, u64, String);

/// The page of a sweep whose run directory is `directory`.
pub(super) fn page(finding: &Finding<'_>, directory: &RunDirectory) -> String {
    let records = shown(finding);
    let columns = Columns::of(finding, &records);
    fill(&[
        ("policy", policy(STYLE, Some(SCRIPT))),
        ("style", STYLE.to_owned()),
        ("script", SCRIPT.to_owned()),
        ("title", escaped(finding.name)),
        ("description", escaped(finding.description.unwrap_or_default())),
        ("matrix", matrix(finding, &records, directory)),
        ("constant", columns.constant()),
        ("head", columns.head()),
        ("left_out", left_out(finding, records.len())),
        ("rows", records.iter().enumerate().map(|(at, record)| columns.row(at, record)).collect()),
        ("summary", escaped(&summary(finding))),
        ("runs", runs(finding, &records)),
    ])
}

/// The trials that the page holds: all, or of very many those nearest to their reference runs, and
/// where there is none the first, so that a browser can open it.
fn shown<'a>(finding: &Finding<'a>) -> Vec<&'a Record> {
    let mut done = finding.trials.clone();
    if done.len() > MOST_TRIALS {
        if let Some(metric) = finding.ranking() {
            let value = |record: &&Record| (metric.of)(record).unwrap_or(f64::INFINITY);
            done.sort_by(|a, b| value(a).total_cmp(&value(b)));
        }
        done.truncate(MOST_TRIALS);
        done.sort_by_key(|record| record.number);
    }
    let room = MOST_TRIALS.saturating_sub(done.len()).max(MOST_FAILED);
    done.into_iter().chain(finding.failed.iter().copied().take(room)).collect()
}

/// What is said of those that the page does not hold.
fn left_out(finding: &Finding<'_>, shown: usize) -> String {
    let all = finding.trials.len() + finding.failed.len();
    if shown == all {
        return String::new();
    }
    let which =
        if finding.ranking().is_some() { "those nearest to their reference" } else { "the first" };
    format!(
        "<p class=\"hint\">{shown} of {all} trials, {which}; trials.csv has every one, and the summary \
         is of all.</p>"
    )
}

/// A row a prompt, seed and size, a column a setting, the reference run in front.
fn matrix(finding: &Finding<'_>, records: &[&Record], directory: &RunDirectory) -> String {
    let instances: BTreeSet<Instance> = records.iter().map(|record| instance(record)).collect();
    let mut settings: Vec<String> = Vec::new();
    let mut cells: HashMap<(Instance, String), &Record> = HashMap::new();
    let mut known = HashSet::new();
    for record in records {
        let setting = setting(record);
        if known.insert(setting.clone()) {
            settings.push(setting.clone());
        }
        cells.entry((instance(record), setting)).or_insert(record);
    }
    let references: HashMap<Instance, &Record> =
        finding.references.iter().map(|record| (instance(record), *record)).collect();
    let all = settings.len();
    settings.truncate(MOST_SETTINGS);
    let most_rows = (MOST_PICTURES / settings.len().max(1)).max(1);
    let mut left = MOST_PICTURES;
    let mut text = "<table><thead><tr><th></th>".to_owned();
    if !references.is_empty() {
        text.push_str("<th>reference</th>");
    }
    for setting in &settings {
        text.push_str(&format!("<th>{}</th>", escaped(setting)));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for place in instances.iter().take(most_rows) {
        let (prompt, seed, size) = place;
        text.push_str(&format!(
            "<tr><th>{}<br>seed {seed}<br>{}</th>",
            escaped(prompt),
            escaped(size)
        ));
        if !references.is_empty() {
            text.push_str(&cell(references.get(place).copied(), directory, &mut left));
        }
        for name in &settings {
            let here = cells.get(&(place.clone(), name.clone())).copied();
            text.push_str(&cell(here, directory, &mut left));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table>");
    if all > settings.len() || instances.len() > most_rows {
        text.push_str(&format!(
            "<p class=\"hint\">{} of {all} settings and {} of {} rows; the table has every trial.</p>",
            settings.len(),
            most_rows.min(instances.len()),
            instances.len()
        ));
    }
    text
}

/// A picture of the matrix that opens large, and its distance.
fn cell(record: Option<&Record>, directory: &RunDirectory, left: &mut usize) -> String {
    let Some(record) = record else { return "<td></td>".to_owned() };
    let Some(file) = file_of(record) else {
        let why = match record.outcome {
            Outcome::Failed { .. } => "failed",
            Outcome::Done(_) => "no picture kept",
        };
        return format!("<td><small>{why}</small></td>");
    };
    let title = escaped(&title(record));
    let distance = record.measured().and_then(|measured| measured.against);
    let caption = distance.map(|against| format!("rmse {}", digits(against.latent_rmse)));
    let small = (*left > 0).then(|| small(directory, file)).flatten();
    let inside = match small {
        Some(small) => {
            *left -= 1;
            format!(
                "<img alt=\"{title}\" width=\"{}\" height=\"{}\" src=\"data:image/jpeg;base64,{}\">",
                small.0,
                small.1,
                STANDARD.encode(small.2)
            )
        }
        None if *left == 0 => "open".to_owned(),
        None => "the picture is gone".to_owned(),
    };
    format!(
        "<td><button type=\"button\" class=\"shot\" data-run=\"{}\" title=\"{title}\">{inside}\
         <small>{}</small></button></td>",
        escaped(record.id.short()),
        escaped(&caption.unwrap_or_default())
    )
}

/// What the page says of a picture that is looked at, by the run's identity: its file, what is known
/// of it in words, and its recipe.
fn runs(finding: &Finding<'_>, records: &[&Record]) -> String {
    let mut runs = Map::new();
    // There may be as many reference runs as trials.
    let shown: HashSet<Instance> = records.iter().map(|record| instance(record)).collect();
    let references = finding.references.iter().filter(|record| shown.contains(&instance(record)));
    let references = references.map(|record| (*record, true));
    for (record, reference) in records.iter().map(|record| (*record, false)).chain(references) {
        let Some(file) = file_of(record) else { continue };
        let recipe = &record.recipe;
        let mut facts: Vec<(String, String)> = Vec::new();
        let mut fact = |key: &str, value: String| facts.push((key.to_owned(), value));
        if reference {
            fact("reference", "what trials are measured against".to_owned());
        }
        for (path, value) in record.point.iter().filter(|(path, _)| !is_instance(path)) {
            fact(path, short(value));
        }
        for metric in &METRICS {
            if let Some(number) = (metric.of)(record) {
                fact(metric.name, digits(number));
            }
        }
        fact("prompt", recipe.prompt.clone());
        fact("seed", record.seed.to_string());
        fact("size", recipe.size.to_string());
        if let Some(preset) = &recipe.preset {
            fact("preset", preset.clone());
        }
        fact("steps", recipe.steps.len().to_string());
        fact("gw", in_runs(&recipe.steps, |step| step.gw));
        fact("mu", in_runs(&recipe.steps, |step| step.mu));
        fact("std", in_runs(&recipe.steps, |step| step.std));
        fact("terminal", recipe.terminal.to_string());
        let params = recipe.sampler.params.iter().map(|(key, value)| format!(" {key}={value}"));
        fact("sampler", recipe.sampler.id.clone() + &params.collect::<String>());
        fact("trial", record.id.short().to_owned());
        fact("file", file.to_owned());
        let run = json!({
            "file": file, "title": title(record), "facts": facts, "recipe": recipe.as_ref(),
        });
        runs.insert(record.id.short().to_owned(), run);
    }
    // No text of a recipe may end the element that it stands in.
    Json::Object(runs).to_string().replace('<', "\\u003c")
}

/// The template with its places filled. What is filled in is never looked at again, so that a
/// prompt may hold what looks like a place.
fn fill(values: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(TEMPLATE.len());
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            text.push_str("{{");
            rest = after;
            continue;
        };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            text.push_str(value);
        }
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_of_users_cannot_leave_its_place() {
        let wild = "<script>alert('x')</script> \"&{{rows}}";
        let page = fill(&[("title", escaped(wild)), ("rows", "ROWS".to_owned())]);
        assert!(!page.contains("<script>alert"), "escaped");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"));
        assert_eq!(page.matches("ROWS").count(), 1, "what is filled in is not filled again");
    }

    #[test]
    fn the_page_of_very_many_trials_holds_some_and_the_reference_runs_of_these() {
        use crate::trial::tests::experiment;
        let mut experiment = experiment("[reference]\npreset = \"V4_TURBO_12\"");
        experiment.inputs.prompts.truncate(1);
        experiment.spec.seeds = (0..MOST_TRIALS as u64 + 300).collect();
        let (mut trials, mut references) = (Vec::new(), Vec::new());
        for number in 0..experiment.len() {
            let trial = experiment.trial(number).unwrap();
            let reference = experiment.reference(&trial).unwrap().unwrap();
            let outcome = crate::record::tests::done(&trial.id);
            references.push(Record::of_reference(&reference).ended(1, 5, outcome.clone()));
            trials.push(Record::of_trial(&trial, Some(&reference)).ended(1, 5, outcome));
        }
        let finding = Finding {
            name: "x",
            description: None,
            swept: Vec::new(),
            trials: trials.iter().collect(),
            failed: Vec::new(),
            references: references.iter().collect(),
        };
        let folder = tempfile::tempdir().unwrap();
        let page = page(&finding, &RunDirectory::at(folder.path()));
        assert_eq!(page.matches("<tr title").count(), MOST_TRIALS);
        assert_eq!(page.matches("what trials are measured against").count(), MOST_TRIALS);
        assert!(page.contains("2000 of 2300 trials"));
    }

    #[test]
    fn every_place_of_the_template_has_its_value() {
        let mut places: Vec<&str> =
            TEMPLATE.split("{{").skip(1).filter_map(|part| part.split("}}").next()).collect();
        places.sort_unstable();
        places.dedup();
        let known = [
            "constant",
            "description",
            "head",
            "left_out",
            "matrix",
            "policy",
            "rows",
            "runs",
            "script",
            "style",
            "summary",
            "title",
        ];
        assert_eq!(places, known);
    }

    #[test]
    fn the_policy_names_nothing_but_the_page_itself() {
        let policy = policy(STYLE, Some(SCRIPT));
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(!policy.contains("http") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(policy.matches("'sha256-").count(), 2);
        // Quotes of another kind would end the attribute that it stands in.
        assert!(!policy.contains('"'));
        // Neither part may end its element or be changed on its way into the page.
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
    }
}
