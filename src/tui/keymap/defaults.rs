//! The default keys, as text that the same parsers read as a user's file.

use super::{Binding, Context};
use crate::tui::action::Call;

/// Context, keys with a space between, what they do. Order is the order of help.
const DEFAULTS: &[(Context, &str, &str)] = &[
    (Context::Grid, "up k", "move-up"),
    (Context::Grid, "down j", "move-down"),
    (Context::Grid, "left h shift-tab", "move-left"),
    (Context::Grid, "right l tab", "move-right"),
    (Context::Grid, "pageup ctrl-b", "page-up"),
    (Context::Grid, "pagedown ctrl-f", "page-down"),
    (Context::Grid, "home g", "first-step"),
    (Context::Grid, "end G", "last-step"),
    (Context::Grid, "^", "first-column"),
    (Context::Grid, "$", "last-column"),
    (Context::Grid, "ctrl-g", "go-to-step"),
    (Context::Grid, "ctrl-y", "scroll-up"),
    (Context::Grid, "ctrl-e", "scroll-down"),
    (Context::Grid, "shift-up K", "extend-up"),
    (Context::Grid, "shift-down J", "extend-down"),
    (Context::Grid, "shift-left H", "extend-left"),
    (Context::Grid, "shift-right", "extend-right"),
    (Context::Grid, "#", "all-columns"),
    (Context::Grid, "v", "toggle-selection"),
    (Context::Grid, "V", "select-rows"),
    (Context::Grid, "|", "select-column"),
    (Context::Grid, "ctrl-a", "select-all"),
    (Context::Grid, "esc", "clear-selection"),
    (Context::Grid, "/", "search"),
    (Context::Grid, "n", "search-next"),
    (Context::Grid, "N", "search-previous"),
    (Context::Grid, "enter i", "edit-cell"),
    (Context::Grid, "+", "nudge-up"),
    (Context::Grid, "_", "nudge-down"),
    (Context::Grid, ">", "nudge-up-coarse"),
    (Context::Grid, "<", "nudge-down-coarse"),
    (Context::Grid, "f", "fill"),
    (Context::Grid, "ctrl-d", "fill-down"),
    (Context::Grid, "s", "series"),
    (Context::Grid, "= e", "expression"),
    (Context::Grid, "y", "yank"),
    (Context::Grid, "p", "paste"),
    (Context::Grid, "o", "insert-below"),
    (Context::Grid, "O", "insert-above"),
    (Context::Grid, "D delete", "delete-steps"),
    (Context::Grid, "%", "resample"),
    (Context::Grid, "u", "undo"),
    (Context::Grid, "U ctrl-r", "redo"),
    (Context::Grid, "space", "zoom"),
    (Context::Grid, "w ctrl-s", "save"),
    (Context::Grid, "W", "save-as"),
    (Context::Presets, "enter", "accept"),
    (Context::Presets, "n", "rename-preset"),
    (Context::Presets, "y", "duplicate-preset"),
    (Context::Presets, "D delete", "delete-preset"),
    (Context::Presets, "*", "set-default-preset"),
    (Context::Presets, "/", "filter-presets"),
    (Context::Presets, "=", "diff-presets"),
    (Context::Presets, "e", "export-preset"),
    (Context::Presets, "i", "import-preset"),
    (Context::Presets, "ctrl-r", "reload-presets"),
    (Context::Compare, "v tab", "compare-view"),
    (Context::Compare, "x space", "flip"),
    (Context::Compare, "s", "swap"),
    (Context::Compare, "d", "difference-scale"),
    (Context::Compare, "f", "fold"),
    (Context::Compare, "u", "undo"),
    (Context::Compare, "U ctrl-r", "redo"),
    (Context::Compare, "w ctrl-s", "save"),
    (Context::Compare, "W", "save-as"),
    (Context::Gallery, "enter", "load-run"),
    (Context::Gallery, "space", "zoom"),
    (Context::Gallery, "c", "compare-run"),
    (Context::Gallery, "D delete", "delete-run"),
    (Context::Gallery, "y", "copy-recipe"),
    (Context::Gallery, "Y", "copy-path"),
    (Context::Gallery, "/", "filter-runs"),
    (Context::Gallery, "ctrl-r", "show-gallery"),
    (Context::Samplers, "right l tab", "move-right"),
    (Context::Samplers, "left h shift-tab", "move-left"),
    (Context::Samplers, "enter", "accept"),
    (Context::Revisions, "enter", "accept"),
    (Context::Revisions, "u", "undo"),
    (Context::Revisions, "U ctrl-r", "redo"),
    (Context::Sweeps, "enter", "accept"),
    (Context::Sweeps, "r", "run-sweep"),
    (Context::Sweeps, "p", "plan-sweep"),
    (Context::Sweeps, "T", "measure-sweep"),
    (Context::Sweeps, "a", "attach-sweep"),
    (Context::Sweeps, "e", "edit-experiment"),
    (Context::Sweeps, "n", "write-experiment"),
    (Context::Sweeps, "ctrl-r", "show-sweeps"),
    (Context::Sweep, "left h shift-tab", "move-left"),
    (Context::Sweep, "right l tab", "move-right"),
    (Context::Sweep, "enter", "load-trial"),
    (Context::Sweep, "space", "zoom"),
    (Context::Sweep, "v", "sweep-view"),
    (Context::Sweep, "s", "sort-trials"),
    (Context::Sweep, "/", "filter-trials"),
    (Context::Sweep, "o", "trial-columns"),
    (Context::Sweep, "x", "scatter-x"),
    (Context::Sweep, "y", "scatter-y"),
    (Context::Sweep, "A", "pin-trial"),
    (Context::Sweep, "c", "compare-trial"),
    (Context::Sweep, "w", "trial-preset"),
    (Context::Sweep, "p", "pause-sweep"),
    (Context::Sweep, "f", "trial-first"),
    (Context::Sweep, "D delete", "skip-trial"),
    (Context::Sweep, "C", "cancel-sweep"),
    (Context::Sweep, "r", "run-sweep"),
    (Context::Sweep, "R", "retry-sweep"),
    (Context::Reading, "space", "page-down"),
    (Context::Global, "r", "run"),
    (Context::Global, "F", "run-full"),
    (Context::Global, "x ctrl-c", "cancel"),
    (Context::Global, "R", "run-on-edit"),
    (Context::Global, "M", "measures"),
    (Context::Global, "A", "pin"),
    (Context::Global, "alt-a", "unpin"),
    (Context::Global, "c F4", "compare"),
    (Context::Global, "t", "prompt"),
    (Context::Global, "z", "size"),
    (Context::Global, "Z", "proxy-size"),
    (Context::Global, "S", "seed"),
    (Context::Global, "L", "lock-seed"),
    (Context::Global, "m", "sampler"),
    (Context::Global, "T", "terminal-rule"),
    (Context::Global, "b", "overlay"),
    (Context::Global, "F2", "show-editor"),
    (Context::Global, "P F3", "show-presets"),
    (Context::Global, "E F5", "show-gallery"),
    (Context::Global, "F6", "show-log"),
    (Context::Global, "alt-m F7", "show-samplers"),
    (Context::Global, "B F8", "show-revisions"),
    (Context::Global, "X F9", "show-sweeps"),
    (Context::Global, "? F1", "help"),
    (Context::Global, ": ctrl-p", "palette"),
    (Context::Global, "I", "image-protocol"),
    (Context::Global, "ctrl-l", "redraw"),
    (Context::Global, "ctrl-z", "suspend"),
    (Context::Global, "q", "quit"),
    (Context::Line, "enter", "accept"),
    (Context::Line, "tab", "accept-right"),
    (Context::Line, "esc ctrl-c", "back"),
    (Context::Palette, "enter", "accept"),
    (Context::Palette, "down ctrl-n tab", "next"),
    (Context::Palette, "up ctrl-p shift-tab", "previous"),
    (Context::Palette, "pageup", "page-up"),
    (Context::Palette, "pagedown", "page-down"),
    (Context::Palette, "esc ctrl-c", "back"),
    (Context::Choice, "enter", "accept"),
    (Context::Choice, "ctrl-n tab", "next"),
    (Context::Choice, "ctrl-p shift-tab", "previous"),
    (Context::Choice, "ctrl-c", "back"),
    (Context::Question, "y enter", "accept"),
    (Context::Question, "n esc ctrl-c", "back"),
];

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

/// Every line of the tables.
fn lines() -> impl Iterator<Item = (Context, &'static str, &'static str)> {
    let of_lists = WITH_LISTS
        .into_iter()
        .flat_map(|context| LISTS.iter().map(move |&(keys, call)| (context, keys, call)));
    DEFAULTS.iter().copied().chain(of_lists)
}

/// The tables, parsed. A line that does not parse would be missing; a test reads them all.
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
