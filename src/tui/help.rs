//! Help and documentation from the action list and the keymap, so that neither can be wrong.

use crate::tui::action::{Action, Argument, Call, Group};
use crate::tui::context::Context;
use crate::tui::keymap::Keymap;
use std::fmt::Write as _;

/// One line of help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The keys, with a space between.
    pub keys: String,
    pub name: &'static str,
    pub takes: &'static str,
    pub sentence: &'static str,
}

/// The actions of a group with the keys of every context, the context named where it is not the
/// editor's.
pub fn rows(keymap: &Keymap, group: Group) -> Vec<Row> {
    let of_group = |action: &&Action| action.group() == group;
    Action::ALL.iter().filter(of_group).map(|&action| row(keymap, action)).collect()
}

fn row(keymap: &Keymap, action: Action) -> Row {
    // The contexts of equal keys, in the order of help.
    let mut groups: Vec<(String, Vec<Context>)> = Vec::new();
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
        match groups.iter_mut().find(|(of_group, _)| *of_group == keys) {
            Some((_, contexts)) => contexts.push(context),
            None => groups.push((keys, vec![context])),
        }
    }
    let parts: Vec<String> =
        groups.into_iter().map(|(keys, contexts)| placed(&keys, &contexts)).collect();
    let takes = match action.argument() {
        Argument::None => "",
        Argument::Optional(what) | Argument::Asked(what) => what,
    };
    Row { keys: parts.join(", "), name: action.name(), takes, sentence: action.sentence() }
}

/// Keys with where they count, unless that is the editor.
fn placed(keys: &str, contexts: &[Context]) -> String {
    let elsewhere: Vec<&str> = contexts
        .iter()
        .filter(|context| !matches!(context, Context::Grid | Context::Global))
        .map(|context| context.name())
        .collect();
    match elsewhere.as_slice() {
        [] => keys.to_owned(),
        // Every list has them.
        [_, _, _, ..] if elsewhere.len() < contexts.len() => format!("{keys} (also lists)"),
        [_, _, _, ..] => format!("{keys} (lists)"),
        names if names.len() < contexts.len() => format!("{keys} (also {})", names.join(", ")),
        names => format!("{keys} ({})", names.join(", ")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_once_with_the_places_where_they_count() {
        let placed = |contexts: &[Context]| placed("down j", contexts);
        assert_eq!(placed(&[Context::Grid]), "down j");
        assert_eq!(placed(&[Context::Presets, Context::Gallery]), "down j (presets, gallery)");
        let lists = [Context::Presets, Context::Gallery, Context::Reading];
        assert_eq!(placed(&lists), "down j (lists)");
        assert_eq!(placed(&[Context::Grid, Context::Gallery]), "down j (also gallery)");
        let both = [Context::Grid, Context::Gallery, Context::Revisions];
        assert_eq!(placed(&both), "down j (also gallery, revisions)");
        let all = [Context::Grid, Context::Gallery, Context::Revisions, Context::Sweep];
        assert_eq!(placed(&all), "down j (also lists)");
    }
}
