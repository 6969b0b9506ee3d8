//! Input lines, the palette and questions: opening them, answering them.

use crate::preset_store;
use crate::tui::action::{Action, Argument, Call, Group};
use crate::tui::app::{App, Asking, Choice, Done, LineAsk};
use crate::tui::context::Context;
use crate::tui::line::Line;
use crate::tui::other_words::other_words;
use crate::tui::screens::popups;
use ratatui::layout::Rect;
use sigmalab_schedule::size::Size;

impl App {
    /// Opens the input line for an action whose argument is missing.
    pub(in crate::tui) fn ask_for(&mut self, action: Action) {
        if action == Action::ExportPreset {
            return self.ask_for_tool();
        }
        self.asking = Some(Asking::Line(match action {
            Action::SamplerParam => self.param_ask(),
            Action::RenamePreset | Action::DuplicatePreset => LineAsk {
                preset: self.preset_under_cursor(),
                ..LineAsk::new(action, &self.suggestion(action))
            },
            _ => LineAsk::new(action, &self.suggestion(action)),
        }));
    }

    /// What an input line begins with. Typing replaces it.
    fn suggestion(&self, action: Action) -> String {
        let document = &self.document;
        match action {
            Action::Prompt => document.prompt.clone(),
            Action::Size => document.size().to_string().replace('×', "x"),
            Action::ProxySize => self.likely_proxy(),
            Action::DifferenceScale => self.comparing.scale.to_string(),
            Action::Seed => document.seed.to_string(),
            Action::Sampler => {
                let info = self.samplers.info(&document.sampler.id).ok();
                let written = |key: &str, value: f64| {
                    let param = info.and_then(|i| i.params.iter().find(|param| param.key == key));
                    param.map_or_else(|| value.to_string(), |param| param.write(value))
                };
                let params = document.sampler.params.iter();
                let params = params.map(|(key, value)| format!(" {key}={}", written(key, *value)));
                document.sampler.id.clone() + &params.collect::<String>()
            }
            Action::GoToRevision => document.revision().to_string(),
            Action::FilterRuns => self.gallery.words().to_owned(),
            Action::FilterTrials => self.trial_conditions(),
            Action::SortTrials => self.likely_sort(),
            // What ships keeps its name; what is somebody's own may get other words.
            Action::SaveAs if preset_store::ships(&document.draft().name) => self.name_of_a_copy(),
            Action::SaveAs => match (&document.draft().description, document.is_named()) {
                (_, false) => String::new(),
                (None, true) => document.draft().name.clone(),
                (Some(about), true) => format!("{}: {about}", document.draft().name),
            },
            Action::RenamePreset | Action::DuplicatePreset => {
                self.preset_under_cursor().unwrap_or_default()
            }
            Action::FilterPresets => self.preset_list.filter.clone(),
            Action::Resample => document.len().to_string(),
            Action::Series => "linear".to_owned(),
            Action::Set | Action::Fill => {
                let value = document.value(self.grid.cursor);
                value.map(|value| value.to_string()).unwrap_or_default()
            }
            _ => String::new(),
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

    pub(in crate::tui) fn accept(&mut self, right: bool) -> Done {
        if right && self.complete_column() {
            return Ok(None);
        }
        match self.asking.take() {
            Some(Asking::Line(ask)) => {
                let call = Call::with(ask.action, ask.argument());
                let meant = match &ask.preset {
                    Some(name) => self.return_to_preset(name),
                    None => Ok(()),
                };
                match meant.and_then(|()| self.perform(&call)) {
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
            Some(Asking::Choice(Choice { ways, chosen, .. })) => match ways.get(chosen) {
                Some((_, call)) => self.perform(call).map(|()| None),
                None => Ok(None),
            },
            Some(Asking::Help(_) | Asking::Text(_)) => Ok(None),
            None => self.screen.component().accept(self),
        }
    }

    pub(in crate::tui) fn back(&mut self) -> Done {
        match self.asking.take() {
            Some(Asking::Line(ask)) if ask.action == Action::FilterPresets => {
                self.preset_list.filter.clear();
            }
            Some(Asking::Line(ask)) if ask.action == Action::FilterTrials => self.show_only(""),
            Some(_) => {}
            None => {
                if !self.screen.component().back(self) {
                    self.leave_screen();
                }
            }
        }
        self.scroll = 0;
        Ok(None)
    }

    /// Moves in whatever list is in front.
    pub(in crate::tui) fn along(&mut self, by: isize) -> Done {
        let found = match &self.asking {
            Some(Asking::Palette { line, .. }) => self.found(line).len(),
            _ => 0,
        };
        let help = match &self.asking {
            Some(Asking::Help(line)) => {
                Some(popups::most_help(self, line, Rect::new(0, 0, self.size.0, self.size.1)))
            }
            _ => None,
        };
        match &mut self.asking {
            Some(Asking::Palette { chosen, .. }) => {
                *chosen = chosen.saturating_add_signed(by).min(found.saturating_sub(1));
            }
            Some(Asking::Choice(Choice { ways, chosen, .. })) => {
                *chosen = chosen.saturating_add_signed(by).min(ways.len().saturating_sub(1));
            }
            Some(Asking::Text(reading)) => {
                let most = popups::most_scroll(reading, Rect::new(0, 0, self.size.0, self.size.1));
                self.scroll = self.scroll.saturating_add_signed(by).min(most);
            }
            Some(Asking::Help(_)) => {
                self.scroll = self.scroll.saturating_add_signed(by).min(help.unwrap_or(0));
            }
            Some(_) => self.scroll = self.scroll.saturating_add_signed(by),
            None => self.screen.component().along(self, by),
        }
        Ok(None)
    }

    /// Chooses a row of whatever list is in front.
    pub(in crate::tui) fn choose(&mut self, text: &str) -> Done {
        let row: usize =
            text.trim().parse().map_err(|_| format!("`{text}` is not a row: give its number"))?;
        let found = match &self.asking {
            Some(Asking::Palette { line, .. }) => self.found(line).len(),
            Some(Asking::Choice(choice)) => choice.ways.len(),
            None => self.screen.component().rows(self),
            _ => 0,
        };
        if row >= found {
            return Err(format!("there is no row {row}: there are {found}, counted from 0"));
        }
        match &mut self.asking {
            Some(Asking::Palette { chosen, .. } | Asking::Choice(Choice { chosen, .. })) => {
                *chosen = row;
            }
            _ => self.screen.component().choose(self, row),
        }
        Ok(None)
    }

    /// The actions that a palette line finds: every word of it in name, other words or sentence;
    /// names first, and of equals those of this screen. A line with an argument finds none.
    pub(in crate::tui) fn found(&self, line: &Line) -> Vec<Action> {
        let text = line.text().to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        if let Some(first) = words.first()
            && words.len() > 1
            && Action::ALL.iter().any(|a| a.name() == *first && a.argument() != Argument::None)
        {
            return Vec::new();
        }
        let here = self.screen.context();
        let is_own = |action: Action| {
            let mut bindings = self.keymap.bindings().iter();
            bindings.any(|b| b.context == here && b.call.action == action)
        };
        // Nobody opens the palette to move the cursor.
        let moves = |action: Action| words.is_empty() && action.group() == Group::Moving;
        // Less is better: how it is found, then whether it is of this screen.
        let rank =
            |action: Action| Some((moves(action), how_found(action, &words)?, !is_own(action)));
        let shown = Action::ALL
            .iter()
            .copied()
            .filter(|action| !matches!(action.group(), Group::Asking | Group::Printing));
        let mut found: Vec<_> = shown.filter_map(|a| Some((rank(a)?, a))).collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, action)| action).collect()
    }
}

/// How well words find an action: 0 by its name, 1 by other words for it, 2 by its sentence.
pub(in crate::tui) fn how_found(action: Action, words: &[&str]) -> Option<u8> {
    let sentence = action.sentence().to_lowercase();
    let mut found = words.iter().map(|word| {
        let begins = |texts: &str| texts.split([' ', '-']).any(|text| text.starts_with(word));
        if action.name().contains(word) {
            Some(0)
        } else if begins(other_words(action)) {
            Some(1)
        } else {
            sentence.contains(word).then_some(2)
        }
    });
    found.try_fold(0, |worst, how| how.map(|how| how.max(worst)))
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
        let context = self.screen.context();
        let keys = self.keymap.keys(context, call);
        keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}
