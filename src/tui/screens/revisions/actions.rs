//! The tree of revisions: moving in it and going to one.

use crate::tui::app::{App, Done, Screen};

impl App {
    pub(in crate::tui) fn show_revisions(&mut self) -> Done {
        self.chosen_revision = self.document.revision();
        self.show(Screen::Revisions)
    }

    /// Newer revisions stand above older ones.
    pub(in crate::tui) fn along_revisions(&mut self, by: isize) {
        let newest = self.document.history().count().saturating_sub(1);
        let older = by.saturating_neg();
        self.chosen_revision = self.chosen_revision.saturating_add_signed(older).min(newest);
    }

    pub(in crate::tui) fn go_to_revision(&mut self, text: &str) -> Done {
        let count = self.document.history().count();
        let revision = text.trim().parse().ok().filter(|revision| *revision < count);
        let Some(revision) = revision else {
            return Err(match count {
                1 => format!("there is no revision {}: nothing was changed yet", text.trim()),
                _ => format!("there is no revision {}: there are 0 to {}", text.trim(), count - 1),
            });
        };
        self.document.go_to(revision).map_err(|error| error.to_string())?;
        self.follow_history();
        let label = self.document.history().revisions().nth(revision).map(|r| r.label.to_owned());
        Ok(Some(match label.filter(|label| !label.is_empty()) {
            Some(label) => format!("revision {revision}: {label}"),
            None => "as it was opened".to_owned(),
        }))
    }
}
