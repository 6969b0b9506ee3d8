//! `sigmalab sweep plan`: what a sweep would run, before anything is run.

use super::load::{self, LoadFlags};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::memory_flags::MemoryFlags;
use crate::cli::print::{self, counted};
use crate::cli::values::threads;
use clap::Args;
use serde::Serialize;
use sigmalab_engine::event::{Event, NfeCount};
use sigmalab_engine::memory_size::MemorySize;
use sigmalab_engine::request::RunRequest;
use sigmalab_engine::worker::{Engine, EngineOptions, RunFailure};
use sigmalab_experiment::plan::{Plan, Run};
use sigmalab_experiment::sweep::Sweep;
use sigmalab_experiment::trial::{Trials, in_words};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The arguments of `sweep plan`.
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    /// Experiment file
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,

    /// Also list every run in its order, with its evaluations
    #[arg(long)]
    list: bool,

    /// Measure nothing: no estimate of time
    #[arg(long)]
    no_time: bool,

    /// Run directory whose finished runs tell the time [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Compute threads of the measured step
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,

    #[command(flatten)]
    memory: MemoryFlags,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    load: LoadFlags,
}

#[derive(Debug, Serialize)]
struct Document {
    name: String,
    trials: usize,
    duplicates: usize,
    references: usize,
    units: usize,
    nfe: NfeCount,
    reference_nfe: NfeCount,
    cache_bytes: u64,
    seconds: Option<f64>,
    measured_on: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    kind: &'static str,
    id: String,
    number: Option<usize>,
    point: String,
    prompt_id: String,
    seed: u64,
    nfe: NfeCount,
}

/// Prints the plan.
pub(super) fn run(arguments: &PlanCommand) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    let loaded = load::load(&arguments.file, &arguments.load)?;
    let experiment = &loaded.experiment;
    let trials = experiment.trials().map_err(Failure::bad_input)?;
    let plan = Plan::of(&trials);
    let directory = load::directory_of(arguments.dir.as_ref(), &experiment.spec);
    let pictures = trials.trials.len() + trials.references.len();
    let earlier = directory
        .has_begun()
        .then(|| Sweep::open(&directory, experiment.samplers.clone()).ok())
        .flatten();
    let of_journal = earlier.and_then(|sweep| sweep.seconds_for(plan.nfe, pictures));
    let (seconds, measured_on) = match of_journal {
        Some(seconds) => (Some(seconds), Some("finished runs of the run directory")),
        None if arguments.no_time || trials.trials.is_empty() => (None, None),
        None => {
            let seconds = measure(
                &trials,
                &plan,
                pictures,
                arguments.threads,
                arguments.memory.limit()?,
                &interrupt,
            )?;
            (Some(seconds), Some("one step"))
        }
    };
    let document = Document {
        name: experiment.spec.name.clone(),
        trials: trials.trials.len(),
        duplicates: trials.duplicates,
        references: trials.references.len(),
        units: plan.units.len(),
        nfe: plan.nfe,
        reference_nfe: plan.reference_nfe,
        cache_bytes: plan.cache_bytes,
        seconds,
        measured_on,
        runs: if arguments.list { listed(&trials, &plan) } else { Vec::new() },
    };
    if arguments.json { print::json(&document) } else { print::result(&text(&document)) }
}

/// Seconds that the plan takes: one step of the largest recipe is run for it.
fn measure(
    trials: &Trials,
    plan: &Plan,
    pictures: usize,
    threads: Option<usize>,
    memory_limit: Option<MemorySize>,
    interrupt: &Interrupt,
) -> Result<f64, Failure> {
    let largest = trials.trials.iter().max_by_key(|trial| trial.recipe.size.tokens());
    let Some(trial) = largest else { return Ok(0.0) };
    let mut recipe = trial.recipe.clone();
    recipe.preset = None;
    recipe.steps.truncate(1);
    let samplers = trials.samplers.clone();
    let options = EngineOptions {
        threads,
        memory_limit,
        cache_bytes: Some(0),
        samplers,
        ..EngineOptions::default()
    };
    let mut engine = Engine::new(options);
    let mut step_ms = 0.0;
    interrupt.become_polite();
    let request = RunRequest { recipe, noise: None, previews: false };
    // The first run warms up: tables of its size, pages of its weights.
    let mut output = None;
    for _ in 0..2 {
        let result = engine.run(&request, &mut |event| {
            if let Some(Event::Step(report)) = event {
                step_ms = report.ms.unwrap_or(0.0);
            }
            !interrupt.requested()
        });
        output = Some(result.map_err(|failure| match failure {
            _ if interrupt.requested() => Failure::interrupted(),
            RunFailure::BadInput(message) => Failure::bad_input(message),
            other => Failure::failed(other).way_out("--no-time to plan without measuring"),
        })?);
    }
    let Some(output) = output else { return Ok(0.0) };
    let evaluations = (output.nfe.cond_done + output.nfe.uncond_done).max(1) as f64;
    let planned = (plan.nfe.cond_done + plan.nfe.uncond_done) as f64;
    let ms = step_ms / evaluations * planned + output.timings.decode_ms * pictures as f64;
    Ok((ms + output.timings.load_ms) / 1e3)
}

fn listed(trials: &Trials, plan: &Plan) -> Vec<Listed> {
    let runs = plan.runs.iter().filter_map(|planned| match planned.run {
        Run::Reference(place) => trials.references.get(place).map(|run| Listed {
            kind: "reference",
            id: run.id.short().to_owned(),
            number: None,
            point: String::new(),
            prompt_id: run.prompt_id.clone(),
            seed: run.seed,
            nfe: planned.nfe,
        }),
        Run::Trial(place) => trials.trials.get(place).map(|run| Listed {
            kind: "trial",
            id: run.id.short().to_owned(),
            number: Some(run.number),
            point: in_words(&run.point),
            prompt_id: run.prompt_id.clone(),
            seed: run.seed,
            nfe: planned.nfe,
        }),
    });
    runs.collect()
}

fn text(document: &Document) -> String {
    let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved } = document.nfe;
    let mut text = format!("{}: {}", document.name, counted(document.trials, "trial"));
    if document.references > 0 {
        let _ = write!(text, " and {}", counted(document.references, "reference run"));
    }
    if document.duplicates > 0 {
        let equal = match document.duplicates {
            1 => "1 more is equal to an earlier one".to_owned(),
            more => format!("{more} more are equal to earlier ones"),
        };
        let _ = write!(text, " ({equal})");
    }
    let alone = cond_done + uncond_done + cond_saved + uncond_saved;
    let share = 100.0 * (cond_saved + uncond_saved) as f64 / alone.max(1) as f64;
    let _ = write!(
        text,
        "\nneeded  {cond_done} conditional and {uncond_done} unconditional evaluations\
         \nsaved   {cond_saved} and {uncond_saved}, {share:.0} % of what every run alone would need\n"
    );
    if document.references > 0 {
        let NfeCount { cond_done, uncond_done, .. } = document.reference_nfe;
        let _ = writeln!(
            text,
            "        {cond_done} and {uncond_done} of the needed are reference runs'"
        );
    }
    let _ = writeln!(
        text,
        "parts   {} for processes to share, {:.0} MiB of trajectory cache for each",
        document.units,
        document.cache_bytes as f64 / (1024.0 * 1024.0)
    );
    if let (Some(seconds), Some(source)) = (document.seconds, document.measured_on) {
        let _ = writeln!(
            text,
            "time    about {} in one process, by {source}",
            super::progress::in_words(seconds)
        );
    }
    for run in &document.runs {
        let number = run.number.map_or_else(|| "ref".to_owned(), |number| number.to_string());
        let _ = writeln!(
            text,
            "{number:>6}  {}  {}  seed {}  {}+{} needed, {}+{} saved  {}",
            run.id,
            run.prompt_id,
            run.seed,
            run.nfe.cond_done,
            run.nfe.uncond_done,
            run.nfe.cond_saved,
            run.nfe.uncond_saved,
            run.point,
        );
    }
    text
}
