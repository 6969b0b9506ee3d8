//! Actions about presets: loading one into the grid, saving, and keeping the file in order.

use crate::preset_store::{self, Claim, Saved, StoreError, check_name};
use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Asking, Choice, Done, Screen};
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::preset_file::writer::{self, WriteError};

/// `NAME`, or `NAME: what it is for`.
pub(in crate::tui) fn name_and_description(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((name, about)) => (name.trim(), Some(about.trim())),
        None => (text.trim(), None),
    }
}

impl App {
    pub(in crate::tui) fn preset_under_cursor(&self) -> Option<String> {
        let shown = self.shown_presets();
        let here = shown.into_iter().find(|at| *at == self.preset_list.chosen)?;
        self.store.presets().get(here).map(|preset| preset.name.clone())
    }

    /// Puts the cursor back on the preset that an input line is about. Another program may have
    /// changed the list since the line was opened.
    pub(in crate::tui) fn return_to_preset(&mut self, name: &str) -> Result<(), String> {
        if self.store.get(name).is_err() {
            let path = self.store.path().display();
            return Err(format!("there is no longer a preset {name} in {path}"));
        }
        self.go_to_preset(name);
        if !self.shown_presets().contains(&self.preset_list.chosen) {
            self.preset_list.filter.clear();
        }
        Ok(())
    }

    pub(in crate::tui) fn chosen(&self) -> Result<String, String> {
        self.preset_under_cursor().ok_or_else(|| "there is no preset here".to_owned())
    }

    /// Places in the file of the presets that the list shows.
    pub(in crate::tui) fn shown_presets(&self) -> Vec<usize> {
        let wanted = self.preset_list.filter.trim().to_lowercase();
        let is_shown = |preset: &Preset| {
            let about = preset.description.as_deref().unwrap_or_default();
            [&preset.name, about].iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let all = self.store.presets().iter().enumerate();
        all.filter(|(_, preset)| is_shown(preset)).map(|(at, _)| at).collect()
    }

    pub(in crate::tui) fn filter_presets(&mut self, text: &str) -> Done {
        self.preset_list.filter = text.trim().to_owned();
        if self.screen != Screen::Presets {
            self.show_presets()?;
        }
        match self.shown_presets().len() {
            0 => Err(format!("no preset has `{}` in its name", self.preset_list.filter)),
            _ => Ok(None),
        }
    }

    pub(in crate::tui) fn show_presets(&mut self) -> Done {
        self.show(Screen::Presets)?;
        self.notice_presets();
        let name = self.document.draft().name.clone();
        self.go_to_preset(&name);
        Ok(None)
    }

    fn go_to_preset(&mut self, name: &str) {
        if let Some(at) = self.store.presets().iter().position(|preset| preset.name == name) {
            self.preset_list.chosen = at;
        }
    }

    /// Takes over what another program wrote into the presets file, and says so. The schedule in
    /// the grid is not touched.
    pub(in crate::tui) fn notice_presets(&mut self) {
        let here = self.preset_under_cursor();
        let noticed = self.store.notice();
        let path = self.store.path().display();
        match noticed {
            Ok(None) => {}
            Ok(Some(changes)) => {
                let name = &self.document.draft().name;
                let ours = self
                    .document
                    .known(name)
                    .is_some_and(|known| self.store.get(name).ok() != Some(known));
                let told = format!("another program changed {path}: {changes}");
                match ours {
                    true => self.complain(format!(
                        "{told}; {name} in the grid is unchanged, diff-presets shows what differs"
                    )),
                    false => self.say(told),
                }
                if let Some(here) = here {
                    self.go_to_preset(&here);
                }
            }
            Err(error) => self.complain(format!("another program changed {path}: {error}")),
        }
    }

    pub(in crate::tui) fn load_chosen(&mut self) -> Done {
        let name = self.chosen()?;
        // Through `perform`, so that it is recorded under its own name.
        self.perform(&Call::with(Action::LoadPreset, name)).map(|()| None)
    }

    pub(in crate::tui) fn load_preset(&mut self, name: &str) -> Done {
        let preset = self.store.get(name).map_err(|error| error.to_string())?.clone();
        let lost = self.document.is_edited();
        self.document.load(&preset).map_err(|error| error.to_string())?;
        self.grid = Default::default();
        self.show(Screen::Editor)?;
        let before = if lost { "; undo brings the edits back" } else { "" };
        Ok(Some(format!("{name} loaded{before}")))
    }

    /// Steps without a name get one first, and what ships is not replaced before somebody says so.
    pub(in crate::tui) fn save(&mut self, confirmed: bool) -> Done {
        let draft = self.document.draft().preset();
        if !self.document.is_named() {
            self.ask_for(Action::SaveAs);
            return Err("these steps have no name yet: save-as gives them one".to_owned());
        }
        let is_same = self.store.get(&draft.name).is_ok_and(|there| *there == draft);
        if !confirmed && !is_same && preset_store::ships(&draft.name) {
            self.ask_before_replacing(&draft.name);
            return Ok(None);
        }
        self.save_draft(&draft)
    }

    /// `NAME`, or `NAME: what it is for`.
    pub(in crate::tui) fn save_as(&mut self, text: &str) -> Done {
        let (name, about) = name_and_description(text);
        check_name(name)?;
        let draft = self.document.draft().preset();
        let own = name == draft.name;
        if self.store.get(name).is_ok() && !own {
            return Err(format!("there is a preset `{name}` already: choose another name"));
        }
        let description = match about {
            // What it was for is not what the new one is for.
            None if own => draft.description,
            None | Some("") => None,
            Some(about) => Some(about.to_owned()),
        };
        let preset = Preset { name: name.to_owned(), description, ..draft };
        let is_same = self.store.get(name).is_ok_and(|there| *there == preset);
        if own && !is_same && preset_store::ships(name) {
            self.ask_before_replacing(name);
            return Ok(None);
        }
        self.save_draft(&preset)
    }

    fn ask_before_replacing(&mut self, name: &str) {
        let way = |text: String, call: Call| (text, call);
        self.asking = Some(Asking::Choice(Choice {
            title: "not saved yet".to_owned(),
            text: format!(
                "{name} ships with sigmalab. Experiments and recipes refer to it by name and would \
                 mean your steps from then on."
            ),
            ways: vec![
                way("Save as a new preset".to_owned(), Action::SaveAs.into()),
                way(format!("Replace {name}"), Call::with(Action::Save, "confirmed")),
            ],
            chosen: 0,
        }));
    }

    /// A name for a copy of the draft that no preset has.
    pub(in crate::tui) fn name_of_a_copy(&self) -> String {
        if !self.document.is_named() {
            return String::new();
        }
        let name = &self.document.draft().name;
        let names = (2..1000).map(|number| format!("{name}_{number}"));
        names.into_iter().find(|name| self.store.get(name).is_err()).unwrap_or_default()
    }

    /// Writes the draft under the name and with the description of `preset`.
    fn save_draft(&mut self, preset: &Preset) -> Done {
        self.document
            .schedule()
            .check()
            .map_err(|error| format!("a broken schedule cannot be saved as a preset: {error}"))?;
        let name = preset.name.as_str();
        // Another name is a new preset, whatever is known of one of that name.
        let own = *name == self.document.draft().name;
        let known = self.document.known(name).filter(|_| own).cloned();
        let claim = Claim::Preset { name, known: known.as_ref() };
        let merged = match self.change_file(claim, |text| writer::save(text, preset)) {
            Err(StoreError::Conflict { what }) if known.is_some() => return self.conflict(&what),
            other => other.map_err(|error| error.to_string())?,
        };
        // A description that was true of other steps is told, so that it is not overlooked.
        let about = match (&preset.description, &known) {
            (Some(about), Some(known)) if known.steps != preset.steps => {
                format!("; it still says “{about}”, {} changes that", self.key_of(Action::SaveAs))
            }
            _ => String::new(),
        };
        self.document.saved_as(preset);
        Ok(Some(format!("{name} saved to {}{merged}{about}", self.store.path().display())))
    }

    /// Changes the file, provided that it is still what `claim` says. What to add to the message:
    /// nothing, or what another program had changed beside.
    pub(in crate::tui) fn change_file(
        &mut self,
        claim: Claim<'_>,
        change: impl Fn(&str) -> Result<String, WriteError>,
    ) -> Result<String, StoreError> {
        let saved =
            self.store.change(claim, |text| change(text).map_err(|error| error.to_string()))?;
        Ok(match saved {
            Saved::Plain => String::new(),
            Saved::Merged(changes) => {
                format!("; what another program changed in it stays: {changes}")
            }
        })
    }

    /// The draft's preset was changed by another program too: nothing is written until somebody
    /// has decided.
    fn conflict(&mut self, what: &str) -> Done {
        // What they wrote, to compare with. That it was noticed is said below.
        let _ = self.store.notice();
        let way = |text: &str, action: Action| (text.to_owned(), Call::from(action));
        self.asking = Some(Asking::Choice(Choice {
            title: "not saved".to_owned(),
            text: format!("{what} since it was read. Your edits are in the grid."),
            ways: vec![
                way("Show where theirs and yours differ", Action::DiffPresets),
                way("Save yours under another name", Action::SaveAs),
                way("Read theirs, and replace it with the next save", Action::ReloadPresets),
            ],
            chosen: 0,
        }));
        Err(format!("{what} since it was read; nothing was saved"))
    }

    /// Changes the preset under the cursor in the file.
    fn change_chosen(
        &mut self,
        name: &str,
        change: impl Fn(&str) -> Result<String, WriteError>,
    ) -> Result<String, String> {
        let known = self.store.get(name).ok().cloned();
        let claim = Claim::Preset { name, known: known.as_ref() };
        self.change_file(claim, change).map_err(|error| error.to_string())
    }

    pub(in crate::tui) fn rename_preset(&mut self, to: &str) -> Done {
        let from = self.chosen()?;
        let to = to.trim();
        check_name(to)?;
        let merged = self.change_chosen(&from, |text| writer::rename(text, &from, to))?;
        self.document.renamed(&from, to);
        Ok(Some(format!("{from} is now {to}{merged}")))
    }

    pub(in crate::tui) fn duplicate_preset(&mut self, to: &str) -> Done {
        let from = self.chosen()?;
        let to = to.trim();
        check_name(to)?;
        let merged = self.change_chosen(&from, |text| writer::duplicate(text, &from, to))?;
        self.go_to_preset(to);
        Ok(Some(format!("{to} is a copy of {from}{merged}")))
    }

    /// The first time a question, the second time the intent. The question names its preset: the
    /// list may be another one when it is answered.
    pub(in crate::tui) fn delete_preset(&mut self, text: &str) -> Done {
        let (name, confirmed) = match text.trim().strip_suffix("confirmed") {
            Some(name) if name.is_empty() || name.ends_with(' ') => (name.trim(), true),
            _ => (text.trim(), false),
        };
        let name = if name.is_empty() { self.chosen()? } else { name.to_owned() };
        self.store.get(&name).map_err(|error| error.to_string())?;
        if !confirmed {
            let ships = match preset_store::ships(&name) {
                true => " It ships with sigmalab: experiments and recipes refer to it by name.",
                false => "",
            };
            let text = format!("Delete {name} from {}?{ships}", self.store.path().display());
            let call = Call::with(Action::DeletePreset, format!("{name} confirmed"));
            self.asking = Some(Asking::Question { text, call });
            return Ok(None);
        }
        let merged = self.change_chosen(&name, |text| writer::remove(text, &name))?;
        self.document.forget(&name);
        Ok(Some(format!("{name} deleted{merged}")))
    }

    /// What runs when no preset is named, and what the workbench begins with.
    pub(in crate::tui) fn set_default_preset(&mut self, name: Option<&str>) -> Done {
        let name = match name {
            Some(name) => name.trim().to_owned(),
            None => self.chosen()?,
        };
        let known = self.store.default_preset().name.clone();
        let set = |text: &str| writer::set_default(text, &name);
        let merged =
            self.change_file(Claim::Default(&known), set).map_err(|error| error.to_string())?;
        Ok(Some(format!("{name} is the default of {}{merged}", self.store.path().display())))
    }

    /// Reads the file again. Edits stay, and are edits of what the file holds now; a schedule
    /// without edits becomes what it holds, which can be undone.
    pub(in crate::tui) fn reload_presets(&mut self) -> Done {
        let changes = self.store.reload().map_err(|error| error.to_string())?;
        let path = self.store.path().display().to_string();
        let name = self.document.draft().name.clone();
        let known = self.document.known(&name).cloned();
        let theirs = self.store.get(&name).ok().cloned();
        let about = match (known, theirs) {
            (known, theirs) if known.is_none() || known == theirs => String::new(),
            (_, Some(theirs)) if !self.document.is_edited() => {
                self.document.load(&theirs).map_err(|error| error.to_string())?;
                format!("{name} is now theirs, undo brings yours back; ")
            }
            (_, theirs) => {
                self.document.rebase(theirs.as_ref());
                match theirs {
                    Some(_) => {
                        format!("your edits of {name} stay, the next save replaces theirs; ")
                    }
                    None => format!("{name} is no longer in it, the next save puts it back; "),
                }
            }
        };
        let changes = match changes.is_empty() {
            true => String::new(),
            false => format!(": {changes}"),
        };
        Ok(Some(format!("{about}{path} read again{changes}")))
    }
}
