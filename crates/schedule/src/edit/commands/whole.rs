//! Commands on what belongs to no step.

use super::super::super::preset::is_preset_name;
use super::super::super::terminal::Terminal;
use super::super::{Change, Draft, EditError, Transaction};

/// Sets where the last step ends.
pub fn set_terminal(draft: &Draft, terminal: Terminal) -> Transaction {
    let before = draft.terminal;
    when(before != terminal, || Change::Terminal { before, after: terminal })
}

/// Gives the preset another name.
///
/// # Errors
/// Where no preset of a file can have that name.
pub fn rename(draft: &Draft, name: &str) -> Result<Transaction, EditError> {
    if !is_preset_name(name) {
        return Err(EditError::Name(name.to_owned()));
    }
    let (before, after) = (draft.name.clone(), name.to_owned());
    Ok(when(before != after, || Change::Rename { before, after }))
}

/// Sets or takes away the description.
pub fn describe(draft: &Draft, description: Option<&str>) -> Transaction {
    let (before, after) = (draft.description.clone(), description.map(str::to_owned));
    when(before != after, || Change::Describe { before, after })
}

fn when(changes: bool, change: impl FnOnce() -> Change) -> Transaction {
    if changes { Transaction::new(vec![change()]) } else { Transaction::default() }
}
