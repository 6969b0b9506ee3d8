//! Input lines, the palette and questions: opening them, answering them.

use super::{App, Asking, Done, LineAsk, Screen};
use crate::schedule::size::Size;
use crate::tui::action::{Action, Argument, Call};
use crate::tui::keymap::Context;
use crate::tui::line::Line;

impl App {
    /// Opens the input line for an action whose argument is missing.
    pub(super) fn ask_for(&mut self, action: Action) {
        let (text, fresh) = self.suggestion(action);
        let ask = LineAsk { action, line: Line::new(&text), fresh, problem: None };
        self.asking = Some(Asking::Line(ask));
    }

    /// What an input line begins with, and whether typing replaces it.
    fn suggestion(&self, action: Action) -> (String, bool) {
        let document = &self.document;
        match action {
            Action::Prompt => (document.prompt.clone(), false),
            Action::Size => (document.size().to_string().replace('×', "x"), true),
            Action::ProxySize => (self.likely_proxy(), true),
            Action::DifferenceScale => (self.comparing.scale.to_string(), true),
            Action::Seed => (document.seed.to_string(), true),
            Action::Sampler => {
                let params = document.sampler.params.iter().map(|(k, v)| format!(" {k}={v}"));
                (document.sampler.id.clone() + &params.collect::<String>(), true)
            }
            Action::SaveAs => (document.draft().name.clone(), false),
            Action::RenamePreset | Action::DuplicatePreset => {
                (self.preset_under_cursor().unwrap_or_default(), false)
            }
            Action::Resample => (document.len().to_string(), true),
            Action::Series => ("linear".to_owned(), true),
            Action::Set | Action::Fill => {
                let value = document.value(self.grid.cursor);
                (value.map(|value| value.to_string()).unwrap_or_default(), true)
            }
            _ => (String::new(), false),
        }
    }

    /// The proxy size to suggest: half as wide and high, as far as the model draws that; off
    /// where there is a proxy or nothing smaller.
    fn likely_proxy(&self) -> String {
        let size = self.document.size();
        let half = Size::new(size.width() / 2, size.height() / 2);
        let half = half.unwrap_or_else(|error| error.nearest);
        match self.document.proxy() {
            None if half.tokens() < size.tokens() => half.to_string().replace('×', "x"),
            _ => "off".to_owned(),
        }
    }

    pub(super) fn accept(&mut self, right: bool) -> Done {
        match self.asking.take() {
            Some(Asking::Line(ask)) => {
                let call = Call::with(ask.action, ask.line.text());
                match self.perform(&call) {
                    Ok(()) => {
                        if matches!(ask.action, Action::Set) && !self.grid.is_range() {
                            let (down, across) = if right { (0, 1) } else { (1, 0) };
                            self.grid.step(down, across, false);
                        }
                        Ok(None)
                    }
                    // The line stays, with what is wrong with it.
                    Err(problem) => {
                        self.asking = Some(Asking::Line(LineAsk { problem: Some(problem), ..ask }));
                        Ok(None)
                    }
                }
            }
            Some(Asking::Palette { line, chosen }) => {
                let call = match self.found(&line).get(chosen) {
                    Some(action) => Call::from(*action),
                    // Nothing of that name: perhaps a whole call, such as `fill 2`.
                    None => line.text().parse::<Call>().map_err(|error| error.to_string())?,
                };
                self.perform(&call).map(|()| None)
            }
            Some(Asking::Question { call, .. }) => self.perform(&call).map(|()| None),
            Some(Asking::Help) => Ok(None),
            None if self.screen == Screen::Presets => self.load_chosen(),
            None => Ok(None),
        }
    }

    pub(super) fn back(&mut self) -> Done {
        if self.asking.take().is_none() {
            self.screen = Screen::Editor;
        }
        self.scroll = 0;
        Ok(None)
    }

    /// Moves in whatever list is in front.
    pub(super) fn along(&mut self, by: isize) -> Done {
        let found = match &self.asking {
            Some(Asking::Palette { line, .. }) => self.found(line).len(),
            _ => 0,
        };
        match &mut self.asking {
            Some(Asking::Palette { chosen, .. }) => {
                *chosen = chosen.saturating_add_signed(by).min(found.saturating_sub(1));
            }
            None if self.screen == Screen::Presets => {
                self.chosen_preset = self.chosen_preset.saturating_add_signed(by);
            }
            // The log is scrolled back from its end.
            None if self.screen == Screen::Log => {
                let most = self.log.len().saturating_sub(1);
                self.scroll = self.scroll.saturating_add_signed(-by).min(most);
            }
            _ => self.scroll = self.scroll.saturating_add_signed(by),
        }
        Ok(None)
    }

    /// Chooses a row of whatever list is in front.
    pub(super) fn choose(&mut self, text: &str) -> Done {
        let row: usize =
            text.trim().parse().map_err(|_| format!("`{text}` is no row: give its number"))?;
        let found = match &self.asking {
            Some(Asking::Palette { line, .. }) => self.found(line).len(),
            None if self.screen == Screen::Presets => self.store.presets().len(),
            _ => 0,
        };
        if row >= found {
            return Err(format!("there is no row {row}: there are {found}, counted from 0"));
        }
        match &mut self.asking {
            Some(Asking::Palette { chosen, .. }) => *chosen = row,
            _ => self.chosen_preset = row,
        }
        Ok(None)
    }

    /// The actions that a palette line finds: every word of it in name or sentence, names first.
    /// A line with an argument finds none.
    pub(in crate::tui) fn found(&self, line: &Line) -> Vec<Action> {
        let text = line.text().to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        if let Some(first) = words.first()
            && words.len() > 1
            && Action::ALL.iter().any(|a| a.name() == *first && a.argument() != Argument::None)
        {
            return Vec::new();
        }
        let in_name = |a: &Action| words.iter().all(|word| a.name().contains(word));
        let in_either = |a: &Action| {
            let sentence = a.sentence().to_lowercase();
            words.iter().all(|word| a.name().contains(word) || sentence.contains(word))
        };
        let shown = |a: &&Action| {
            use crate::tui::action::Group;
            !matches!(a.group(), Group::Asking | Group::Printing)
        };
        let all = || Action::ALL.iter().filter(shown).copied();
        let names = all().filter(in_name);
        names.chain(all().filter(|a| !in_name(a) && in_either(a))).collect()
    }
}

impl App {
    /// The first key of an action in the editor, in words where there is none.
    pub(in crate::tui) fn key_of(&self, action: Action) -> String {
        let keys = self.keymap.keys(Context::Grid, &Call::from(action));
        match keys.first() {
            Some(key) => key.to_string(),
            None => format!("{action} (palette)"),
        }
    }

    /// The keys of a call where somebody is now, with a space between.
    pub(in crate::tui) fn keys_of(&self, call: &Call) -> String {
        let context = match self.screen {
            Screen::Editor => Context::Grid,
            Screen::Presets => Context::Presets,
            Screen::Compare => Context::Compare,
            Screen::Log => Context::Reading,
        };
        let keys = self.keymap.keys(context, call);
        keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}
