//! `sigmalab generate`: from a prompt, or from an earlier image's recipe, to an image. What is
//! asked is checked in full before anything heavy starts.

mod outputs;
pub(super) mod progress;
mod report;
mod resolve;
pub(super) mod show;
mod wording;

use super::failure::Failure;
use super::interrupt::Interrupt;
use super::memory_flags::MemoryFlags;
use super::model_flags::ModelFlags;
use super::preset_flags::PresetFlags;
use super::print;
use super::schedule_flags::ScheduleFlags;
use super::size_flags::SizeFlags;
use super::values::{RngChoice, device, parameter, seed, threads};
use clap::{Args, ValueEnum};
use outputs::Outputs;
use progress::Progress;
use report::{Finished, Observed};
use show::Show;
use sigmalab_compute::{ComputeDtype, DeviceChoice};
use sigmalab_engine::image_file::ImageFormat;
use sigmalab_engine::worker::{Engine, EngineOptions, RunFailure};
use sigmalab_schedule::size::Size;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Args)]
#[command(
    // `--seed -1` is a wrong seed, not an unknown flag `-1`.
    allow_negative_numbers = true,
    after_help = "The image carries its whole recipe; `generate --recipe image.png` runs it again, and any flag
beside it changes that one thing.

Examples:
  sigmalab generate --prompt \"a red circle on a blue background\" --output out.png
  sigmalab generate --prompt \"an orange hexagon\" --sampler-preset V4_TURBO_12 --seed 5 --gw 7x10,2x2
  sigmalab generate --recipe out.png --seed 8 --output other.png
  sigmalab generate --model ideogram-ai/ideogram-4-fp8 --prompt-file caption.json --size landscape

Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 130 interrupted. Only with 0 is a file
written, or where the result could not be printed."
)]
pub(crate) struct Generate {
    /// What to draw: a sentence or a structured JSON caption; `-` reads standard input
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,

    /// File with the prompt; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    prompt_file: Option<PathBuf>,

    /// Run a recipe again, flags beside it change it: that of an image, of a --save-latents file,
    /// or of JSON such as --json prints; `-` reads JSON from standard input
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,

    /// With --recipe: run also on a checkpoint that is not the recipe's own
    #[arg(long)]
    any_checkpoint: bool,

    /// The image, a .png, .webp or .jpg; replaced if it exists [default: sigmalab-SEED.png in the
    /// current folder, or the next free name]
    #[arg(long, short, value_name = "FILE.png")]
    output: Option<PathBuf>,

    /// Format of the image: png; webp, without loss too; jpeg, for sharing, with the recipe where its
    /// 64 KiB of texts hold it [default: what --output ends in, else png]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<FormatFlag>,

    /// Preset, or `none` for the reference call's defaults (48 steps, gw 7, mu 0.5, std 1,
    /// 1024×1024) [default: the presets file's own, V4_QUALITY_48]
    #[arg(long, value_name = "NAME", help_heading = "Schedule (a flag beats the preset)")]
    sampler_preset: Option<String>,

    #[command(flatten)]
    schedule: ScheduleFlags,

    #[command(flatten)]
    presets: PresetFlags,

    #[command(flatten)]
    size: SizeFlags,

    /// Take σ as at this size, so that a small image tunes the schedule of a larger one: width ×
    /// height or a name [default: the image size]
    #[arg(long, value_name = "NAME|WxH", help_heading = "Image size")]
    sigma_size: Option<Size>,

    /// Seed of the initial noise [default: a random one, which is printed and stored]
    #[arg(long, value_name = "N", value_parser = seed, help_heading = "Noise and sampler")]
    seed: Option<u64>,

    /// Generator of the initial noise: torch-cpu, torch-cuda or
    /// torch-cuda:MULTIPROCESSORS[xTHREADS], whose numbers are those of the GPU that is used, else an
    /// A100's [default: torch-cpu]
    #[arg(long, value_name = "RNG", help_heading = "Noise and sampler")]
    rng: Option<RngChoice>,

    /// Take the initial noise from tensor `noise`, [1, tokens, 128] f32, of a file
    #[arg(long, value_name = "FILE.safetensors", help_heading = "Noise and sampler",
          conflicts_with_all = ["seed", "rng"])]
    initial_noise: Option<PathBuf>,

    /// Sampler: one of `sigmalab plugins list` [default: euler]
    #[arg(long, value_name = "NAME", help_heading = "Noise and sampler")]
    sampler: Option<String>,

    /// Parameter of the sampler, a number or the name of a choice; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parameter,
          help_heading = "Noise and sampler")]
    sampler_param: Vec<(String, String)>,

    #[command(flatten)]
    model: ModelFlags,

    #[command(flatten)]
    memory: MemoryFlags,

    /// Number format of activations; weights stay as they are stored. int8 multiplies bytes in
    /// the transformers, on the processor alone: faster, less exact; int8-all in their down projections
    /// too; fp8 multiplies weights in fp8 as they are, on GPUs that can [default: f32, on a GPU bf16]
    #[arg(long, value_enum, help_heading = "Model")]
    dtype: Option<DtypeFlag>,

    /// Where the networks run: cpu, cuda, cuda:N or metal [default: cpu]
    #[arg(long, value_name = "DEVICE", value_parser = device, help_heading = "Model")]
    device: Option<DeviceChoice>,

    /// Leave out all blocks of a network but the first where what that adds has changed by less than
    /// this share since the step before: faster, less exact; 0.05 to 0.2 are usual [default: 0, never]
    #[arg(long, value_name = "THRESHOLD", help_heading = "Model")]
    first_block_cache: Option<f64>,

    /// Compute threads, 1–1024, at most one per core is used; the image does not depend on it
    /// [default: every core]
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "Model")]
    threads: Option<usize>,

    /// Put a plain prompt into the smallest valid caption first
    #[arg(long, help_heading = "Captions")]
    wrap_caption: bool,

    /// Refuse a prompt that is not a valid structured caption (issues are warnings otherwise)
    #[arg(long, help_heading = "Captions")]
    strict_caption: bool,

    /// Also write `noise` and `latents`, both [1, tokens, 128] f32
    #[arg(long, value_name = "FILE.safetensors", help_heading = "Results")]
    save_latents: Option<PathBuf>,

    /// Show the image on the terminal too: auto (in terminals known to show pictures), never, or
    /// kitty, sixel, iterm2, half-blocks; never where standard output is no terminal
    #[arg(
        long,
        value_name = "auto|never|PROTOCOL",
        default_value = "auto",
        help_heading = "Results"
    )]
    show: Show,

    /// Print one JSON object: output, recipe, NFE, timings, every step's metrics
    #[arg(long, help_heading = "Results")]
    json: bool,

    /// Also print where the networks' time went, by operation
    #[arg(long, help_heading = "Results")]
    profile: bool,

    /// No progress and no closing line; warnings and errors stay
    #[arg(long, short, help_heading = "Results")]
    quiet: bool,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatFlag {
    Png,
    Webp,
    Jpeg,
}

impl From<FormatFlag> for ImageFormat {
    fn from(flag: FormatFlag) -> Self {
        match flag {
            FormatFlag::Png => ImageFormat::Png,
            FormatFlag::Webp => ImageFormat::Webp,
            FormatFlag::Jpeg => ImageFormat::Jpeg,
        }
    }
}

/// `--dtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DtypeFlag {
    F32,
    Bf16,
    Int8,
    #[value(name = "int8-all")]
    Int8All,
    Fp8,
}

impl From<DtypeFlag> for ComputeDtype {
    fn from(flag: DtypeFlag) -> Self {
        match flag {
            DtypeFlag::F32 => ComputeDtype::F32,
            DtypeFlag::Bf16 => ComputeDtype::Bf16,
            DtypeFlag::Int8 => ComputeDtype::Int8,
            DtypeFlag::Int8All => ComputeDtype::Int8All,
            DtypeFlag::Fp8 => ComputeDtype::Fp8,
        }
    }
}

/// Makes the image.
pub(crate) fn run(arguments: &Generate) -> Result<(), Failure> {
    let started = Instant::now();
    let interrupt = Interrupt::install()?;
    resolve::check_presence(arguments)?;
    let outputs = Outputs::check(arguments)?;
    let mut progress = Progress::new(!arguments.quiet);
    let mut request = resolve::resolve(arguments, &mut progress)?;
    request.warnings.extend(outputs.warning(&request.run.recipe));
    for warning in &request.warnings {
        print::warning(warning);
    }

    let mut engine = Engine::new(EngineOptions {
        threads: arguments.threads,
        // One run has no prefix to share with another.
        cache_bytes: Some(0),
        memory_limit: arguments.memory.limit()?,
        samplers: request.samplers,
        ..EngineOptions::default()
    });
    let mut observed = Observed::default();
    interrupt.become_polite();
    let result = engine.run_watched(&request.run, &mut |event, silence| {
        if let Some(event) = event {
            observed.take(event);
        }
        match silence {
            Some(silence) => progress.silent(silence),
            None => progress.show(event),
        }
        !interrupt.requested()
    });
    progress.finish();
    let output = match result {
        // A worker that dies of the same Ctrl-C was interrupted too.
        Err(_) if interrupt.requested() => return Err(Failure::interrupted()),
        Err(failure) => return Err(failed(failure)),
        Ok(output) => output,
    };

    interrupt.become_patient();
    let files = outputs.write(&output, &interrupt)?;
    let finished = Finished {
        files,
        output: &output,
        observed,
        warnings: request.warnings,
        seconds: started.elapsed().as_secs_f64(),
    };
    let shown = if arguments.json || arguments.quiet { Show::Never } else { arguments.show };
    let told = if arguments.json {
        print::json(&finished.document()?)
    } else if arguments.quiet {
        Ok(())
    } else {
        let profile = if arguments.profile { finished.profile() } else { String::new() };
        print::result(&(finished.line() + &profile))
    };
    if told.is_ok() {
        show::picture(shown, &output.image);
    }
    told.map_err(|failure| {
        // The image took its time and is whole: it stays.
        let image = finished.files.image.display();
        Failure::failed(format_args!("{}; the image is written: `{image}`", failure.message))
    })
}

fn failed(failure: RunFailure) -> Failure {
    match failure {
        RunFailure::Cancelled => Failure::interrupted(),
        RunFailure::BadInput(message) | RunFailure::OfMachine { message, bad_input: true } => {
            Failure::bad_input(message)
        }
        other => Failure::failed(other),
    }
}
