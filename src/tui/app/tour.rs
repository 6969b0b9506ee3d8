//! The short tour of the first start: from a picture to a preset of one's own in five steps, each a
//! line above the keys until it is done. It looks at what is there and changes nothing.

use crate::preset_store;
use crate::tui::action::Action;
use crate::tui::app::{App, Done, Screen};

/// Where somebody is in the tour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tour {
    Draw,
    Pin,
    Edit,
    Compare,
    Save,
}

const STEPS: [Tour; 5] = [Tour::Draw, Tour::Pin, Tour::Edit, Tour::Compare, Tour::Save];

impl App {
    pub fn begin_tour(&mut self) {
        self.tour = Some(Tour::Draw);
    }

    /// Begins it, or ends it.
    pub(in crate::tui) fn toggle_tour(&mut self) -> Done {
        if self.end_tour() {
            return Ok(Some("the tour is over; `tour` in the palette begins it again".to_owned()));
        }
        self.show(Screen::Editor)?;
        self.begin_tour();
        Ok(None)
    }

    /// Ends it, whether or not it was on; whether it was.
    pub(in crate::tui) fn end_tour(&mut self) -> bool {
        self.tour.take().is_some()
    }

    /// Goes on to the first step that is not done yet, and to the end after the last.
    pub(in crate::tui) fn follow_tour(&mut self) {
        let Some(now) = self.tour else { return };
        let steps = STEPS.iter().copied().skip_while(|step| *step != now);
        self.tour = steps.into_iter().find(|step| !self.has_done(*step));
        if self.tour.is_none() {
            let help = self.key_of(Action::Help);
            self.say(format!("that was the tour: the preset is yours, and {help} shows every key"));
        }
    }

    fn has_done(&self, step: Tour) -> bool {
        match step {
            Tour::Draw => self.runs.last.is_some(),
            Tour::Pin => self.runs.pinned.is_some(),
            Tour::Edit => self.document.is_edited(),
            Tour::Compare => self.screen == Screen::Compare,
            Tour::Save => {
                let name = &self.document.draft().name;
                !self.document.is_edited()
                    && self.document.is_named()
                    && !preset_store::ships(name)
                    && self.store.get(name).is_ok()
            }
        }
    }

    /// What to do next, in a line.
    pub(in crate::tui) fn tour_line(&self) -> Option<String> {
        let step = self.tour?;
        let number = STEPS.iter().position(|known| *known == step)? + 1;
        let key = |action: Action| self.key_of(action);
        let text = match step {
            Tour::Draw => {
                format!("{} draws an image of the prompt · esc ends the tour", key(Action::Run))
            }
            Tour::Pin => {
                format!("{} pins this image, to compare the next one with", key(Action::Pin))
            }
            Tour::Edit => format!(
                "{} goes to the last step: type 1.5 and enter to set its gw",
                key(Action::LastStep)
            ),
            Tour::Compare => format!(
                "{} draws again, only the step that changed; then {} compares",
                key(Action::Run),
                key(Action::Compare)
            ),
            Tour::Save => {
                format!(
                    "{} saves the steps as a preset: type a name, then enter",
                    key(Action::SaveAs)
                )
            }
        };
        Some(format!("tour {number}/{} · {text}", STEPS.len()))
    }
}
