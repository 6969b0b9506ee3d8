//! What commands print on a terminal beside text: the picture of a run, and the doctor's test
//! picture.

use crate::place::{PROGRAM, Place};
use crate::tty::{Answers, Tty};
use crate::workbench::command;

const SIZE: (u16, u16) = (80, 24);

/// A command that ended well, with these variables set.
fn ended(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Tty {
    let mut command = command(place, PROGRAM, arguments);
    for (name, value) in variables {
        command.env(name, value);
    }
    let mut tty = Tty::start(command, SIZE, Answers::KITTY);
    assert_eq!(tty.exit_code(), 0, "{}", tty.text());
    tty
}

fn has(tty: &Tty, part: &str) -> bool {
    tty.bytes().windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn a_run_shows_its_picture_below_what_it_says() {
    let place = Place::new();
    let generate = |show: &str, variables: &[(&str, &str)]| {
        let file = format!("{show}-{}.png", variables.len());
        let arguments = ["--sampler-preset", "QUICK", "--seed", "1", "--output", &file];
        let first = ["generate", "--prompt", "a red circle", "--show", show];
        ended(&place, &[&first[..], &arguments].concat(), variables)
    };
    for (show, begins) in [
        ("kitty", "\x1b_Ga=T,f=100,C=1,"),
        ("sixel", "\x1bP9;1;0q"),
        ("iterm2", "\x1b]1337;File=inline=1;"),
        ("half-blocks", "\x1b[48;5;"),
    ] {
        let tty = generate(show, &[]);
        assert!(has(&tty, &format!("{show}-0.png")) && has(&tty, begins), "{show}: {}", tty.text());
        assert_eq!(tty.screen().cursor_position().1, 0, "{show}: the shell begins a line");
    }
    // Left to the terminal: its name is enough, and nothing is asked of it.
    let tty = generate("auto", &[("TERM", "xterm-kitty")]);
    assert!(has(&tty, "\x1b_Ga=T,") && !has(&tty, "\x1b[c"), "{}", tty.text());
    let tty = generate("auto", &[]);
    assert!(!has(&tty, "\x1b_G") && !has(&tty, "▀"), "{}", tty.text());
}

#[test]
fn the_doctor_looks_at_the_terminal_and_shows_a_test_picture() {
    let place = Place::new();
    let tty = ended(&place, &["doctor"], &[]);
    assert!(has(&tty, "80×24 cells, TERM xterm-256color"), "{}", tty.text());
    assert!(has(&tty, "half-blocks, by what the environment says"), "{}", tty.text());
    assert!(has(&tty, "\x1b[48;5;231m "), "its white bar: {}", tty.text());
    let tty = ended(&place, &["doctor"], &[("NO_COLOR", "1")]);
    assert!(has(&tty, "█") && !has(&tty, "\x1b["), "shades: {}", tty.text());
    let tty = ended(&place, &["doctor", "--show", "never"], &[("TERM", "xterm-kitty")]);
    assert!(!has(&tty, "\x1b_G"), "{}", tty.text());
}
