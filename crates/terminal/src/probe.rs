//! The questions asked of a terminal, all at once and before the first frame. The answers come
//! when they come, as [`super::input::Reply`], and [`super::capabilities::Capabilities`] learns
//! from them.

use super::capabilities::PROBE_IMAGE;
use super::picture::Route;

/// The questions. `plain` leaves out what is printed as text by terminals that skip no strings
/// (the Linux console, Terminal.app). `through_tmux` asks about kitty's graphics the terminal
/// around tmux, which answers as if it had been asked directly.
///
/// In order: name and version; kitty graphics (a query with one pixel, which stores nothing);
/// pixels of a cell, of the screen, and cells of the screen; synchronized updates; kitty's
/// keyboard; background colour; and last the primary attributes, which every terminal answers.
#[must_use]
pub fn questions(plain: bool, through_tmux: bool) -> Vec<u8> {
    let mut text = String::from("\x1b[>q");
    if !plain {
        let control = format!("i={PROBE_IMAGE},s=1,v=1,a=q,t=d,f=24");
        text.push_str(&Route::to(through_tmux).command(&control, "AAAA"));
    }
    text.push_str("\x1b[16t\x1b[14t\x1b[18t\x1b[?2026$p\x1b[?u");
    if !plain {
        text.push_str("\x1b]11;?\x1b\\");
    }
    text.push_str("\x1b[c");
    text.into_bytes()
}

/// What changes with another font or another client: asked again when the size of the screen
/// changes or the program is continued.
#[must_use]
pub fn questions_of_size() -> &'static [u8] {
    b"\x1b[16t"
}

/// Whether the environment names a terminal that prints strings it does not know.
#[must_use]
pub fn is_plain(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    variable("TERM").is_some_and(|term| matches!(term.as_str(), "linux" | "dumb" | ""))
        || variable("TERM_PROGRAM").is_some_and(|program| program == "Apple_Terminal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_question_is_one_that_every_terminal_answers() {
        assert!(questions(false, false).ends_with(b"\x1b[c"));
        assert!(questions(true, false).ends_with(b"\x1b[c"));
    }

    #[test]
    fn tmux_is_asked_to_pass_the_question_about_graphics_on() {
        let text = String::from_utf8_lossy(&questions(false, true)).into_owned();
        assert!(text.contains("\x1bPtmux;\x1b\x1b_Gi=31,"), "{text:?}");
        assert!(text.contains("AAAA\x1b\x1b\\\x1b\\"), "{text:?}");
    }

    #[test]
    fn a_plain_terminal_is_asked_nothing_in_strings() {
        let text = questions(true, false);
        assert!(!text.windows(2).any(|pair| matches!(pair, b"\x1b_" | b"\x1b]" | b"\x1bP")));
    }
}
