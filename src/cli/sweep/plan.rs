//! `sigmalab sweep plan`: what a sweep would run, before anything is run.

use super::load::{self, LoadFlags};
use super::measuring::Measuring;
use super::run_directory;
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::memory_flags::MemoryFlags;
use crate::cli::print::{self, counted};
use crate::cli::values::threads;
use clap::Args;
use serde::Serialize;
use sigmalab_engine::event::NfeCount;
use sigmalab_experiment::plan::{Plan, Run};
use sigmalab_experiment::search::tune::Setting;
use sigmalab_experiment::spec::Method;
use sigmalab_experiment::sweep::Sweep;
use sigmalab_experiment::trial::{Experiment, Trials, in_words};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab sweep plan quickstart
  sigmalab sweep plan mine.toml --list --no-time")]
pub(super) struct PlanCommand {
    /// Experiment file, or the name of a built-in experiment (`quickstart`)
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,

    /// Also list every run in its order, with its evaluations
    #[arg(long)]
    list: bool,

    /// Measure nothing: no estimate of time
    #[arg(long)]
    no_time: bool,

    /// Run directory whose finished runs give the time [default: runs/NAME]
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

/// The most that a search can come to.
fn bounds(loaded: &load::Loaded) -> Document {
    let Experiment { spec, inputs, .. } = &loaded.experiment;
    let instances = inputs.prompts.len().max(1) * spec.seeds.len().max(1) * spec.sizes.len().max(1);
    let (trials, evaluations) = match (spec.method, &spec.tune, &inputs.tune) {
        (Method::Search(search), ..) => {
            let steps = inputs.base.steps.len() as u64;
            let trials = search.trials.saturating_mul(instances);
            (trials, search.evaluations.unwrap_or(2 * steps * trials as u64))
        }
        (_, Some(tune), Some(frozen)) => {
            ((frozen.budget / (2 * tune.steps.max(1)) as u64) as usize, frozen.budget)
        }
        _ => (0, 0),
    };
    let half = evaluations / 2;
    Document {
        name: spec.name.clone(),
        trials,
        duplicates: 0,
        references: instances,
        units: 0,
        nfe: NfeCount { cond_done: half, uncond_done: half, ..NfeCount::default() },
        reference_nfe: NfeCount::default(),
        cache_bytes: 0,
        seconds: None,
        measured_on: None,
        runs: Vec::new(),
    }
}

/// What is known beforehand of a search, whose trials are proposed as it goes.
fn search(loaded: &load::Loaded, json: bool) -> Result<(), Failure> {
    let spec = &loaded.experiment.spec;
    if json {
        return print::json(&bounds(loaded));
    }
    let text = match (spec.method, &loaded.experiment.inputs.tune) {
        (Method::Search(search), _) => {
            let bound = search.evaluations.map(|most| format!(" and {most} evaluations"));
            format!(
                "{}: at most {}{}; trials are proposed as the search goes\n",
                spec.name,
                counted(search.trials, "point"),
                bound.unwrap_or_default()
            )
        }
        (_, Some(tune)) => {
            let setting = Setting::of(&loaded.experiment).map_err(Failure::bad_input)?;
            let allotment = setting.allotment;
            format!(
                "{}: at most {} evaluations: {} for reference runs of {}, {} for the search, {} for \
                 the judgement on {}\n",
                spec.name,
                tune.budget,
                allotment.references,
                counted(allotment.tuning, "prompt"),
                allotment.search(),
                allotment.judgement,
                counted(allotment.held_out, "held-out prompt"),
            )
        }
        (_, None) => String::new(),
    };
    print::result(&text)
}

/// Prints the plan.
pub(super) fn run(arguments: &PlanCommand) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    refuse_run_directory(&arguments.file)?;
    let measuring = Measuring {
        threads: arguments.threads,
        memory_limit: arguments.memory.limit()?,
        interrupt: &interrupt,
    };
    let may_measure = (!arguments.no_time).then_some(&measuring);
    let loaded = load::load(&arguments.file, arguments.dir.as_ref(), &arguments.load, may_measure)?;
    if let Some(note) = loaded.prompts_note() {
        print::note(note);
    }
    let experiment = &loaded.experiment;
    if experiment.spec.method.is_search() {
        return search(&loaded, arguments.json);
    }
    let trials = experiment.trials().map_err(Failure::bad_input_in_lines)?;
    let plan = Plan::of(&trials);
    let directory = loaded.directory.clone();
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
            let seconds = measure(&trials, &plan, pictures, &measuring)?;
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

/// Refuses what has a plan no more: it was begun.
fn refuse_run_directory(path: &Path) -> Result<(), Failure> {
    let Some(directory) = run_directory::begun_at(path) else { return Ok(()) };
    let (path, directory) = (path.display(), directory.display());
    Err(Failure::bad_input(format_args!(
        "`{path}`: a plan is made of an experiment file, and this is a run directory"
    ))
    .way_out(format_args!("sigmalab sweep status {directory}, which says what is left"))
    .way_out(format_args!(
        "sigmalab sweep plan {directory}/experiment.toml, what it was begun with"
    )))
}

/// Seconds that the plan takes: one step of the largest recipe is run for it.
fn measure(
    trials: &Trials,
    plan: &Plan,
    pictures: usize,
    measuring: &Measuring<'_>,
) -> Result<f64, Failure> {
    let largest = trials.trials.iter().max_by_key(|trial| trial.recipe.size.tokens());
    let Some(trial) = largest else { return Ok(0.0) };
    let mut recipe = trial.recipe.as_ref().clone();
    recipe.preset = None;
    recipe.steps.truncate(1);
    let measured = measuring.measure(recipe, &trials.samplers, true).map_err(|failure| {
        match failure.exit {
            Exit::Failed => failure.way_out("--no-time to plan without measuring"),
            _ => failure,
        }
    })?;
    let planned = (plan.nfe.cond_done + plan.nfe.uncond_done) as f64;
    let ms = measured.evaluation * planned + measured.decode * pictures as f64;
    Ok((ms + measured.load) / 1e3)
}

fn listed(trials: &Trials, plan: &Plan) -> Vec<Listed> {
    let runs = plan.runs.iter().filter_map(|planned| match planned.run {
        Run::Reference(index) => trials.references.get(index).map(|run| Listed {
            kind: "reference",
            id: run.id.short().to_owned(),
            number: None,
            point: String::new(),
            prompt_id: run.prompt_id.clone(),
            seed: run.seed,
            nfe: planned.nfe,
        }),
        Run::Trial(index) => trials.trials.get(index).map(|run| Listed {
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
    let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved, .. } = document.nfe;
    let mut text = format!("{}: {}", document.name, counted(document.trials, "trial"));
    if document.references > 0 {
        let _ = write!(text, " and {}", counted(document.references, "reference run"));
    }
    if document.duplicates > 0 {
        let equal = match document.duplicates {
            1 => "1 more is the same as an earlier one".to_owned(),
            more => format!("{more} more are the same as earlier ones"),
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
            "        of these, {cond_done} and {uncond_done} are for reference runs"
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
