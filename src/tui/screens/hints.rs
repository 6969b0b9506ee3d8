//! The footer: the keys that matter where somebody is, as far as they fit.

use super::component::Hint;
use super::pieces::Piece;
use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Asking};

/// The keys that matter here, as far as they fit; a click does what the key does.
pub(super) fn hints(app: &App, room: u16) -> Vec<Piece> {
    // Digits may still become the count of a motion, and this row stays as it is for every value
    // that is typed.
    let asking = app.asking.as_ref().filter(|asking| !asking.is_value());
    let (context, hinted): (_, &[Hint]) = match asking {
        None => (app.screen.context(), app.screen.component().hints(app)),
        Some(asking) => (app.context(), of(asking)),
    };
    let mut pieces: Vec<Piece> = Vec::new();
    let mut width = 0;
    // The way to everything else stands first: what is cut off is the end.
    let (help, others): (Vec<_>, Vec<_>) =
        hinted.iter().partition(|(action, _)| *action == Action::Help);
    for (action, word) in help.into_iter().chain(others) {
        let keys = app.keymap.keys(context, &Call::from(action));
        let Some(key) = keys.iter().min_by_key(|key| key.to_string().len()) else { continue };
        let key = Piece::action(format!(" {key} "), app.theme.key, action);
        let word = Piece::action(format!("{word} "), app.theme.dim, action);
        width += key.width() + word.width();
        if width > room {
            break;
        }
        pieces.extend([key, word]);
    }
    pieces
}

/// What can be done about something that takes the keys for itself.
fn of(asking: &Asking) -> &'static [Hint] {
    match asking {
        Asking::Line(_) => &[(Action::Accept, "accept"), (Action::Back, "leave")],
        Asking::Help(_) => &[
            (Action::Next, "down"),
            (Action::Previous, "up"),
            (Action::PageDown, "page down"),
            (Action::PageUp, "page up"),
            (Action::Back, "leave"),
        ],
        Asking::Palette { .. } | Asking::Choice(_) => &[
            (Action::Accept, "do it"),
            (Action::Next, "down"),
            (Action::Previous, "up"),
            (Action::Back, "leave"),
        ],
        Asking::Question { .. } => &[(Action::Accept, "yes"), (Action::Back, "no")],
        Asking::Text(_) => {
            &[(Action::Next, "down"), (Action::Previous, "up"), (Action::Back, "back")]
        }
    }
}
