//! Help and documentation from the action list and the keymap, so that neither can be wrong.

use super::action::{Action, Argument, Call, Group};
use super::keymap::{Context, Keymap};
use std::fmt::Write as _;

/// One line of help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The keys, with a space between.
    pub keys: String,
    /// The action's name.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What it does.
    pub sentence: &'static str,
}

/// The actions of a group with the keys of every context, the context named where it is not the
/// editor's.
pub fn rows(keymap: &Keymap, group: Group) -> Vec<Row> {
    let of_group = |action: &&Action| action.group() == group;
    Action::ALL.iter().filter(of_group).map(|&action| row(keymap, action)).collect()
}

fn row(keymap: &Keymap, action: Action) -> Row {
    let mut parts: Vec<String> = Vec::new();
    for context in Context::ALL {
        let keys: Vec<String> = keymap
            .bindings()
            .iter()
            .filter(|b| b.context == context && b.call == Call::from(action))
            .map(|b| b.key.to_string())
            .collect();
        if keys.is_empty() {
            continue;
        }
        let keys = keys.join(" ");
        let editor = matches!(context, Context::Grid | Context::Global);
        parts.push(if editor { keys } else { format!("{keys} ({context})") });
    }
    let takes = match action.argument() {
        Argument::None => "",
        Argument::Optional(what) | Argument::Asked(what) => what,
    };
    Row { keys: parts.join(", "), name: action.name(), takes, sentence: action.sentence() }
}

/// Every action as Markdown tables, a group each, as `docs/workbench.md` holds them.
pub fn markdown(keymap: &Keymap) -> String {
    let mut text = String::new();
    for group in Group::ALL {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "\n### {}\n\n| keys | action | what it does |\n| --- | --- | --- |\n",
            group.title()
        );
        for Row { keys, name, takes, sentence } in rows(keymap, group) {
            let keys = keys.replace('|', "\\|");
            let takes = if takes.is_empty() { String::new() } else { format!(" *{takes}*") };
            let _ = writeln!(text, "| {keys} | `{name}`{takes} | {sentence} |");
        }
    }
    text
}
