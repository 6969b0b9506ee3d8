//! The ways out: by a key, by a signal, by a terminal that is gone.

use crate::place::{PROGRAM, Place};
use crate::tty::{Answers, PATIENCE, Tty};
use crate::workbench::{EDITOR, close, command, keys, tty};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

const SIZE: (u16, u16) = (80, 24);

fn signal(tty: &Tty, signal: Signal) {
    kill_process(Pid::from_raw(tty.process() as i32).unwrap(), signal).unwrap();
}

/// A terminal that a program has left.
#[track_caller]
fn assert_clean(tty: &Tty) {
    let screen = tty.screen();
    assert!(!screen.alternate_screen(), "the alternate screen is not left");
    assert!(!screen.hide_cursor(), "the cursor is hidden");
    assert!(!screen.bracketed_paste(), "pastes are bracketed");
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    for mode in ["2026", "1004", "2004", "1049"] {
        let (on, off) = (format!("\x1b[?{mode}h"), format!("\x1b[?{mode}l"));
        assert!(last(tty, &on) <= last(tty, &off), "mode {mode} is on");
    }
    let (now, before) = tty.modes();
    assert_eq!(now, before, "the line discipline is not restored");
}

/// Where a text was written last.
fn last(tty: &Tty, text: &str) -> Option<usize> {
    tty.bytes().windows(text.len()).rposition(|window| window == text.as_bytes())
}

/// The workbench with one value changed.
fn edited(place: &Place) -> Tty {
    let mut tty = tty(place, Answers::KITTY, SIZE);
    tty.send(keys("2 . 5 enter"));
    tty.wait_text("● edited");
    tty
}

/// Starts again and sees the change that was not saved.
#[track_caller]
fn assert_recovered(place: &Place) {
    let mut again = tty(place, Answers::KITTY, SIZE);
    again.wait_text("● edited");
    assert!(again.text().contains("2.50"), "{}", again.text());
    let saved = std::fs::read_to_string(place.path("presets.toml")).unwrap();
    assert!(!saved.contains("2.5"), "the presets file was written unasked: {saved}");
}

/// Ends by a signal, leaves the terminal as it was and loses nothing.
#[track_caller]
fn ends_clean_on(sent: Signal) {
    let place = Place::new();
    let mut tty = edited(&place);
    signal(&tty, sent);
    tty.exit_code();
    assert_clean(&tty);
    assert_recovered(&place);
}

#[test]
fn a_key_leaves_the_terminal_as_it_was() {
    let place = Place::new();
    let mut tty = tty(&place, Answers::KITTY, SIZE);
    let (now, before) = tty.modes();
    assert_ne!(now, before, "keys come as they are typed");
    tty.send("q");
    assert_eq!(tty.exit_code(), 0);
    assert_clean(&tty);
}

#[test]
fn sigterm_leaves_a_clean_terminal_and_loses_nothing() {
    ends_clean_on(Signal::TERM);
}

#[test]
fn sigint_from_outside_leaves_a_clean_terminal_and_loses_nothing() {
    ends_clean_on(Signal::INT);
}

#[test]
fn sighup_ends_it_and_loses_nothing() {
    let place = Place::new();
    let mut tty = edited(&place);
    signal(&tty, Signal::HUP);
    tty.exit_code();
    assert_recovered(&place);
}

#[test]
fn a_terminal_that_is_closed_ends_the_program_and_loses_nothing() {
    let place = Place::new();
    close(edited(&place));
    assert_recovered(&place);
}

#[test]
fn a_stopped_program_gives_the_terminal_back_and_takes_it_again() {
    let place = Place::new();
    let mut tty = edited(&place);
    tty.settle(Duration::from_millis(200));
    let before = tty.text();
    signal(&tty, Signal::TSTP);
    tty.wait("normal screen", |tty| !tty.screen().alternate_screen());
    wait_state(&mut tty, 'T');
    assert_clean(&tty);
    signal(&tty, Signal::CONT);
    tty.wait("the same screen", |tty| tty.screen().alternate_screen() && tty.text() == before);
    tty.send("u");
    tty.wait("an undone change", |tty| !tty.text().contains("● edited"));
}

#[test]
fn ctrl_z_stops_it_like_any_program() {
    let place = Place::new();
    let mut tty = tty(&place, Answers::KITTY, SIZE);
    tty.send([0x1a]);
    wait_state(&mut tty, 'T');
    tty.settle(Duration::from_millis(50));
    assert_clean(&tty);
    signal(&tty, Signal::CONT);
    tty.wait("screen of its own", |tty| tty.screen().alternate_screen());
    tty.wait_text(EDITOR);
}

#[test]
fn a_size_that_only_a_signal_tells_is_taken() {
    let place = Place::new();
    let mut tty = tty(&place, Answers::KITTY, SIZE);
    tty.resize((120, 40));
    tty.wait_text("σ next");
}

#[test]
fn a_start_that_fails_draws_nothing() {
    let place = Place::new();
    let command = command(&place, PROGRAM, &["--keymap", "no-such-file.toml"]);
    let mut tty = Tty::start(command, SIZE, Answers::KITTY);
    assert_eq!(tty.exit_code(), 2);
    assert!(tty.text().contains("no-such-file.toml"), "{}", tty.text());
    assert_eq!(last(&tty, "\x1b[?"), None, "a mode was set");
}

/// Waits until the program is in a state of /proc.
#[track_caller]
fn wait_state(tty: &mut Tty, state: char) {
    let path = format!("/proc/{}/stat", tty.process());
    let start = Instant::now();
    loop {
        let stat = std::fs::read_to_string(&path).unwrap();
        // The state follows the name in parentheses.
        let now = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
        if now == Some(state) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "state {now:?} and not {state}");
        tty.watch(Duration::from_millis(5));
    }
}

/// Not a test: what the next one runs in a terminal.
#[test]
#[ignore = "panics on purpose, in a terminal of its own"]
fn panics_on_the_screen() {
    use ratatui::layout::Size;
    use sigmalab_terminal::colours::ColourDepth;
    use sigmalab_terminal::screen::Screen;
    use sigmalab_terminal::tty::{RawMode, output, restore_on_panic};
    let mut screen =
        Screen::new(output().unwrap(), Size::new(80, 24), ColourDepth::Indexed).unwrap();
    restore_on_panic(|_| {});
    let _raw = RawMode::enable().unwrap();
    screen.enter(b"").unwrap();
    screen.set_keyboard(true).unwrap();
    screen.draw(|frame| frame.render_widget("drawn", frame.area())).unwrap();
    panic!("on purpose");
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_reported() {
    let place = Place::new();
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", "leaving::panics_on_the_screen", "--ignored", "--nocapture"];
    let command = command(&place, program.to_str().unwrap(), &arguments);
    let mut tty = Tty::start(command, SIZE, Answers::MUTE);
    tty.exit_code();
    assert_clean(&tty);
    assert!(last(&tty, "\x1b[?1049h").is_some() && last(&tty, "drawn").is_some());
    // The report is on the normal screen, where it stays, and with it the way pictures go.
    assert!(tty.text().contains("on purpose"), "{}", tty.text());
    assert!(last(&tty, "\x1b[?1049l") < last(&tty, "on purpose"));
    assert!(last(&tty, "a=d,d=I").is_some());
}
