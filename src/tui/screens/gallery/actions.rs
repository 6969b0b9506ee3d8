//! Actions on finished runs, and what its thread says.

use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Asking, Done, Effect, Message, Screen};
use crate::tui::runs::Finished;
use crate::tui::screens::gallery::{GalleryEvent, GalleryRun, Intent, Kept, Ready, RunName};
use sigmalab_engine::recipe::Recipe;
use std::sync::Arc;
use std::time::SystemTime;

impl App {
    /// A run ended with a picture: it is in the gallery from now on.
    pub(in crate::tui) fn remember(&mut self, run: Arc<Finished>) {
        let work = self.gallery.add(run, SystemTime::now());
        self.emit(Effect::Gallery(work));
    }

    /// Takes what the gallery's thread has to say.
    pub fn gallery_event(&mut self, event: GalleryEvent) -> Vec<Effect> {
        let taken = self.gallery.take(event);
        for note in taken.notes {
            // Into the log alone: it is no answer to what somebody is doing now.
            self.write_down(Message { text: note, is_problem: true });
        }
        // That runs will be lost matters to whoever made the first one; later ones only to the log.
        match taken.unwritten {
            Some(problem) if !std::mem::replace(&mut self.told_of_history, true) => {
                self.complain(format!("{problem}; it stays in the gallery until you leave"));
            }
            Some(problem) => self.write_down(Message { text: problem, is_problem: true }),
            None => {}
        }
        if let Some(work) = taken.work {
            self.emit(Effect::Gallery(work));
        }
        self.effects()
    }

    /// Whether something that was asked for waits for a run to be read.
    pub fn is_waiting(&self) -> bool {
        self.gallery.is_waiting()
    }

    /// Whether something that was asked of a sweep has not come yet.
    pub fn is_waiting_for_sweeps(&self) -> bool {
        self.sweeps.is_waiting()
    }

    /// Does what waited for a picture, and asks for the next one.
    pub(in crate::tui) fn follow_gallery(&mut self) {
        match self.gallery.ready() {
            None => {}
            Some(Ok(ready)) => match self.use_run(ready) {
                Ok(Some(message)) => self.say(message),
                Ok(None) => {}
                Err(problem) => self.complain(problem),
            },
            Some(Err(problem)) => self.complain(problem),
        }
        if let Some(work) = self.gallery.wanted(self.screen == Screen::Gallery) {
            self.emit(Effect::Gallery(work));
        }
    }

    /// A call about the run under the cursor says which run that is: a record of it then means the
    /// same run.
    pub(in crate::tui) fn naming_the_run(&self, call: &Call) -> Call {
        let about_runs = matches!(
            call.action,
            Action::LoadRun
                | Action::CompareRun
                | Action::DeleteRun
                | Action::CopyRecipe
                | Action::CopyPath
        );
        let here = about_runs || call.action == Action::Pin && self.screen == Screen::Gallery;
        match self.gallery.selected().filter(|_| here && call.argument.is_none()) {
            Some(run) => Call::with(call.action, run.name.to_string()),
            None => call.clone(),
        }
    }

    pub(in crate::tui) fn show_gallery(&mut self) -> Done {
        if self.screen != Screen::Gallery {
            self.gallery.zoomed = false;
        }
        self.show(Screen::Gallery)?;
        let work = self.gallery.enter(SystemTime::now());
        self.effect(Effect::Gallery(work))
    }

    pub(in crate::tui) fn load_run(&mut self, text: &str) -> Done {
        let name = self.run_name(text)?;
        let Some(run) = self.gallery.run(&name) else { return self.intend(name, Intent::Load) };
        let run = run.clone();
        let message = self.load_recipe_of(&run)?;
        // The picture follows where it must be read first.
        if let Some(problem) = run.problem.filter(|_| self.gallery.picture_of(&name).is_none()) {
            return Ok(Some(format!("{message}; without its picture: {problem}")));
        }
        self.gallery.intend(name, Intent::Show);
        Ok(Some(message))
    }

    pub(in crate::tui) fn pin_run(&mut self, text: &str) -> Done {
        let name = self.run_name(text)?;
        self.intend(name, Intent::Pin)
    }

    pub(in crate::tui) fn compare_run(&mut self, text: &str) -> Done {
        let name = self.run_name(text)?;
        if self.runs.last.is_none() {
            return Err("there is no last run to compare it with: run first, or load one".into());
        }
        self.intend(name, Intent::Compare)
    }

    fn intend(&mut self, name: RunName, intent: Intent) -> Done {
        self.gallery.intend(name, intent);
        // Where its picture is at hand, it is done before anything is drawn.
        Ok(None)
    }

    fn use_run(&mut self, ready: Ready) -> Done {
        let Ready { intent, name, run } = ready;
        let title = self.gallery.run(&name).map(GalleryRun::title).unwrap_or_default();
        match intent {
            Intent::Show => {
                self.runs.last = Some(run);
                Ok(None)
            }
            Intent::Load => {
                let Some(card) = self.gallery.run(&name).cloned() else { return Ok(None) };
                let message = self.load_recipe_of(&card)?;
                self.runs.last = Some(run);
                Ok(Some(message))
            }
            Intent::Pin => {
                self.runs.pinned = Some(run);
                Ok(Some(format!("{title} is pinned as A; run something else and compare")))
            }
            Intent::Compare => {
                self.runs.pinned = Some(run);
                self.compare()?;
                Ok(Some(format!("A is {title}, B is the last run")))
            }
        }
    }

    fn load_recipe_of(&mut self, run: &GalleryRun) -> Result<String, String> {
        let recipe = Arc::clone(&run.recipe);
        self.load_recipe(&recipe, &run.title())
    }

    /// Steps and settings as one command; back in the editor.
    pub(in crate::tui) fn load_recipe(
        &mut self,
        recipe: &Recipe,
        title: &str,
    ) -> Result<String, String> {
        let preset = recipe.preset.as_ref().and_then(|name| self.store.get(name).ok()).cloned();
        let (sampler, revision) = (self.document.sampler.clone(), self.document.revision());
        let mut left = self
            .document
            .load_recipe_of(recipe, preset.as_ref(), &format!("load {title}"))
            .map_err(|error| format!("{title} cannot be loaded: {error}"))?;
        if self.samplers.choose(&recipe.sampler.id, &recipe.sampler.params).is_err() {
            self.document.sampler = sampler;
            left.push("sampler");
        }
        // Somebody who tunes the last steps stays there.
        self.grid.anchor = None;
        self.show(Screen::Editor)?;
        let undo = match self.document.revision() == revision {
            true => String::new(),
            false => format!("; {} takes that back", self.key_of(Action::Undo)),
        };
        Ok(match left.as_slice() {
            [] => format!("{title} is in the grid{undo}"),
            left => format!("{title} is in the grid, but not its {}{undo}", left.join(", ")),
        })
    }

    /// The first time a question, the second time the intent.
    pub(in crate::tui) fn delete_run(&mut self, text: &str) -> Done {
        let (text, confirmed) = match text.trim().strip_suffix("confirmed") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let name = self.run_name(text)?;
        let run = self.known_run(&name)?;
        let title = run.title();
        if !confirmed {
            let text = format!("Delete {title}, its picture and its recipe?");
            let call = Call::with(Action::DeleteRun, format!("{name} confirmed"));
            self.asking = Some(Asking::Question { text, call });
            return Ok(None);
        }
        if let Some(work) = self.gallery.forget(&name) {
            self.emit(Effect::Gallery(work));
        }
        Ok(Some(format!("{title} deleted")))
    }

    pub(in crate::tui) fn copy_recipe(&mut self, text: &str) -> Done {
        let name = self.run_name(text)?;
        let run = self.known_run(&name)?;
        let recipe = serde_json::to_string(&*run.recipe).map_err(|error| error.to_string())?;
        let message = format!("copied the recipe of {}", run.title());
        self.emit(Effect::Clipboard(recipe));
        Ok(Some(message))
    }

    pub(in crate::tui) fn copy_path(&mut self, text: &str) -> Done {
        let name = self.run_name(text)?;
        let run = self.known_run(&name)?;
        let path = match &run.kept {
            Kept::As { picture, .. } => picture.display().to_string(),
            Kept::Writing => return Err(format!("{} is still being written", run.title())),
            Kept::Not(problem) => {
                return Err(format!("{} has no file: {problem}", run.title()));
            }
        };
        self.emit(Effect::Clipboard(path.clone()));
        Ok(Some(format!("copied {path}")))
    }

    pub(in crate::tui) fn filter_runs(&mut self, words: &str) -> Done {
        self.gallery.filter(words);
        if self.screen != Screen::Gallery {
            self.show_gallery()?;
        }
        Ok(match (self.gallery.words(), self.gallery.shown_len()) {
            ("", _) => None,
            (words, 0) => Some(format!("no run matches {words}")),
            (words, 1) => Some(format!("one run matches {words}")),
            (words, count) => Some(format!("{count} runs match {words}")),
        })
    }

    pub(in crate::tui) fn zoom(&mut self) -> Done {
        if self.screen == Screen::Sweep {
            return self.zoom_trial();
        }
        if self.screen == Screen::Editor {
            if self.runs.picture().is_none() {
                let run = self.key_of(Action::Run);
                return Err(format!("there is no image to enlarge yet: {run} draws one"));
            }
            self.editor.zoomed = !self.editor.zoomed;
            return Ok(None);
        }
        if self.screen != Screen::Gallery {
            return Err("there is nothing to enlarge here".to_owned());
        }
        self.gallery.zoomed = !self.gallery.zoomed;
        Ok(None)
    }

    /// The run that an argument names.
    fn run_name(&self, text: &str) -> Result<RunName, String> {
        if text.trim().is_empty() {
            return Err(match self.gallery.is_empty() {
                true => "there is no run yet".to_owned(),
                false => "name a run: its number in this session, or its name".to_owned(),
            });
        }
        let name: RunName = text.parse().map_err(|error| format!("{error}"))?;
        match name {
            RunName::Session(number) if self.gallery.run(&name).is_none() => {
                Err(match self.gallery.session() {
                    0 => format!("there is no run {number}: this session has had none yet"),
                    count if number > count || number == 0 => {
                        format!("there is no run {number}: this session has had {count}")
                    }
                    _ => format!("run {number} was deleted"),
                })
            }
            name => Ok(name),
        }
    }

    fn known_run(&self, name: &RunName) -> Result<&GalleryRun, String> {
        self.gallery.run(name).ok_or_else(|| {
            format!("the history has no run `{name}`, or was not read yet: show-gallery reads it")
        })
    }
}
