//! `sigmalab presets diff`: what two presets say differently.

use super::super::failure::Failure;
use super::super::preset_flags::PresetFlags;
use super::super::print;
use super::columns;
use clap::Args;
use sigmalab_schedule::diff::Difference;

#[derive(Debug, Args)]
pub(super) struct Diff {
    /// One preset
    a: String,
    /// The other
    b: String,
    #[command(flatten)]
    presets: PresetFlags,
}

/// Prints the cells that differ, a row each; `-` where a preset has no such step.
pub(super) fn run(arguments: &Diff) -> Result<(), Failure> {
    let presets = arguments.presets.load()?;
    let a = presets
        .find(Some(&arguments.a), |a| format!("sigmalab presets diff {a} {}", arguments.b))?;
    let b = presets
        .find(Some(&arguments.b), |b| format!("sigmalab presets diff {} {b}", arguments.a))?;
    let difference = Difference::of(&a, &b);
    if difference.is_empty() {
        return print::result("the same steps and the same end\n");
    }
    let mut rows = vec![["step", "", &a.name, &b.name].map(str::to_owned)];
    let mut whole = |what: &str, (a, b): (String, String)| {
        if a != b {
            rows.push(["all".to_owned(), what.to_owned(), a, b]);
        }
    };
    let (steps, ends) = (difference.steps, difference.terminals);
    whole("steps", (steps.0.to_string(), steps.1.to_string()));
    whole("terminal", (ends.0.to_string(), ends.1.to_string()));
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |value| value.to_string());
    rows.extend(difference.cells.iter().map(|cell| {
        [cell.step.to_string(), cell.column.to_string(), shown(cell.a), shown(cell.b)]
    }));
    print::result(&columns(&rows))
}
