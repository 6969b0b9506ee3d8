//! What keys and pasted text do: the action that a key has, else what is typed.

use super::{App, Asking, LineAsk};
use crate::tui::action::{Action, Argument, Call};
use crate::tui::context::Context;
use crate::tui::line::Line;
use sigmalab_terminal::key::{Key, KeyCode, Modifiers};

impl App {
    pub(super) fn key(&mut self, key: &Key) {
        self.message = None;
        self.pressed(key);
        // One question to the system, whatever the key did.
        self.notice_presets();
    }

    /// The keys that one key may have been. Where a terminal writes alt with a key as an escape and
    /// that key, the escape key and another typed right after it look the same: what means nothing
    /// with alt was both.
    pub fn apart(&self, key: Key) -> Vec<Key> {
        let is_alt = key.modifiers == Modifiers::ALT && matches!(key.code, KeyCode::Char(_));
        let context = self.context();
        let types = matches!(context, Context::Line | Context::Palette) && Line::knows(&key);
        if !is_alt || types || self.keymap.call(context, &key).is_some() {
            return vec![key];
        }
        vec![KeyCode::Esc.into(), key.code.into()]
    }

    fn pressed(&mut self, key: &Key) {
        let context = self.context();
        if self.is_count(key) {
            return;
        }
        if self.editor.zoomed && context == Context::Grid && !self.works_while_zoomed(key) {
            self.editor.zoomed = false;
            return;
        }
        if let Some(call) = self.keymap.call(context, key).cloned() {
            // What went wrong is on the screen; here nobody waits for it.
            let _ = self.perform(&call);
            return;
        }
        match &mut self.asking {
            Some(Asking::Line(ask)) => {
                if ask.fresh && (is_text(key) || deletes(key)) {
                    ask.line = Line::default();
                }
                ask.fresh = false;
                ask.problem = None;
                ask.line.key(key);
                match ask.action {
                    Action::FilterPresets => self.preset_list.filter = ask.line.text(),
                    Action::FilterTrials => {
                        let text = ask.line.text();
                        self.show_only(&text);
                    }
                    _ => {}
                }
            }
            Some(Asking::Palette { line, chosen }) => {
                line.key(key);
                *chosen = 0;
            }
            Some(Asking::Help(line)) => {
                line.key(key);
                self.scroll = 0;
            }
            Some(_) => {}
            None if context == Context::Grid => self.begin_value(key),
            None => {}
        }
    }

    /// Whether a key does something that is seen while the image hides the grid. Any other key leads
    /// back to the grid, which nobody edits unseen.
    fn works_while_zoomed(&self, key: &Key) -> bool {
        let own = [Action::Zoom, Action::Undo, Action::Redo, Action::Save, Action::SaveAs];
        let is_own = |call: &Call| own.contains(&call.action);
        self.keymap.call(Context::Grid, key).is_some_and(is_own)
            || self.keymap.call(Context::Global, key).is_some()
    }

    /// A digit begins a value, and so do a point and a minus.
    fn begin_value(&mut self, key: &Key) {
        if let KeyCode::Char(c) = key.code
            && is_text(key)
            && (c.is_ascii_digit() || matches!(c, '.' | '-' | '−'))
        {
            let ask = LineAsk::new(Action::Set, &c.to_string());
            self.asking = Some(Asking::Line(LineAsk { fresh: false, ..ask }));
        }
    }

    /// A motion after digits: the digits were its count, not a value.
    fn is_count(&mut self, key: &Key) -> bool {
        let Some(Asking::Line(ask)) = &self.asking else { return false };
        let digits = ask.line.text();
        let counts = ask.action == Action::Set
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && is_text(key);
        let call = self.keymap.call(Context::Grid, key).filter(|_| counts);
        let Some(action) = call
            .map(|call| call.action)
            .filter(|action| matches!(action.argument(), Argument::Optional("steps" | "columns")))
        else {
            return false;
        };
        self.asking = None;
        let _ = self.perform(&Call::with(action, digits));
        true
    }

    pub(super) fn pasted(&mut self, text: &str) {
        match &mut self.asking {
            // Lines matter to what it reads; an input line has only one.
            Some(Asking::Line(ask)) if ask.action == Action::ImportPreset && is_long(text) => {
                self.asking = None;
                let _ = self.perform(&Call::with(Action::ImportPreset, text));
            }
            Some(Asking::Line(ask)) => {
                if std::mem::take(&mut ask.fresh) {
                    ask.line = Line::default();
                }
                ask.line.insert(text);
            }
            Some(Asking::Palette { line, .. } | Asking::Help(line)) => line.insert(text),
            Some(_) => {}
            None => self.screen.component().pasted(self, text),
        }
    }
}

/// Whether a text has several lines.
fn is_long(text: &str) -> bool {
    text.trim_end().contains('\n')
}

/// Whether a key deletes what is selected.
fn deletes(key: &Key) -> bool {
    matches!(key.code, KeyCode::Backspace | KeyCode::Delete)
}

/// Whether a key types a character.
fn is_text(key: &Key) -> bool {
    matches!(key.code, KeyCode::Char(_))
        && !key.modifiers.contains(Modifiers::CTRL)
        && !key.modifiers.contains(Modifiers::ALT)
}
