//! The page: one HTML file that needs no other. The pictures as a matrix, every trial in a table, a
//! plot. All text that comes from files of users is escaped here, once, and the page's policy lets
//! nothing run but the page's own script.

use super::finding::{
    Better, Finding, METRICS, Metric, digits, instance, is_instance, setting, short,
};
use super::sheet;
use super::summary::summary;
use crate::directory::RunDirectory;
use crate::record::{Outcome, Record};
use crate::tables::{AFTER, BEFORE, PARAMETER, in_runs, row};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use serde_json::{Map, Value as Json, json};
use sigmalab_image::thumbnail;
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

/// Columns of what a run happened to take: none of them is a setting that all trials share.
const MEASURED: [&str; 5] =
    ["load_ms", "encode_ms", "denoise_ms", "decode_ms", "peak_memory_bytes"];

/// Prompt, seed and size.
type Instance = (String, u64, String);

/// Longer side of the pictures inside the page, in pixels.
const SIDE: u32 = 160;

/// Quality of the pictures inside the page, of 100.
const QUALITY: u8 = 82;

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

/// What the page may load and run: its own style and script, known by their hashes, pictures inside
/// of it and pictures beside it. Nothing from a network, and no script that a text smuggled in.
pub(super) fn policy(style: &str, script: Option<&str>) -> String {
    let hash = |text: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        format!("'sha256-{}'", STANDARD.encode(digest))
    };
    let script = script.map_or("'none'".to_owned(), hash);
    format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: file: 'self'; \
         style-src {}; script-src {script}",
        hash(style)
    )
}

/// A column of the table.
struct Column {
    name: String,
    /// Cells by record: what is shown, and the whole value.
    cells: Vec<(String, String)>,
    numeric: bool,
}

impl Column {
    fn new(name: String, cells: Vec<(String, String)>) -> Self {
        let number = |text: &str| text.is_empty() || text.parse::<f64>().is_ok();
        let numeric = cells.iter().all(|(_, value)| number(value))
            && cells.iter().any(|(_, value)| !value.is_empty());
        Column { name, cells, numeric }
    }

    /// The one value that all trials have.
    fn constant(&self) -> Option<&str> {
        let (_, first) = self.cells.first()?;
        self.cells.iter().all(|(_, value)| value == first).then_some(first)
    }
}

/// The table: what is swept, what came of it, the picture, what it was tried on, and the rest that
/// differs from trial to trial.
struct Columns {
    front: Vec<Column>,
    behind: Vec<Column>,
    same: Vec<Column>,
}

impl Columns {
    fn of(finding: &Finding<'_>, records: &[&Record]) -> Self {
        let rows: Vec<Vec<String>> =
            records.iter().map(|record| row(record, &finding.swept)).collect();
        let whole = |at: usize| -> Vec<(String, String)> {
            let cell = |row: &Vec<String>| row.get(at).cloned().unwrap_or_default();
            rows.iter().map(|row| (cell(row), cell(row))).collect()
        };
        let swept = finding.swept.iter().map(|path| {
            let cells = records.iter().map(|record| {
                let value = record.point.iter().find(|(found, _)| found == path);
                value.map(|(_, v)| (short(v), v.to_string())).unwrap_or_default()
            });
            Column::new(format!("{PARAMETER}{path}"), cells.collect())
        });
        let metric = |metric: &Metric| {
            let of = |record: &&Record| (metric.of)(record);
            records.iter().any(|record| of(record).is_some()).then(|| {
                let cell = |number: f64| (digits(number), number.to_string());
                let cells = records.iter().map(|record| of(record).map(cell).unwrap_or_default());
                Column::new(metric.name.to_owned(), cells.collect())
            })
        };
        // What says whether a trial is good stands before the picture, what describes it behind.
        let (judging, describing): (Vec<&Metric>, Vec<&Metric>) =
            METRICS.iter().partition(|metric| metric.better != Better::Neither);
        let front: Vec<Column> = swept.chain(judging.into_iter().filter_map(metric)).collect();
        let described: Vec<Column> = describing.into_iter().filter_map(metric).collect();
        let names = BEFORE.iter().enumerate();
        let after = BEFORE.len() + finding.swept.len();
        let names = names.chain(AFTER.iter().enumerate().map(|(at, name)| (after + at, name)));
        let (mut behind, mut same) = (Vec::new(), Vec::new());
        for (at, name) in names {
            let mut metrics = front.iter().chain(&described);
            let known = metrics.any(|column| column.name == **name);
            // The picture is its own column, and its file's name is where it leads to.
            if known || *name == "image" {
                continue;
            }
            let column = Column::new((*name).to_owned(), whole(at));
            match column.constant() {
                // That two runs took equally long says nothing of either.
                Some(_) if records.len() > 1 && MEASURED.contains(name) => {}
                Some(_) if records.len() > 1 => same.push(column),
                _ => behind.push(column),
            }
        }
        // What a trial was tried on says more than how long it took or what it is called.
        let last = |column: &Column| {
            let name = column.name.as_str();
            match name {
                "error" => 0,
                "prompt_id" | "seed" | "width" | "height" => 1,
                "number" | "trial" => 3,
                _ => 2,
            }
        };
        behind.sort_by_key(last);
        // Behind the error and what a trial was tried on.
        let place = behind.iter().take_while(|column| last(column) < 2).count();
        behind.splice(place..place, described);
        Columns { front, behind, same }
    }

    fn constant(&self) -> String {
        let same = self.same.iter().filter_map(|column| {
            let value = column.constant().filter(|value| !value.is_empty())?;
            Some(format!("<span><b>{}</b> {}</span> ", escaped(&column.name), escaped(value)))
        });
        let text: String = same.collect();
        if text.is_empty() { text } else { format!("The same in all trials: {text}") }
    }

    fn head(&self) -> String {
        let heads = |columns: &[Column]| -> String {
            columns.iter().map(|column| format!("<th>{}</th>", escaped(&column.name))).collect()
        };
        format!("{}<th>picture</th>{}", heads(&self.front), heads(&self.behind))
    }

    fn row(&self, at: usize, record: &Record) -> String {
        let cells = |columns: &[Column]| -> String {
            let cell = |column: &Column| {
                let (shown, value) = column.cells.get(at).cloned().unwrap_or_default();
                let class = if column.numeric { " class=\"number\"" } else { "" };
                let whole = match shown == value {
                    true => String::new(),
                    false => format!(" data-v=\"{}\"", escaped(&value)),
                };
                format!("<td{class}{whole}>{}</td>", escaped(&shown))
            };
            columns.iter().map(cell).collect()
        };
        let class = if record.measured().is_some() { "" } else { " class=\"failed\"" };
        let picture = match file_of(record) {
            Some(_) => format!(
                "<button type=\"button\" class=\"shot plain\" data-run=\"{}\">open</button>",
                escaped(record.id.short())
            ),
            None => String::new(),
        };
        format!(
            "<tr{class} title=\"{}\">{}<td data-v=\"\">{picture}</td>{}</tr>\n",
            escaped(&title(record)),
            cells(&self.front),
            cells(&self.behind)
        )
    }
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

/// Width, height and JPEG of a small picture; `None` where it cannot be read.
pub(super) fn small(directory: &RunDirectory, file: &str) -> Option<(u32, u32, Vec<u8>)> {
    let small = thumbnail(&sheet::read(directory, file)?, SIDE);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode(&small.pixels, small.width, small.height, ExtendedColorType::Rgb8)
        .ok()?;
    Some((small.width, small.height, jpeg))
}

pub(super) fn file_of(record: &Record) -> Option<&str> {
    record.measured()?.image.as_deref()
}

fn title(record: &Record) -> String {
    format!("{} · {} · seed {}", setting(record), record.prompt_id, record.seed)
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

/// Text that is text in HTML, in and out of quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
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
