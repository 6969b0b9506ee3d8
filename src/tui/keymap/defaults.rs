//! The default keys: those of each action, and those that all lists have. They are text that the same
//! parsers read as a user's file.

use crate::tui::action::{Action, Call};
use crate::tui::context::Context;
use crate::tui::keymap::Binding;

/// The keys of every list and of every text that scrolls.
const LISTS: &[(&str, &str)] = &[
    ("up k", "previous"),
    ("down j", "next"),
    ("home g", "first"),
    ("end G", "last"),
    ("pageup ctrl-b ctrl-u", "page-up"),
    ("pagedown ctrl-f ctrl-d", "page-down"),
    ("esc", "back"),
];

/// Where [`LISTS`] counts.
const WITH_LISTS: [Context; 9] = [
    Context::Presets,
    Context::Compare,
    Context::Gallery,
    Context::Samplers,
    Context::Revisions,
    Context::Sweeps,
    Context::Sweep,
    Context::Reading,
    Context::Choice,
];

/// Context, keys and action of every default.
fn lines() -> impl Iterator<Item = (Context, &'static str, &'static str)> {
    let own = Action::ALL.iter().flat_map(|action| {
        action.default_keys().iter().map(|(context, keys)| (*context, *keys, action.name()))
    });
    let of_lists = WITH_LISTS
        .into_iter()
        .flat_map(|context| LISTS.iter().map(move |&(keys, call)| (context, keys, call)));
    own.chain(of_lists)
}

/// The defaults, parsed. One that does not parse would be missing; a test reads them all.
pub(super) fn bindings() -> Vec<Binding> {
    let parsed = |(context, keys, call): (Context, &'static str, &'static str)| {
        let call: Option<Call> = call.parse().ok();
        keys.split(' ').filter_map(move |key| {
            Some(Binding { context, key: key.parse().ok()?, call: call.clone()? })
        })
    };
    lines().flat_map(parsed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_key_and_call_parses() {
        let written: usize = lines().map(|(_, keys, _)| keys.split(' ').count()).sum();
        assert_eq!(bindings().len(), written);
    }
}
