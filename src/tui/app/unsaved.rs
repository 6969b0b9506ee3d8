//! Edits that nobody saved, given to whoever keeps them and taken back at the next start.

use super::App;
use crate::tui::action::Action;
use crate::tui::recovery::Unsaved;
use sigmalab_engine::recipe::Recipe;
use sigmalab_schedule::free::FREE;

impl App {
    /// What is worked on and not saved, the schedule or the prompt and settings beside it;
    /// `None` where nothing would be lost.
    pub fn unsaved(&self) -> Option<Unsaved> {
        let name = self.document.draft().name.clone();
        let recipe = self.document.recipe();
        let beside = |recipe: &Recipe| {
            let Recipe { prompt, size, noise, sampler, .. } = recipe.clone();
            (prompt, size, noise, sampler)
        };
        let lost = self.document.is_edited() || beside(&recipe) != beside(&self.opening);
        lost.then(|| Unsaved::new(name, recipe))
    }

    /// Brings back what an earlier session did not save `ago`, as one step of undo.
    pub fn restore(&mut self, unsaved: &Unsaved, ago: &str) {
        let earlier = self.message.take().map(|message| format!(" · {}", message.text));
        match self.store.get(&unsaved.name).cloned() {
            // Into an untouched document this cannot fail; if it did, the edits still come.
            Ok(preset) => drop(self.document.load(&preset)),
            Err(_) => self.document.named(&unsaved.name),
        }
        match self.document.load_recipe(&unsaved.recipe, "edits of the last session") {
            Ok(()) => {
                let undo = self.key_of(Action::Undo);
                let name = match unsaved.name.as_str() {
                    FREE => "unnamed steps",
                    name => name,
                };
                self.say(format!(
                    "restored unsaved edits of {name}, kept {ago}; {undo} undoes that{}",
                    earlier.unwrap_or_default()
                ));
            }
            Err(error) => self.complain(format!("unsaved edits could not be restored: {error}")),
        }
        self.fit();
    }
}
