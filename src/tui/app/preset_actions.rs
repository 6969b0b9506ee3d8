//! Actions about presets: loading one into the grid, saving, and keeping the file in order.

use super::{App, Asking, Done, Screen};
use crate::schedule::free::FREE;
use crate::schedule::preset::Preset;
use crate::schedule::preset_file::writer;
use crate::tui::action::{Action, Call};

impl App {
    pub(super) fn preset_under_cursor(&self) -> Option<String> {
        self.store.presets().get(self.chosen_preset).map(|preset| preset.name.clone())
    }

    fn chosen(&self) -> Result<String, String> {
        self.preset_under_cursor().ok_or_else(|| "there is no preset here".to_owned())
    }

    pub(super) fn show_presets(&mut self) -> Done {
        let name = &self.document.draft().name;
        if let Some(at) = self.store.presets().iter().position(|preset| preset.name == *name) {
            self.chosen_preset = at;
        }
        self.show(Screen::Presets)?;
        self.changed_on_disk();
        Ok(None)
    }

    /// Says so where the file is not what was read.
    fn changed_on_disk(&mut self) {
        if self.store.is_changed_on_disk() {
            let path = self.store.path().display().to_string();
            self.complain(format!("{path} was changed by another program: ctrl-r reads it again"));
        }
    }

    pub(super) fn load_chosen(&mut self) -> Done {
        let name = self.chosen()?;
        // Through `perform`, so that it is recorded under its own name.
        self.perform(&Call::with(Action::LoadPreset, name)).map(|()| None)
    }

    pub(super) fn load_preset(&mut self, name: &str) -> Done {
        let preset = self.store.get(name).map_err(|error| error.to_string())?.clone();
        let lost = self.document.is_edited();
        self.document.load(&preset).map_err(|error| error.to_string())?;
        self.grid = Default::default();
        self.show(Screen::Editor)?;
        let before = if lost { "; undo brings the edits back" } else { "" };
        Ok(Some(format!("{name} loaded{before}")))
    }

    pub(super) fn save(&mut self) -> Done {
        let name = self.document.draft().name.clone();
        if name == FREE {
            return Err("these steps have no name yet: save-as gives them one".to_owned());
        }
        self.save_under(&name)
    }

    pub(super) fn save_as(&mut self, name: &str) -> Done {
        let name = name.trim();
        if self.store.exists() && self.store.get(name).is_ok() && name != self.document.draft().name
        {
            return Err(format!("there is a preset `{name}` already: choose another name"));
        }
        self.save_under(name)
    }

    fn save_under(&mut self, name: &str) -> Done {
        self.document
            .schedule()
            .check()
            .map_err(|error| format!("a broken schedule is no preset: {error}"))?;
        let preset = Preset { name: name.to_owned(), ..self.document.draft().preset() };
        self.store
            .change(|text| writer::save(text, &preset).map_err(|error| error.to_string()))
            .map_err(|error| error.to_string())?;
        self.document.saved_as(name);
        Ok(Some(format!("{name} saved to {}", self.store.path().display())))
    }

    pub(super) fn rename_preset(&mut self, to: &str) -> Done {
        let from = self.chosen()?;
        let to = to.trim();
        self.store
            .change(|text| writer::rename(text, &from, to).map_err(|error| error.to_string()))
            .map_err(|error| error.to_string())?;
        if self.document.draft().name == from {
            self.document.renamed(to);
        }
        Ok(Some(format!("{from} is now {to}")))
    }

    pub(super) fn duplicate_preset(&mut self, to: &str) -> Done {
        let from = self.chosen()?;
        let to = to.trim();
        self.store
            .change(|text| writer::duplicate(text, &from, to).map_err(|error| error.to_string()))
            .map_err(|error| error.to_string())?;
        Ok(Some(format!("{to} is a copy of {from}")))
    }

    /// The first time a question, the second time the deed.
    pub(super) fn delete_preset(&mut self, confirmed: bool) -> Done {
        let name = self.chosen()?;
        if !confirmed {
            let text = format!("Delete {name} from {}?", self.store.path().display());
            let call = Call::with(Action::DeletePreset, "confirmed");
            self.asking = Some(Asking::Question { text, call });
            return Ok(None);
        }
        self.store
            .change(|text| writer::remove(text, &name).map_err(|error| error.to_string()))
            .map_err(|error| error.to_string())?;
        Ok(Some(format!("{name} deleted")))
    }

    pub(super) fn reload_presets(&mut self) -> Done {
        self.store.reload().map_err(|error| error.to_string())?;
        Ok(Some(format!("{} read again", self.store.path().display())))
    }
}
