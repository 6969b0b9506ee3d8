//! The experiment file that a tune's flags amount to.

use super::{Target, TuneCommand};
use crate::cli::failure::Failure;
use crate::cli::sweep::load;
use crate::cli::text_input::Origin;
use std::fmt::Write as _;

/// Prompts in the words that the demo checkpoint knows.
const DEMO: &str = include_str!("../../../experiments/tune-prompts.txt");

/// The text. Prompts are written into it, so that it is whole wherever it is read.
pub(super) fn of(arguments: &TuneCommand) -> Result<String, Failure> {
    let prompts = match &arguments.prompts {
        Some(file) => load::prompts_in(file, Origin::Named, "--prompts FILE, one prompt a line")?,
        None if arguments.load.model.name()? == sigmalab_model::source::DEMO => {
            sigmalab_experiment::prompts::parse(DEMO, "demo-prompts.txt")
                .map_err(Failure::failed)?
        }
        None => {
            return Err(Failure::bad_input(
                "a tune needs prompts of the kind that the checkpoint was trained on",
            )
            .way_out("--prompts FILE, one prompt a line; 28 or more tell most"));
        }
    };
    let target = match arguments.target {
        Target::Imitate => "imitate",
        Target::Exact => "exact",
    };
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        format!("[{}]", names.join(", "))
    };
    let numbers = |numbers: &[u64]| {
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        format!("[{}]", numbers.join(", "))
    };
    let mut text = format!(
        "name = \"tune-{}-{target}\"\nmethod = \"tune\"\nseeds = {}\n",
        arguments.steps,
        numbers(&arguments.seeds)
    );
    if let Some(size) = arguments.size {
        let _ = writeln!(text, "sizes = [\"{}x{}\"]", size.width(), size.height());
    }
    text.push_str("prompts = [\n");
    for prompt in prompts {
        let (id, words) = (quoted(&prompt.id), quoted(&prompt.text));
        let _ = writeln!(text, "    {{ id = {id}, text = {words} }},");
    }
    let _ = writeln!(
        text,
        "]\n\n[reference]\npreset = {}\n\n[tune]\nsteps = {}\ntarget = \"{target}\"\nbudget = {}\n\
         guidance = {}\nagainst = {}",
        quoted(&arguments.reference),
        arguments.steps,
        quoted(&arguments.budget),
        arguments.guidance,
        list(&arguments.against),
    );
    if !arguments.sampler.is_empty() {
        let _ = writeln!(text, "samplers = {}", list(&arguments.sampler));
    }
    if !arguments.further_sizes.is_empty() {
        let sizes: Vec<String> = arguments
            .further_sizes
            .iter()
            .map(|size| format!("{}x{}", size.width(), size.height()))
            .collect();
        let _ = writeln!(text, "further_sizes = {}", list(&sizes));
    }
    if !arguments.ladder.is_empty() {
        let _ = writeln!(text, "ladder = {}", numbers(&arguments.ladder));
    }
    Ok(text)
}
