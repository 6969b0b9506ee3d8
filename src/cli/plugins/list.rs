//! `sigmalab plugins list`: the samplers that can be named, and the files that cannot be used.

use crate::cli::failure::Failure;
use crate::cli::{print, samplers};
use clap::Args;
use serde::Serialize;
use sigmalab_sampler::plugin::{Effort, Listing, PluginFile, Problem, discover};
use sigmalab_sampler::{SamplerInfo, Samplers};
use std::fmt::Write as _;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    info: &'a SamplerInfo,
    /// `null` for a built-in one.
    file: Option<&'a PluginFile>,
}

#[derive(Serialize)]
struct Document<'a> {
    samplers: Vec<Entry<'a>>,
    problems: &'a [Problem],
}

/// Prints the list. Files that cannot be used are part of it, and no failure.
pub(crate) fn run(arguments: &List) -> Result<(), Failure> {
    let samplers = Samplers::with(discover(&samplers::discovery(), Effort::Afresh));
    if arguments.json {
        let entries = samplers.all().map(|(info, file)| Entry { info, file });
        let problems = &samplers.plugins().problems;
        return print::json(&Document { samplers: entries.collect(), problems });
    }
    print::result(&table(&samplers))?;
    let Listing { problems, .. } = samplers.plugins();
    for problem in problems {
        print::warning(problem);
    }
    Ok(())
}

fn table(samplers: &Samplers) -> String {
    let rows: Vec<[String; 6]> = samplers
        .all()
        .map(|(info, file)| {
            let (hash, path) = match file {
                Some(file) => (file.hash.short().to_owned(), file.path.display().to_string()),
                None => ("".to_owned(), "built in".to_owned()),
            };
            let order = if info.order == 0 { "–".to_owned() } else { info.order.to_string() };
            let evaluations = info.evaluations_per_step.to_string();
            [info.id.to_string(), info.version.to_string(), order, evaluations, hash, path]
        })
        .collect();
    let heads = ["sampler", "version", "order", "NFE/step", "hash", "file"];
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(heads.get(column).map(|head| head.len())).max().unwrap_or(0)
    };
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<width$}", width = width(column)))
            .collect();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}", padded.join("  ").trim_end());
    };
    line(&heads.map(str::to_owned));
    rows.iter().for_each(|row| line(row));
    for (info, _) in samplers.all().filter(|(info, _)| !info.params.is_empty()) {
        let _ = writeln!(text, "\nparameters of {}", info.id);
        for param in info.params.iter() {
            let _ = writeln!(
                text,
                "  {} = {}: {}; {}",
                param.key,
                param.write(param.default),
                param.help,
                param.values_in_words()
            );
        }
    }
    text
}
