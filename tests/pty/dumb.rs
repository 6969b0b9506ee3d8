//! A terminal that obeys no escapes, as an editor's shell is one: `TERM=dumb`.

use crate::place::{PROGRAM, Place};
use crate::tty::{Answers, Tty};
use crate::workbench::command;

#[test]
fn a_terminal_that_obeys_no_escapes_gets_none() {
    let place = Place::new();
    for (arguments, code, words) in [
        (&[][..], 2, "TERM is `dumb`"),
        (&["schedule", "QUICK"], 0, "sampling order"),
        (&["presets", "check", "nowhere.toml"], 2, "error: cannot read presets"),
        (&["generate", "--prompt", "a red circle", "--seed", "1"], 0, "sigmalab-1.png"),
    ] {
        let mut command = command(&place, PROGRAM, arguments);
        command.env("TERM", "dumb");
        let mut tty = Tty::start(command, (80, 24), Answers::MUTE);
        let ended = tty.exit_code();
        let text = String::from_utf8_lossy(tty.bytes()).into_owned();
        assert_eq!(ended, code, "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
        assert!(!text.contains('\x1b'), "{arguments:?}: {text:?}");
    }
}
