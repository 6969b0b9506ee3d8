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
    (Context::Grid, "-", "nudge-down"),
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
    (Context::Presets, "up k", "previous"),
    (Context::Presets, "down j", "next"),
    (Context::Presets, "enter", "accept"),
    (Context::Presets, "r", "rename-preset"),
    (Context::Presets, "d", "duplicate-preset"),
    (Context::Presets, "D delete", "delete-preset"),
    (Context::Presets, "ctrl-r", "reload-presets"),
    (Context::Presets, "esc", "show-editor"),
    (Context::Compare, "v tab", "compare-view"),
    (Context::Compare, "x space", "flip"),
    (Context::Compare, "s", "swap"),
    (Context::Compare, "d", "difference-scale"),
    (Context::Compare, "f", "fold"),
    (Context::Compare, "up k", "previous"),
    (Context::Compare, "down j", "next"),
    (Context::Compare, "pageup", "page-up"),
    (Context::Compare, "pagedown", "page-down"),
    (Context::Compare, "esc", "show-editor"),
    (Context::Reading, "up k", "previous"),
    (Context::Reading, "down j", "next"),
    (Context::Reading, "pageup", "page-up"),
    (Context::Reading, "pagedown space", "page-down"),
    (Context::Reading, "esc", "back"),
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
    (Context::Global, "w ctrl-s", "save"),
    (Context::Global, "W", "save-as"),
    (Context::Global, "F2", "show-editor"),
    (Context::Global, "P F3", "show-presets"),
    (Context::Global, "F6", "show-log"),
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
    (Context::Palette, "esc ctrl-c", "back"),
    (Context::Question, "y enter", "accept"),
    (Context::Question, "n esc ctrl-c", "back"),
];

/// The table, parsed. A line that does not parse would be missing; a test reads them all.
pub(super) fn bindings() -> Vec<Binding> {
    let parsed = |&(context, keys, call): &(Context, &'static str, &'static str)| {
        let call: Option<Call> = call.parse().ok();
        keys.split(' ').filter_map(move |key| {
            Some(Binding { context, key: key.parse().ok()?, call: call.clone()? })
        })
    };
    DEFAULTS.iter().flat_map(parsed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_key_and_call_parses() {
        let written: usize = DEFAULTS.iter().map(|(_, keys, _)| keys.split(' ').count()).sum();
        assert_eq!(bindings().len(), written);
    }
}
