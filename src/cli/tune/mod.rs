//! `sigmalab tune`: a faster preset, found from reference runs. It writes an experiment file of
//! what it is asked, runs it as any sweep is run, tells what was found, and saves it.

mod saving;
mod text;

use super::failure::Failure;
use super::interrupt::Interrupt;
use super::print;
use super::sweep::load::{self, LoadFlags};
use super::sweep::run::{begin, work};
use super::sweep::run_directory;
use super::sweep::running_flags::RunningFlags;
use clap::{Args, ValueEnum};
use saving::Saving;
use sigmalab_experiment::generation::Candidate;
use sigmalab_experiment::report::{sampler_of, tune_summary, tuned};
use sigmalab_experiment::search::tune::Verdict;
use sigmalab_experiment::spec::parse_budget;
use sigmalab_experiment::sweep::Sweep;
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::size::Size;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(
    after_help = "The same as an experiment file with method = \"tune\": it lives in a run directory, continues
after any interruption, and is shared by all processes that are started on it.

Examples:
  sigmalab tune --steps 10 --budget 5min --save TEN
  sigmalab tune --steps 8 --target exact --sampler ab2,dpmpp-2m
  sigmalab tune --steps 10 --prompts prompts.txt --seeds 1,2 --budget 40000

Exit codes: 0 done, 1 failed or not saved, 2 bad input, 130 interrupted."
)]
pub(crate) struct TuneCommand {
    /// Steps of the preset to find
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=64))]
    steps: u64,

    /// What it should come close to: the reference preset's own pictures, or the limit of many steps
    #[arg(long, value_enum, default_value = "imitate")]
    target: Target,

    /// The preset to imitate, or whose guidance weights are used
    #[arg(long, value_name = "NAME", default_value = "V4_QUALITY_48")]
    reference: String,

    /// Samplers to try, separated by commas [default: those of euler, ab2, dpmpp-2m and unipc-2
    /// that are installed]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    sampler: Vec<String>,

    /// Text or JSONL file of prompts [default: prompts in the demo checkpoint's vocabulary]
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,

    /// Seeds, separated by commas; more prompts tell more than more seeds
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1")]
    seeds: Vec<u64>,

    /// Width × height, or a name [default: the checkpoint's own]
    #[arg(long, value_name = "NAME|WxH")]
    size: Option<Size>,

    /// What it may cost: evaluations of both networks, or minutes as in 5min
    #[arg(long, value_name = "EVALUATIONS|MINUTES", default_value = "12000", value_parser = budget)]
    budget: String,

    /// Move guidance weights too, within 30 % of the reference's
    #[arg(long)]
    guidance: bool,

    /// Presets to judge it against, in this order
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "V4_TURBO_12,V4_DEFAULT_20"
    )]
    against: Vec<String>,

    /// Further sizes to look at it at, separated by commas
    #[arg(long, value_name = "SIZES", value_delimiter = ',')]
    further_sizes: Vec<Size>,

    /// Other numbers of steps to measure on held-out prompts, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    ladder: Vec<u64>,

    /// Save it under this name in the presets file, if it is nearer than the naive grid of the same
    /// sampler on held-out prompts
    #[arg(long, value_name = "NAME")]
    save: Option<String>,

    /// Save it whatever the judgement says, and over a preset of that name
    #[arg(long, requires = "save")]
    force: bool,

    /// Run directory [default: runs/tune-STEPS-TARGET]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    #[command(flatten)]
    running: RunningFlags,
    #[command(flatten)]
    load: LoadFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The reference preset's own pictures
    Imitate,
    /// Where very many steps lead
    Exact,
}

fn budget(text: &str) -> Result<String, String> {
    parse_budget(text).map(|_| text.to_owned())
}

/// Finds, judges and saves a preset.
pub(crate) fn run(arguments: &TuneCommand) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    let path = arguments.load.presets.save_path();
    let prepare = |name| Saving::prepare(&path, name, arguments.force);
    let saving = arguments.save.as_deref().map(prepare).transpose()?;
    if arguments.save.is_some() && arguments.running.detach {
        return Err(Failure::bad_input(
            "--save cannot be used with --detach: there is nothing to save yet",
        )
        .way_out("--detach without --save; then the same command with --save once it has ended"));
    }
    let text = text::of(arguments)?;
    let here = Path::new("tune.toml");
    let measuring = arguments.running.measuring(&interrupt)?;
    let (dir, flags) = (arguments.dir.as_ref(), &arguments.load);
    let loaded = load::of_text(text, here, dir, flags, Some(&measuring))?;
    let budget = loaded.experiment.inputs.tune.as_ref().map_or(0, |tune| tune.budget);
    if !arguments.running.quiet {
        print::note(format_args!(
            "at most {budget} evaluations, in `{}`",
            loaded.directory.path().display()
        ));
    }
    begin(&loaded, false)?;
    work(run_directory::open(loaded.directory.path())?, &arguments.running, false, &interrupt)?;
    if arguments.running.detach {
        return Ok(());
    }
    let sweep = run_directory::open(loaded.directory.path())?;
    let Some(verdict) = tuned(&sweep) else {
        return Err(Failure::failed("the tune is not finished"));
    };
    print::result(&tune_summary(&sweep, &verdict))?;
    match (&arguments.save, saving) {
        (Some(name), Some(saving)) => keep(arguments, name, saving, &sweep, &verdict),
        _ => Ok(()),
    }
}

/// Saves what was found, and the best plain schedule beside it.
fn keep(
    arguments: &TuneCommand,
    name: &str,
    saving: Saving,
    sweep: &Sweep,
    verdict: &Verdict,
) -> Result<(), Failure> {
    if !verdict.beats_the_naive_grid() && !arguments.force {
        let told = verdict.comparisons.first().map(|first| first.verdict.in_words());
        return Err(Failure::failed(format_args!(
            "`{name}` was not saved: it was not shown to be nearer than the naive grid of the \
             same sampler ({})",
            told.unwrap_or("no comparison")
        ))
        .way_out("more prompts with --prompts, or a larger --budget")
        .way_out("--force to save it anyway"));
    }
    let preset = |name: &str, found: &Candidate| Preset {
        name: name.to_owned(),
        description: Some(format!(
            "found by sigmalab tune for {}, with {}",
            arguments.reference,
            sampler_of(sweep, found)
        )),
        steps: SamplingOrder(found.steps.clone()),
        terminal: found.terminal,
    };
    let mut saved = vec![preset(name, &verdict.found)];
    if let Some(plain) = &verdict.plain {
        saved.push(preset(&saving::plain(name), plain));
    }
    print::result(&saving.save(&saved)?)
}
