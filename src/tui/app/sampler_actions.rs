//! The samplers screen: choosing a sampler and changing its parameters.

use super::editing::parse_number;
use super::{App, Asking, Done, LineAsk, Screen};
use crate::sampler;
use crate::tui::action::{Action, Call};
use crate::tui::line::Line;
use crate::tui::samplers::{ParamCard, Samplers};

impl App {
    pub(super) fn show_samplers(&mut self) -> Done {
        self.samplers = Samplers::new(&sampler::available(), &self.document.sampler.id);
        self.show(Screen::Samplers)
    }

    pub(super) fn enter_sampler(&mut self) -> Done {
        let name = self.samplers.card().map(|card| card.id.clone()).unwrap_or_default();
        match self.samplers.enter() {
            true => Ok(None),
            false => Err(format!("{name} has no parameters")),
        }
    }

    /// Whether a sampler is the one that runs are made with.
    pub(in crate::tui) fn is_present_sampler(&self, id: &str) -> bool {
        self.document.sampler.id == id
    }

    /// On a sampler, chooses it; on a parameter, asks for its value.
    pub(super) fn accept_sampler(&mut self) -> Done {
        let Some(card) = self.samplers.card() else { return Ok(None) };
        let id = card.id.clone();
        let is_present = self.is_present_sampler(&id);
        match self.samplers.param().cloned() {
            // Through `perform`, so that it is recorded under its own name.
            None if !is_present => self.perform(&Call::with(Action::Sampler, id)).map(|()| None),
            // Choosing it again would take its parameters back.
            None if self.samplers.enter() => Ok(None),
            None => Ok(Some(format!("{id} is the sampler already"))),
            Some(_) if is_present => {
                self.ask_for(Action::SamplerParam);
                Ok(None)
            }
            // Of another sampler: one line chooses it and sets the value.
            Some(param) => {
                let line = Line::new(&format!("{id} {}={}", param.key, param.default));
                let ask = LineAsk { action: Action::Sampler, line, fresh: false, problem: None };
                self.asking = Some(Asking::Line(ask));
                Ok(None)
            }
        }
    }

    /// The value of a parameter of the sampler under the cursor, and whether it was set.
    pub(in crate::tui) fn value_of(&self, id: &str, param: &ParamCard) -> (f64, bool) {
        let set = self.document.sampler.params.get(&param.key);
        let set = set.filter(|_| self.is_present_sampler(id)).copied();
        (set.unwrap_or(param.default), set.is_some())
    }

    /// What the line of `sampler-param` begins with: the parameter under the cursor, else the
    /// first one.
    pub(super) fn param_in_words(&self) -> String {
        let id = &self.document.sampler.id;
        let samplers = Samplers::new(&sampler::available(), id);
        let first = || samplers.card().and_then(|card| card.params.first()).cloned();
        let here = self.samplers.param().filter(|_| self.screen == Screen::Samplers).cloned();
        let Some(param) = here.or_else(first) else { return String::new() };
        format!("{}={}", param.key, self.value_of(id, &param).0)
    }

    /// What remains of an input line when typing replaces what it began with.
    pub(super) fn blank(&self) -> String {
        match &self.asking {
            // The key stays: it is the value that is typed.
            Some(Asking::Line(LineAsk { action: Action::SamplerParam, line, .. })) => {
                let text = line.text();
                text.split_once('=').map(|(key, _)| format!("{key}=")).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// `eta=0.5`; `eta=default` takes it back.
    pub(super) fn set_sampler_param(&mut self, text: &str) -> Done {
        let id = self.document.sampler.id.clone();
        let (key, value) = text
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
            .ok_or_else(|| format!("`{}` sets nothing: write key=value", text.trim()))?;
        let mut params = self.document.sampler.params.clone();
        let is_default = value == "default";
        let known = sampler::available();
        let default = known
            .iter()
            .filter(|info| info.id == id)
            .flat_map(|info| info.params.iter())
            .find(|param| param.key == key)
            .map(|param| param.default);
        let value = match default {
            Some(default) if is_default => default,
            // No such parameter: what follows says which there are.
            None if is_default => 0.0,
            _ => parse_number(value)?,
        };
        params.insert(key.to_owned(), value);
        sampler::find(&id, &params).map_err(|error| error.to_string())?;
        if is_default {
            params.remove(key);
        }
        self.document.sampler.params = params;
        self.settings_changed();
        Ok(Some(format!("{key} of {id} is {value}")))
    }
}
