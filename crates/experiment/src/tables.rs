//! `trials.csv`, `references.csv` and `steps.csv`, made anew of the records and put in place as
//! wholes, so that a reader never sees half a row. Columns are a contract: `docs/sweeps.md`.

use super::directory::RunDirectory;
use super::journal::{Again, JournalError};
use super::lease::Lease;
use super::ledger::Ledger;
use super::record::{Kind, Measured, Outcome, Record};
use sigmalab_files::target::{OnCollision, TargetError};
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::runs::{Run, runs};
use sigmalab_schedule::terminal::Terminal;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Columns of `trials.csv` before the swept ones.
pub const BEFORE: [&str; 17] = [
    "trial",
    "number",
    "status",
    "error",
    "prompt_id",
    "seed",
    "width",
    "height",
    "preset",
    "preset_hash",
    "terminal",
    "steps",
    "sampler",
    "sampler_version",
    "sampler_hash",
    "sampler_params",
    "reference",
];

/// Columns of `trials.csv` after the swept ones.
pub const AFTER: [&str; 23] = [
    "gw",
    "mu",
    "std",
    "nfe_cond_done",
    "nfe_uncond_done",
    "nfe_cond_saved",
    "nfe_uncond_saved",
    "nfe_first_block",
    "load_ms",
    "encode_ms",
    "denoise_ms",
    "decode_ms",
    "peak_memory_bytes",
    "latent_rmse",
    "psnr",
    "ssim",
    "clip_fraction",
    "saturation",
    "contrast",
    "sharpness",
    "colourfulness",
    "straightness",
    "image",
];

/// Columns of `steps.csv`.
pub const STEPS: [&str; 18] = [
    "trial",
    "number",
    "step",
    "loop_index",
    "sigma",
    "sigma_next",
    "gw",
    "mu",
    "std",
    "reused",
    "ms",
    "v_cond_norm",
    "v_uncond_norm",
    "guidance_norm",
    "cosine",
    "step_length",
    "local_error",
    "x0_drift",
];

/// The table that is put in place last.
pub(super) const LAST: &str = "trials.csv";

pub(super) const TABLES: [&str; 3] = ["steps.csv", "references.csv", LAST];

/// Prefix of the columns of swept values.
pub const PARAMETER: &str = "param.";

/// Why tables cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Target(#[from] TargetError),
    /// What trials did at each step cannot be read again.
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("cannot take the tables' lease in `{}`: {source}", path.display())]
    Lease { path: PathBuf, source: io::Error },
    #[error(
        "another process has been writing the tables for {} s and is not known to have ended: try \
         again once it has", .0.as_secs()
    )]
    Busy(Duration),
}

/// Writes all tables. `swept` are the paths of the experiment, in its order; paths that only
/// records have follow. `again` reads what the ledger left in the journals.
pub fn write(
    directory: &RunDirectory,
    ledger: &Ledger,
    again: &mut Again<'_>,
    swept: &[String],
    lease: &Lease,
) -> Result<(), TableError> {
    let placed = ledger.with_places(Kind::Trial);
    let trials: Vec<&Record> = placed.iter().map(|(record, _)| *record).collect();
    let references = ledger.of(Kind::Reference);
    let mut columns = swept.to_vec();
    for (path, _) in trials.iter().flat_map(|record| &record.point) {
        if !columns.contains(path) {
            columns.push(path.clone());
        }
    }
    let [steps, references_name, last] = TABLES;
    let mut failed = None;
    let written = table(directory, lease, steps, |out| {
        out.write_record(STEPS)?;
        for (record, place) in &placed {
            match place.filter(|_| record.measured().is_some()).map(|place| again.record(place)) {
                None => step_rows(record, out)?,
                Some(Ok(whole)) => step_rows(&whole, out)?,
                Some(Err(error)) => {
                    failed = Some(error);
                    return Err(io::Error::from(io::ErrorKind::InvalidData).into());
                }
            }
        }
        Ok(())
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    written?;
    table(directory, lease, references_name, |out| runs_table(&references, &[], out))?;
    // The table that people wait for last: once it shows a trial, its steps are there too.
    table(directory, lease, last, |out| runs_table(&trials, &columns, out))
}

fn table(
    directory: &RunDirectory,
    lease: &Lease,
    name: &str,
    fill: impl FnOnce(&mut csv::Writer<&mut dyn Write>) -> csv::Result<()>,
) -> Result<(), TableError> {
    let mut lost = false;
    let written = directory.put(name, OnCollision::Replace, |out| {
        let mut writer = csv::Writer::from_writer(out);
        fill(&mut writer).map_err(io::Error::from)?;
        writer.flush()?;
        // An older table must not take the place of one that another process wrote meanwhile.
        lost = !lease.is_mine()?;
        if lost { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    });
    match written {
        Err(_) if lost => Ok(()),
        written => Ok(written?),
    }
}

fn runs_table(
    records: &[&Record],
    swept: &[String],
    out: &mut csv::Writer<&mut dyn Write>,
) -> csv::Result<()> {
    let parameters = swept.iter().map(|path| format!("{PARAMETER}{path}"));
    let header = BEFORE.iter().map(|name| (*name).to_owned()).chain(parameters);
    out.write_record(header.chain(AFTER.iter().map(|name| (*name).to_owned())))?;
    records.iter().try_for_each(|record| out.write_record(row(record, swept)))
}

/// The cells of a run, in the order of the columns.
pub fn row(record: &Record, swept: &[String]) -> Vec<String> {
    let Record { recipe, .. } = record;
    let (status, error) = match &record.outcome {
        Outcome::Done(_) => ("done", ""),
        Outcome::Failed { error } => ("failed", error.as_str()),
    };
    let params = recipe.sampler.params.iter().map(|(key, value)| format!("{key}={value}"));
    let mut row = vec![
        record.id.short().to_owned(),
        record.number.to_string(),
        status.to_owned(),
        error.to_owned(),
        record.prompt_id.clone(),
        record.seed.to_string(),
        recipe.size.width().to_string(),
        recipe.size.height().to_string(),
        recipe.preset.clone().unwrap_or_default(),
        preset_hash(&recipe.steps, recipe.terminal),
        recipe.terminal.to_string(),
        recipe.steps.len().to_string(),
        recipe.sampler.id.clone(),
        recipe.sampler.version.clone().unwrap_or_default(),
        recipe.sampler.file_hash.clone().unwrap_or_default(),
        params.collect::<Vec<_>>().join(" "),
        record.reference.as_ref().map(|id| id.short().to_owned()).unwrap_or_default(),
    ];
    row.extend(swept.iter().map(|path| {
        let value = record.point.iter().find(|(found, _)| found == path);
        value.map(|(_, value)| value.to_string()).unwrap_or_default()
    }));
    row.push(in_runs(&recipe.steps, |step| step.gw));
    row.push(in_runs(&recipe.steps, |step| step.mu));
    row.push(in_runs(&recipe.steps, |step| step.std));
    match record.measured() {
        Some(measured) => row.extend(measures(measured)),
        None => row.resize(row.len() + AFTER.len() - 3, String::new()),
    }
    row
}

fn measures(measured: &Measured) -> Vec<String> {
    let Measured { nfe, timings, picture, against, .. } = measured;
    let ms = |ms: f64| format!("{ms:.3}");
    let ssim = against.and_then(|against| against.ssim);
    vec![
        nfe.cond_done.to_string(),
        nfe.uncond_done.to_string(),
        nfe.cond_saved.to_string(),
        nfe.uncond_saved.to_string(),
        nfe.first_block.to_string(),
        ms(timings.load_ms),
        ms(timings.encode_ms),
        ms(timings.denoise_ms),
        ms(timings.decode_ms),
        optional(measured.peak_memory),
        optional(against.map(|against| against.latent_rmse)),
        optional(ssim.and(*against).map(|against| against.psnr.unwrap_or(f64::INFINITY))),
        optional(ssim),
        optional(picture.map(|_| measured.clip_fraction)),
        optional(picture.map(|picture| picture.saturation)),
        optional(picture.map(|picture| picture.contrast)),
        optional(picture.map(|picture| picture.sharpness)),
        optional(picture.map(|picture| picture.colourfulness)),
        measured.straightness.to_string(),
        measured.image.clone().unwrap_or_default(),
    ]
}

fn step_rows(record: &Record, out: &mut csv::Writer<&mut dyn Write>) -> csv::Result<()> {
    let Some(measured) = record.measured() else { return Ok(()) };
    for (report, step) in measured.steps.iter().zip(&record.recipe.steps) {
        let metrics = &report.metrics;
        out.write_record([
            record.id.short().to_owned(),
            record.number.to_string(),
            report.index.to_string(),
            report.steps.saturating_sub(report.index + 1).to_string(),
            report.sigma.to_string(),
            report.sigma_next.to_string(),
            report.gw.to_string(),
            step.mu.to_string(),
            step.std.to_string(),
            report.reused.to_string(),
            optional(report.ms.map(|ms| format!("{ms:.3}"))),
            metrics.v_cond_norm.to_string(),
            optional(metrics.v_uncond_norm),
            optional(metrics.guidance_norm),
            optional(metrics.cosine),
            metrics.step_length.to_string(),
            optional(metrics.local_error),
            optional(metrics.x0_drift),
        ])?;
    }
    Ok(())
}

fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The values of every step as runs, `7x45 3x3`.
pub(super) fn in_runs(steps: &[Step], value: impl Fn(&Step) -> f64) -> String {
    runs(steps.iter().map(value)).iter().map(Run::to_string).collect::<Vec<_>>().join(" ")
}

/// What a schedule is, whatever it is called: 16 digits of a hash of its steps and terminal.
pub fn preset_hash(steps: &[Step], terminal: Terminal) -> String {
    let mut hasher = blake3::Hasher::new();
    for number in steps.iter().flat_map(|step| [step.gw, step.mu, step.std]) {
        // −0 is 0 here, as in a recipe's identity.
        hasher.update(&(number + 0.0).to_bits().to_le_bytes());
    }
    hasher.update(terminal.as_str().as_bytes());
    hasher.finalize().to_hex().chars().take(16).collect()
}
