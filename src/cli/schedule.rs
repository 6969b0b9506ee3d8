//! `sigmalab schedule`: every step of a preset with its noise levels, as a table, CSV or JSON.

use super::failure::Failure;
use super::model_flags::{self, ModelFlags};
use super::preset_flags::PresetFlags;
use super::print;
use super::schedule_flags::ScheduleFlags;
use super::size_flags::SizeFlags;
use clap::{Args, ValueEnum};
use serde::Serialize;
use sigmalab_schedule::free::FREE;
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::sigmas::{Schedule, Sigma, StepFault};
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use std::fmt::Write as _;

#[derive(Debug, Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Steps are in sampling order; `loop` is the reference's index of the same step, \
which counts from the end. CSV and JSON hold full precision. A schedule that cannot be run is \
shown with its broken steps marked, and the exit code is 2.

Examples:
  sigmalab schedule V4_TURBO_12 --size square
  sigmalab schedule V4_DEFAULT_20 --num-steps 16 --std 2 --format csv > schedule.csv
  sigmalab schedule none --num-steps 8 --gw 7x6,3x2 --terminal-sigma zero"
)]
pub(crate) struct ScheduleCommand {
    /// Preset, or `none` for the reference call's defaults [default: the presets file's own,
    /// V4_QUALITY_48]
    #[arg(value_name = "NAME")]
    preset: Option<String>,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    schedule: ScheduleFlags,
    #[command(flatten)]
    size: SizeFlags,
    #[command(flatten)]
    model: ModelFlags,
    #[command(flatten)]
    presets: PresetFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One row a step, with a heading
    Csv,
    /// One object
    Json,
}

/// Prints the schedule.
pub(crate) fn run(arguments: &ScheduleCommand) -> Result<(), Failure> {
    let name = arguments.preset.as_deref();
    let mut warnings = Vec::new();
    let use_it = |name: &str| format!("sigmalab schedule {name}");
    let preset = arguments.presets.find(name, use_it, &mut warnings)?;
    warnings.iter().for_each(print::warning);
    let preset = arguments.schedule.over(&preset)?;
    let default = if name == Some(FREE) {
        Size::SQUARE
    } else {
        model_flags::default_size_offline(&arguments.model.name()?)?
    };
    let schedule = preset.schedule(arguments.size.resolve(default)?);
    let rows = rows(&schedule);
    match arguments.format {
        Format::Table => print::result(&table(&preset, &schedule, &rows))?,
        Format::Csv => print::result(&csv(&rows))?,
        Format::Json => print::json(&Document {
            preset: &preset.name,
            size: schedule.size(),
            terminal: schedule.terminal().as_str(),
            order: "sampling",
            steps: rows,
        })?,
    }
    schedule.check().map_err(Failure::bad_input)
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    preset: &'a str,
    size: Size,
    terminal: &'static str,
    /// Said in the file, because the reference counts the other way.
    order: &'static str,
    steps: Vec<Row>,
}

/// One step, sampling order. The field names are those of the CSV's columns and the JSON's keys.
#[derive(Debug, Serialize)]
struct Row {
    step: usize,
    loop_index: usize,
    gw: f64,
    mu: f64,
    std: f64,
    sigma: f64,
    sigma_next: f64,
    delta_sigma: f64,
    log_snr: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
}

fn rows(schedule: &Schedule) -> Vec<Row> {
    let faults = schedule.faults();
    let faults_of = |step: usize| {
        faults.iter().filter(move |fault| fault.step() == step).map(StepFault::to_string).collect()
    };
    let count = schedule.steps().len();
    let ends = schedule.sigmas().windows(2).map(|pair| match *pair {
        [start, end] => (start, end),
        _ => (Sigma(f64::NAN), Sigma(f64::NAN)),
    });
    let numbered = schedule.steps().iter().zip(ends).enumerate();
    numbered
        .map(|(step, (values, (start, end)))| Row {
            step,
            loop_index: count - 1 - step,
            gw: values.gw,
            mu: values.mu,
            std: values.std,
            sigma: start.0,
            sigma_next: end.0,
            delta_sigma: end.0 - start.0,
            log_snr: start.log_snr(),
            faults: faults_of(step),
        })
        .collect()
}

fn table(preset: &Preset, schedule: &Schedule, rows: &[Row]) -> String {
    let mut text = format!(
        "{} · {} · {} · terminal {} · sampling order\n\n{:>4} {:>4} {:>7} {:>7} {:>6} {:>9} {:>9} {:>9} {:>7}\n",
        if preset.name == FREE { "no preset" } else { &preset.name },
        print::counted(rows.len(), "step"),
        schedule.size(),
        match schedule.terminal() {
            rule @ Terminal::Reference => format!("{rule} ({:.3e})", rule.sigma().0),
            rule @ Terminal::Zero => rule.to_string(),
        },
        "step",
        "loop",
        "gw",
        "mu",
        "std",
        "σ",
        "σ next",
        "Δσ",
        "logSNR",
    );
    for row in rows {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "{:>4} {:>4} {:>7.2} {:>7.3} {:>6.3} {:>9.6} {:>9.6} {:>9.6} {:>+7.2}",
            row.step,
            row.loop_index,
            row.gw,
            row.mu,
            row.std,
            row.sigma,
            row.sigma_next,
            row.delta_sigma,
            row.log_snr,
        );
        if !row.faults.is_empty() {
            text.push_str("  ✗ broken");
        }
        text.push('\n');
    }
    text
}

fn csv(rows: &[Row]) -> String {
    let mut text = "step,loop_index,gw,mu,std,sigma,sigma_next,delta_sigma,log_snr\n".to_owned();
    for row in rows {
        let Row { step, loop_index, gw, mu, std, sigma, sigma_next, delta_sigma, log_snr, .. } =
            row;
        let _ = writeln!(
            text,
            "{step},{loop_index},{gw},{mu},{std},{sigma},{sigma_next},{delta_sigma},{log_snr}"
        );
    }
    text
}
