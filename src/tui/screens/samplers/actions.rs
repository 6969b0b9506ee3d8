//! The samplers screen: choosing a sampler and changing its parameters.

use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Asking, Done, LineAsk, Screen};
use crate::tui::screens::samplers::SamplerList;
use sigmalab_sampler::Param;

impl App {
    pub(in crate::tui) fn show_samplers(&mut self) -> Done {
        self.list_samplers();
        self.show(Screen::Samplers)
    }

    /// The list follows what samplers there are, its cursor on the present one.
    pub(in crate::tui) fn list_samplers(&mut self) {
        let all = self.samplers.all().map(|(info, _)| info);
        self.sampler_list = SamplerList::new(all, &self.document.sampler.id);
    }

    pub(in crate::tui) fn enter_sampler(&mut self) -> Done {
        let name = self.sampler_list.card().map(|card| card.id.clone()).unwrap_or_default();
        match self.sampler_list.enter() {
            true => Ok(None),
            false => Err(format!("{name} has no parameters")),
        }
    }

    /// Whether a sampler is the one that runs are made with.
    pub(in crate::tui) fn is_present_sampler(&self, id: &str) -> bool {
        self.document.sampler.id == id
    }

    /// On a sampler, chooses it; on a parameter, asks for its value.
    pub(in crate::tui) fn accept_sampler(&mut self) -> Done {
        let Some(card) = self.sampler_list.card() else { return Ok(None) };
        let id = card.id.clone();
        let is_present = self.is_present_sampler(&id);
        match self.sampler_list.param().cloned() {
            // Through `perform`, so that it is recorded under its own name.
            None if !is_present => self.perform(&Call::with(Action::Sampler, id)).map(|()| None),
            // Choosing it again would take its parameters back.
            None if self.sampler_list.enter() => Ok(None),
            None => Ok(Some(format!("{id} is already the sampler"))),
            Some(_) if is_present => {
                self.ask_for(Action::SamplerParam);
                Ok(None)
            }
            // Of another sampler: one line chooses it and sets the value.
            Some(param) => {
                self.asking = Some(Asking::Line(LineAsk {
                    before: format!("{id} {}=", param.key),
                    hint: Some(format!("{} of {id}: {}", param.key, param.values_in_words())),
                    ..LineAsk::new(Action::Sampler, &param.write(param.default))
                }));
                Ok(None)
            }
        }
    }

    /// The value of a parameter of the sampler under the cursor, and whether it was set.
    pub(in crate::tui) fn value_of(&self, id: &str, param: &Param) -> (f64, bool) {
        let set = self.document.sampler.params.get(param.key.as_ref());
        let set = set.filter(|_| self.is_present_sampler(id)).copied();
        (set.unwrap_or(param.default), set.is_some())
    }

    /// The line of `sampler-param`: the value of the parameter under the cursor, else of the first
    /// one, with the values it may have.
    pub(in crate::tui) fn param_ask(&self) -> LineAsk {
        let id = &self.document.sampler.id;
        let all = self.samplers.all().map(|(info, _)| info);
        let list = SamplerList::new(all, id);
        let first = || list.card().and_then(|card| card.params.first()).cloned();
        let here = self.sampler_list.param().filter(|_| self.screen == Screen::Samplers).cloned();
        let Some(param) = here.or_else(first) else {
            return LineAsk::new(Action::SamplerParam, "");
        };
        LineAsk {
            before: format!("{}=", param.key),
            hint: Some(format!(
                "{} of {id}: {}; or default; key=value sets another parameter",
                param.key,
                param.values_in_words()
            )),
            ..LineAsk::new(Action::SamplerParam, &param.write(self.value_of(id, &param).0))
        }
    }

    /// `eta=0.5`; `eta=default` takes it back.
    pub(in crate::tui) fn set_sampler_param(&mut self, text: &str) -> Done {
        let id = self.document.sampler.id.clone();
        let (key, value) = text
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
            .ok_or_else(|| format!("`{}` sets nothing: write key=value", text.trim()))?;
        let mut params = self.document.sampler.params.clone();
        let is_default = value == "default";
        let known = self.samplers.info(&id).map_err(|error| error.to_string())?;
        let param = known.params.iter().find(|param| param.key == key).cloned();
        let value = match &param {
            Some(param) if is_default => param.default,
            // No such parameter: what follows says which there are.
            None => 0.0,
            _ => self.samplers.read_value(&id, key, value).map_err(|error| error.to_string())?,
        };
        params.insert(key.to_owned(), value);
        self.samplers.choose(&id, &params).map_err(|error| error.to_string())?;
        if is_default {
            params.remove(key);
        }
        self.document.sampler.params = params;
        self.settings_changed();
        let written = param.map_or_else(|| value.to_string(), |param| param.write(value));
        Ok(Some(format!("{key} of {id} is {written}")))
    }
}
