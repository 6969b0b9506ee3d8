//! What a tune found, in words and as a page of its own: distance against steps, grids over one
//! another, differences prompt by prompt, pictures side by side.

use super::ReportError;
use super::comparison::{Comparison, Group};
use super::finding::{digits, file_of};
use super::html::{escaped, policy, small};
use super::plot::Plot;
use crate::directory::RunDirectory;
use crate::generation::{Candidate, Stage};
use crate::record::{Kind, Record};
use crate::search::tune::{Role, Verdict, judged, verdict};
use crate::spec::tune::Target;
use crate::sweep::Sweep;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sigmalab_files::target::OnCollision;
use sigmalab_tune::grid::levels_of;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What a tune of a run directory found; `None` while it is not judged.
pub fn tuned(sweep: &Sweep) -> Option<Verdict> {
    verdict(&sweep.experiment, &sweep.tried()).ok().flatten()
}

pub fn tune_summary(sweep: &Sweep, verdict: &Verdict) -> String {
    let reference = name_of_reference(sweep);
    let steps = verdict.found.steps.len();
    let mut text = match target(sweep) {
        Target::Imitate => format!("{steps} steps that imitate {reference}"),
        Target::Exact => format!("{steps} steps towards the limit of many steps"),
    };
    let sampler = sampler_of(sweep, &verdict.found);
    let _ = writeln!(text, ", with {sampler}\nfound as `{}`", verdict.name);
    let charged = sweep.generations.last().map_or(0, |last| last.spent);
    let _ = writeln!(
        text,
        "tuned on {} prompts, judged on {} others; {charged} of {} evaluations charged",
        verdict.tuning,
        verdict.held_out,
        sweep.bound().unwrap_or(0),
    );
    let _ = writeln!(
        text,
        "\nheld-out distance (RMSE of latents)\n{:>10}  it\n",
        digits(verdict.distance)
    );
    let _ = writeln!(
        text,
        "{:>10}  {:>6}  {:<16}  {:>8}  {:>6}  than",
        "distance", "ratio", "95 %", "p", "nearer"
    );
    for comparison in &verdict.comparisons {
        let interval = comparison
            .interval
            .map_or("none".to_owned(), |(low, high)| format!("{low:.3} to {high:.3}"));
        let _ = writeln!(
            text,
            "{:>10}  {:>6.3}  {interval:<16}  {:>8}  {:>6}  {}: {}",
            digits(comparison.distance),
            comparison.ratio,
            digits(comparison.p),
            format!("{}/{}", comparison.nearer, comparison.prompts),
            comparison.other,
            comparison.verdict.in_words(),
        );
    }
    text.push_str(
        "ratio: its distance over the other's, geometric mean over prompts; exact sign-flip test, \
         the unit is the prompt\n",
    );
    if let Some(distance) = verdict.reference_to_limit {
        let _ = writeln!(
            text,
            "\n{reference} itself is {} from the limit of many steps",
            digits(distance)
        );
    }
    for other in &verdict.sizes {
        let line: Vec<String> =
            other.distances.iter().map(|(name, d)| format!("{name} {}", digits(*d))).collect();
        let _ = writeln!(
            text,
            "at {} ({} samples, descriptive): {}",
            other.size,
            other.samples,
            line.join(", ")
        );
    }
    for (title, comparison) in [
        ("predicted without evaluations", predicted(verdict)),
        ("measured on held-out prompts", measured(verdict)),
    ] {
        if !comparison.groups.is_empty() {
            let _ = writeln!(text, "\n{title}\n{}", comparison.table());
        }
    }
    text
}

fn target(sweep: &Sweep) -> Target {
    sweep.experiment.spec.tune.as_ref().map_or(Target::Imitate, |tune| tune.target)
}

fn name_of_reference(sweep: &Sweep) -> &str {
    sweep.experiment.inputs.reference.as_ref().map_or("the reference", |preset| &preset.name)
}

/// A candidate's sampler with its parameters, choices by their names.
pub fn sampler_of(sweep: &Sweep, candidate: &Candidate) -> String {
    let info = sweep.experiment.samplers.info(&candidate.sampler).ok();
    let mut words = vec![candidate.sampler.clone()];
    for (key, value) in &candidate.params {
        let param = info.and_then(|info| info.params.iter().find(|param| param.key == *key));
        let value = param.map_or(value.to_string(), |param| param.write(*value));
        words.push(format!("{key}={value}"));
    }
    words.join(" ")
}

/// Distances by steps that the velocities of the reference runs predict.
fn predicted(verdict: &Verdict) -> Comparison {
    let groups = verdict.predicted.iter().map(|line| Group {
        name: line.name.clone(),
        points: line.points.iter().map(|(steps, d)| (*steps as f64, *d, 1)).collect(),
    });
    by_steps("predicted distance", groups.collect())
}

/// Distances by steps that were measured on held-out prompts.
fn measured(verdict: &Verdict) -> Comparison {
    let mut groups: Vec<Group> = Vec::new();
    for rung in &verdict.ladder {
        let point = (rung.steps as f64, rung.distance, 1);
        match groups.iter_mut().find(|group| group.name == rung.name) {
            Some(group) => group.points.push(point),
            None => groups.push(Group { name: rung.name.clone(), points: vec![point] }),
        }
    }
    by_steps("distance", groups)
}

fn by_steps(up: &str, groups: Vec<Group>) -> Comparison {
    let across = "steps".to_owned();
    Comparison { across, up: up.to_owned(), by: Some("schedule".to_owned()), groups }
}

/// Writes the page, and the plot of measured distances beside it where there are any.
pub(super) fn write(sweep: &Sweep, verdict: &Verdict) -> Result<PathBuf, ReportError> {
    let directory = &sweep.directory;
    let summary = tune_summary(sweep, verdict);
    let mut body = format!("<pre>{}</pre>\n", escaped(&summary));
    let measured = measured(verdict);
    if !measured.groups.is_empty() {
        let svg = Plot::of(&measured, true).svg();
        directory.put("plot.svg", OnCollision::Replace, |out| out.write_all(svg.as_bytes()))?;
        section(&mut body, "Distance against steps, measured on held-out prompts", &svg);
    }
    let svg = Plot::of(&predicted(verdict), true).svg();
    section(&mut body, "Distance against steps, predicted without evaluations", &svg);
    section(&mut body, "Noise levels by share of the steps", &Plot::of(&grids(sweep), false).svg());
    let differences = differences(sweep);
    section(
        &mut body,
        "Prompt by prompt: ln of its distance over the other's, nearer below 0",
        &Plot::of(&differences, false).svg(),
    );
    let pictures = pictures(sweep);
    if !pictures.is_empty() {
        section(&mut body, "Pictures: reference, found, and others", &pictures);
    }
    let title = escaped(&sweep.experiment.spec.name);
    const STYLE: &str = "body{font:15px/1.5 sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}\
         pre{background:#f4f4f4;padding:1rem;overflow:auto}svg{max-width:60rem}\
         td{padding:.3rem;vertical-align:top}td,th{font-size:12px;text-align:left}";
    let policy = policy(STYLE, None);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n{body}</html>\n"
    );
    const PAGE: &str = "report.html";
    directory.put(PAGE, OnCollision::Replace, |out| out.write_all(page.as_bytes()))?;
    Ok(directory.path().join(PAGE))
}

/// The picture of a run as a link to its file, with a small one inside.
fn picture(record: &Record, directory: &RunDirectory, title: &str) -> String {
    let Some(file) = file_of(record) else { return String::new() };
    let inside = match small(directory, file) {
        Some((width, height, jpeg)) => format!(
            "<img alt=\"{title}\" width=\"{width}\" height=\"{height}\" \
             src=\"data:image/jpeg;base64,{}\">",
            STANDARD.encode(jpeg)
        ),
        None => "picture".to_owned(),
    };
    format!("<a href=\"{}\">{inside}</a>", escaped(file))
}

fn section(body: &mut String, title: &str, inside: &str) {
    let _ = write!(body, "<h2>{}</h2>\n{inside}\n", escaped(title));
}

/// The noise levels of the reference and of everything that was judged.
fn grids(sweep: &Sweep) -> Comparison {
    let size = sweep.experiment.spec.sizes.first().copied();
    let size = size.unwrap_or(sweep.experiment.inputs.default_size);
    let line = |name: &str, steps: &[sigmalab_schedule::preset::Step], terminal| {
        let levels = levels_of(steps, size, terminal);
        let last = (levels.len().max(2) - 1) as f64;
        let points = levels.iter().enumerate().map(|(k, level)| (k as f64 / last, *level, 1));
        Group { name: name.to_owned(), points: points.collect() }
    };
    let mut groups = Vec::new();
    if let Some(preset) = &sweep.experiment.inputs.reference {
        groups.push(line(&preset.name, &preset.steps, preset.terminal));
    }
    for (role, candidate) in judged(&sweep.generations) {
        if role.is_judged() {
            groups.push(line(role.name(), &candidate.steps, candidate.terminal));
        }
    }
    let by = Some("schedule".to_owned());
    Comparison { across: "share of the steps".to_owned(), up: "σ".to_owned(), by, groups }
}

/// ln(found/other) of every held-out sample.
fn differences(sweep: &Sweep) -> Comparison {
    let tried = sweep.tried();
    let judged_now = tried.iter().find(|tried| tried.generation.stage == Stage::Judgement);
    let mut groups = Vec::new();
    if let Some(tried) = judged_now {
        let roles = judged(&sweep.generations);
        let found = tried.distances.first().cloned().unwrap_or_default();
        for ((role, _), distances) in roles.iter().zip(&tried.distances) {
            if *role == Role::Found || !role.is_judged() {
                continue;
            }
            let points = found.iter().zip(distances).enumerate().map(|(k, (own, other))| {
                (k as f64 + 1.0, own.max(1e-12).ln() - other.max(1e-12).ln(), 1)
            });
            groups.push(Group { name: role.name().to_owned(), points: points.collect() });
        }
    }
    let by = Some("schedule".to_owned());
    Comparison { across: "held-out sample".to_owned(), up: "ln ratio".to_owned(), by, groups }
}

/// A row a held-out sample: the reference, what was found, and what it was judged against.
fn pictures(sweep: &Sweep) -> String {
    const MOST: usize = 8;
    let roles = judged(&sweep.generations);
    let directory = &sweep.directory;
    let references = sweep.ledger.of(Kind::Reference);
    let trials = sweep.ledger.of(Kind::Trial);
    let shown = |record: &&Record| record.measured().is_some_and(|run| run.image.is_some());
    let mut rows = String::new();
    for reference in references.iter().copied().filter(|record| shown(record)).take(MOST) {
        let title = escaped(&format!("{} · seed {}", reference.prompt_id, reference.seed));
        let mut row = format!(
            "<tr><th>{}</th><td>{}<br>{}</td>",
            escaped(&reference.recipe.prompt),
            picture(reference, directory, &title),
            escaped(name_of_reference(sweep)),
        );
        for (role, candidate) in &roles {
            let of = trials.iter().copied().find(|record| {
                record.recipe.prompt == reference.recipe.prompt
                    && record.seed == reference.seed
                    && record.recipe.size == reference.recipe.size
                    && record.recipe.steps == candidate.steps
                    && record.recipe.sampler.id == candidate.sampler
                    && shown(record)
            });
            if let Some(record) = of {
                let against = record.measured().and_then(|measured| measured.against);
                let distance = against.map(|against| digits(against.latent_rmse));
                let _ = write!(
                    row,
                    "<td>{}<br>{} {}</td>",
                    picture(record, directory, &title),
                    escaped(role.name()),
                    distance.unwrap_or_default()
                );
            }
        }
        rows.push_str(&row);
        rows.push_str("</tr>\n");
    }
    if rows.is_empty() { rows } else { format!("<table>\n{rows}</table>") }
}
