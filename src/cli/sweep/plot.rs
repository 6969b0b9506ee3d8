//! `sigmalab sweep plot`: one column of a sweep against another, as a table and as a picture.

use super::run_directory;
use crate::cli::failure::Failure;
use crate::cli::print;
use clap::Args;
use sigmalab_experiment::report::{Finding, Plot, compare};
use sigmalab_files::target::{OnCollision, Target};
use std::path::PathBuf;

/// The picture in a run directory, where no other is named.
const PLOT: &str = "plot.svg";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab sweep plot runs/samplers --across nfe --up latent_rmse --by sampler --log
  sigmalab sweep plot runs/mu-std --across mu --up ssim --by std -o mu.svg")]
pub(super) struct PlotCommand {
    /// Run directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Column across: a metric, or a swept path whose values are numbers
    #[arg(long, value_name = "COLUMN")]
    across: String,
    /// Column up: means over prompts, seeds and sizes
    #[arg(long, value_name = "COLUMN")]
    up: String,
    /// A line for each value of this swept path
    #[arg(long, value_name = "PATH")]
    by: Option<String>,
    /// Make the axis up logarithmic
    #[arg(long)]
    log: bool,
    /// The picture's file, replaced if it is there [default: plot.svg in DIR]
    #[arg(long, short, value_name = "FILE.svg")]
    output: Option<PathBuf>,
}

/// Prints the table and writes the picture.
pub(super) fn run(arguments: &PlotCommand) -> Result<(), Failure> {
    let plain = |path: &&PathBuf| path.extension().is_none_or(|extension| extension != "svg");
    if let Some(path) = arguments.output.as_ref().filter(plain) {
        return Err(Failure::bad_input(format_args!(
            "`{}`: plots are SVG: the name must end in .svg",
            path.display()
        )));
    }
    let sweep = run_directory::open(&arguments.dir)?;
    let by = arguments.by.as_deref();
    let comparison = compare(&Finding::of(&sweep), &arguments.across, &arguments.up, by)
        .map_err(Failure::bad_input)?;
    let svg = Plot::of(&comparison, arguments.log).svg();
    let written = match &arguments.output {
        Some(path) => {
            let target = Target::check(path).map_err(Failure::bad_input)?;
            let draft = target.draft(|out| out.write_all(svg.as_bytes()));
            draft.and_then(|draft| draft.commit(OnCollision::Replace)).map_err(Failure::failed)?
        }
        // Nobody named a link that may lie there.
        None => {
            let fill = |out: &mut dyn std::io::Write| out.write_all(svg.as_bytes());
            let put = sweep.directory.put(PLOT, OnCollision::Replace, fill);
            put.map_err(Failure::failed)?;
            sweep.directory.path().join(PLOT)
        }
    };
    print::result(&format!("{}\n{}\n", comparison.table(), written.display()))
}
