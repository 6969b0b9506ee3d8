//! Terminals that answer no question, or late.

use crate::place::Place;
use crate::tty::{Answers, PATIENCE, Tty};
use crate::workbench::{Drive, Kind, opened, terminal, tty};
use std::time::Duration;

/// What a kitty would have answered, in the order of the questions.
const ANSWERS: [&str; 8] = [
    "\x1bP>|kitty(0.36.4)\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",
    "\x1b[6;20;10t",
    "\x1b[4;480;800t",
    "\x1b[8;24;80t",
    "\x1b[?2026;2$y",
    "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
    "\x1b[?62;22c",
];

#[test]
fn a_terminal_that_never_answers_gets_its_frame_and_its_keys_work() {
    let place = Place::new();
    let mut workbench = opened(terminal(&place, Kind::Plain, (80, 24)).answer_queries(false));
    workbench.press("2 enter");
    workbench.see("● edited");
    workbench.press("r");
    workbench.wait_until_for(|screen| screen.contains("NFE 4+4"), PATIENCE).unwrap();
}

/// A mute terminal whose first frame is drawn, and the text of it.
fn mute(place: &Place) -> (Tty, String) {
    let mut tty = tty(place, Answers::MUTE, (80, 24));
    tty.settle(Duration::from_millis(200));
    let text = tty.text();
    (tty, text)
}

#[test]
fn answers_that_come_late_are_learnt_and_are_no_keys() {
    let place = Place::new();
    let (mut tty, before) = mute(&place);
    tty.send(ANSWERS.concat());
    // It learnt that frames are synchronized: the next one is.
    tty.send("j");
    tty.wait("frame", |tty| tty.bytes().ends_with(crate::tty::FRAME_END));
    tty.send("k");
    tty.wait("the first text", |tty| tty.text() == before);
}

#[test]
fn an_answer_in_pieces_is_no_key() {
    let place = Place::new();
    let (mut tty, before) = mute(&place);
    for answer in ANSWERS {
        let (head, tail) = answer.split_at(answer.len() / 2);
        tty.send(head);
        // Longer than an escape key is waited for: the link is slow.
        tty.watch(Duration::from_millis(120));
        tty.send(tail);
    }
    tty.settle(Duration::from_millis(200));
    assert_eq!(tty.text(), before);
}
