//! An escape with another key right behind it, read at once: no keyboard may die of it.

use crate::place::Place;
use crate::tty::{Answers, Tty};
use crate::workbench::tty;
use std::time::Duration;

/// Help opens and closes: keys arrive.
fn is_alive(tty: &mut Tty) {
    tty.settle(Duration::from_millis(400));
    tty.send("?");
    tty.wait_text("On this screen");
    tty.send("\x1b");
    tty.wait("the end of help", |tty| !tty.text().contains("On this screen"));
}

#[test]
fn keys_arrive_after_an_escape_that_comes_with_another_key() {
    // One that has answered, and one that never does.
    for answers in [Answers::PLAIN, Answers::MUTE] {
        let place = Place::new();
        let mut tty = tty(&place, answers, (80, 24));
        for opener in ["X", "P", "^", "_", "]", "[", "O"] {
            tty.send(format!("\x1b{opener}j"));
            is_alive(&mut tty);
            // Where that went to another screen, the editor is a key away.
            tty.send("\x1bOQ");
            tty.wait_text("schedule · ");
        }
        // `_` lowered a value on its way.
        tty.send("q");
        tty.wait_text("Leave?");
        tty.send("y");
        assert_eq!(tty.exit_code(), 0);
    }
}
