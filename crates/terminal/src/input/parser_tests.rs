use super::super::{Input, Key, Mouse, MouseAction, MouseButton, Reply};
use super::Parser;
use crate::key::{KeyCode, KeyError, Modifiers};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// A parser at rest, of a terminal that was asked what it can do and has not answered.
fn asked(now: Instant) -> Parser {
    let mut parser = Parser::new();
    parser.expect_answers(now + Duration::from_secs(5));
    parser
}

/// What a long silence adds.
fn silence(parser: &mut Parser, now: Instant) -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut now = now;
    while let Some(wait) = parser.timeout() {
        now += wait;
        inputs.extend(parser.flush(now));
    }
    inputs
}

/// The inputs of bytes that come at once after a probe, with what a long silence then adds.
fn read(bytes: &[u8]) -> Vec<Input> {
    let now = Instant::now();
    let mut parser = asked(now);
    let mut inputs = parser.feed(bytes, now);
    inputs.extend(silence(&mut parser, now));
    inputs
}

fn key(text: &str) -> Result<Input, KeyError> {
    Ok(Input::Key(text.parse()?))
}

#[test]
fn keys_of_every_common_terminal_are_read() -> Result<(), KeyError> {
    for (bytes, name) in [
        (&b"g"[..], "g"),
        (b"G", "G"),
        ("é".as_bytes(), "é"),
        ("字".as_bytes(), "字"),
        (b"\x12", "ctrl-r"),
        (b"\0", "ctrl-space"),
        (b"\r", "enter"),
        (b"\n", "ctrl-j"),
        (b"\t", "tab"),
        (b"\x7f", "backspace"),
        (b"\x1b", "esc"),
        (b"\x1bx", "alt-x"),
        (b"\x1b[", "alt-["),
        (b"\x1b\x12", "ctrl-alt-r"),
        (b"\x1b[Z", "shift-tab"),
        (b"\x1b[A", "up"),
        (b"\x1bOA", "up"),
        (b"\x1b[1;5C", "ctrl-right"),
        (b"\x1b[3~", "delete"),
        (b"\x1b[5;2~", "shift-pageup"),
        (b"\x1b[1~", "home"),
        (b"\x1bOF", "end"),
        (b"\x1bOP", "F1"),
        (b"\x1b[[A", "F1"),
        (b"\x1b[15~", "F5"),
        (b"\x1b[24;3~", "alt-F12"),
        (b"\x1b[1;2R", "shift-F3"),
        (b"\x1b[27u", "esc"),
        (b"\x1b[97;6u", "ctrl-shift-a"),
        (b"\x1b[105;5:1u", "ctrl-i"),
        (b"\x1b[27;5;13~", "ctrl-enter"),
        (b"\x1b[57414u", "enter"),
    ] {
        assert_eq!(read(bytes), [key(name)?], "{name}");
    }
    Ok(())
}

#[test]
fn the_escape_key_twice_in_one_read_is_that_key_twice() -> Result<(), KeyError> {
    assert_eq!(read(b"\x1b\x1b"), [key("esc")?, key("esc")?]);
    assert_eq!(read(b"\x1b\x1b\x1b[A"), [key("esc")?, key("esc")?, key("up")?]);
    Ok(())
}

#[test]
fn a_key_that_goes_up_is_no_input() {
    assert_eq!(read(b"\x1b[97;1:3u"), []);
    assert_eq!(read(b"\x1b[57441u"), []);
}

#[test]
fn a_paste_is_one_input_with_its_line_ends_made_plain() {
    let inputs = read(b"\x1b[200~1\t2\r3 \x1b[A\r\n4\x1b[201~q");
    assert_eq!(inputs[0], Input::Paste("1\t2\n3 \x1b[A\n4".to_owned()));
    assert_eq!(inputs[1..], [Input::Key(KeyCode::Char('q').into())]);
}

#[test]
fn the_mouse_is_read_in_cells_from_0() {
    let mouse = |action, modifiers| Input::Mouse(Mouse { action, column: 9, row: 4, modifiers });
    let inputs = read(b"\x1b[<0;10;5M\x1b[<48;10;5M\x1b[<0;10;5m\x1b[<65;10;5M\x1b[<35;10;5M");
    assert_eq!(
        inputs,
        [
            mouse(MouseAction::Press(MouseButton::Left), Modifiers::NONE),
            mouse(MouseAction::Drag(MouseButton::Left), Modifiers::CTRL),
            mouse(MouseAction::Release(MouseButton::Left), Modifiers::NONE),
            mouse(MouseAction::ScrollDown, Modifiers::NONE),
            mouse(MouseAction::Move, Modifiers::NONE),
        ]
    );
}

/// Answers of real terminals, and what they say.
fn answers() -> Vec<(&'static [u8], Reply)> {
    vec![
        (b"\x1bP>|kitty(0.36.4)\x1b\\", Reply::Version("kitty(0.36.4)".to_owned())),
        (b"\x1b[?62;4;22c", Reply::Attributes(vec![62, 4, 22])),
        (b"\x1b_Gi=31;OK\x1b\\", Reply::Kitty { id: 31, ok: true }),
        (b"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\", Reply::Kitty { id: 31, ok: false }),
        (b"\x1b[6;20;10t", Reply::CellPixels { width: 10, height: 20 }),
        (b"\x1b[4;480;800t", Reply::ScreenPixels { width: 800, height: 480 }),
        (b"\x1b[8;24;80t", Reply::ScreenCells { columns: 80, rows: 24 }),
        (b"\x1b[?2026;2$y", Reply::Mode { mode: 2026, available: true }),
        (b"\x1b[?2026;0$y", Reply::Mode { mode: 2026, available: false }),
        (b"\x1b]11;rgb:ffff/8080/0000\x1b\\", Reply::Background([255, 128, 0])),
        (b"\x1b]11;rgb:ff/80/00\x07", Reply::Background([255, 128, 0])),
        (b"\x1b[?0u", Reply::KeyboardFlags(0)),
        (b"\x1b[0n", Reply::Ready),
        (b"\x1b[12;40R", Reply::Other),
        (b"\x1b[>1;4000;29c", Reply::Other),
        (b"\x1b]52;c;aGk=\x1b\\", Reply::Other),
        (b"\x1bP1$r0m\x1b\\", Reply::Other),
    ]
}

#[test]
fn answers_are_read_and_what_nobody_asked_for_is_told_apart() {
    for (bytes, reply) in answers() {
        assert_eq!(read(bytes), [Input::Reply(reply)], "{}", bytes.escape_ascii());
    }
}

#[test]
fn an_answer_that_comes_while_probing_may_be_split_by_a_slow_link() {
    let start = Instant::now();
    let mut parser = Parser::new();
    parser.expect_replies(start + Duration::from_secs(2));
    assert_eq!(parser.feed(b"\x1b", start), []);
    assert_eq!(parser.flush(start + Duration::from_millis(200)), []);
    let inputs = parser.feed(b"[?62c", start + Duration::from_millis(210));
    assert_eq!(inputs, [Input::Reply(Reply::Attributes(vec![62]))]);
}

#[test]
fn an_answer_whose_escape_was_given_up_still_types_nothing() {
    let start = Instant::now();
    for (bytes, reply) in answers() {
        let mut parser = asked(start);
        parser.feed(&bytes[..1], start);
        assert_eq!(parser.flush(start + Duration::from_secs(1)), [Input::Key(KeyCode::Esc.into())]);
        let later = start + Duration::from_secs(2);
        assert_eq!(parser.feed(&bytes[1..], later), [Input::Reply(reply)]);
    }
}

#[test]
fn only_an_escape_needs_the_clock() {
    let now = Instant::now();
    let mut parser = Parser::new();
    assert_eq!(parser.timeout(), None);
    parser.feed(b"\x1b", now);
    assert_eq!(parser.timeout(), Some(Duration::from_millis(50)));
    assert_eq!(parser.flush(now), []);
    assert_eq!(parser.flush(now + Duration::from_millis(50)), [Input::Key(KeyCode::Esc.into())]);
    assert_eq!(parser.timeout(), None);
}

#[test]
fn a_report_of_the_mouse_that_is_split_by_a_lost_packet_stays_whole() {
    let now = Instant::now();
    let mut parser = Parser::new();
    assert_eq!(parser.feed(b"\x1b[<35;1", now), []);
    assert_eq!(parser.flush(now + Duration::from_millis(1900)), []);
    let inputs = parser.feed(b"0;5M", now + Duration::from_millis(1950));
    assert!(matches!(inputs[..], [Input::Mouse(_)]), "{inputs:?}");
}

#[test]
fn what_began_a_string_and_is_none_was_typed() -> Result<(), KeyError> {
    let keys = |names: &[&str]| names.iter().map(|name| key(name)).collect::<Result<Vec<_>, _>>();
    let now = Instant::now();
    for opener in ["X", "P", "^", "_", "]"] {
        for mut parser in [Parser::new(), asked(now)] {
            let mut inputs = parser.feed(format!("\x1b{opener}j").as_bytes(), now);
            inputs.extend(parser.feed(b"q", now + Duration::from_millis(200)));
            assert_eq!(inputs, keys(&[&format!("alt-{opener}"), "j", "q"])?, "{opener}");
        }
    }
    // What an answer begins with: it waits, and not without end.
    let mut parser = asked(now);
    assert_eq!(parser.feed(b"\x1b_Gq", now), []);
    assert_eq!(silence(&mut parser, now), keys(&["alt-_", "G", "q"])?);
    // Somebody looks much later; that they were read apart is what counts.
    let mut parser = Parser::new();
    let mut inputs = parser.feed(b"\x1b", now);
    inputs.extend(parser.feed(b"P", now + Duration::from_millis(80)));
    assert_eq!(inputs, keys(&["esc", "P"])?);
    Ok(())
}

/// Characters with the milliseconds before each. What no program can tell apart is left out: a
/// bracket or an O right after an escape is an arrow's, and an escape with a backslash ends an
/// answer.
fn typed() -> impl Strategy<Value = Vec<(u64, char)>> {
    let character = prop_oneof![2 => Just('\x1b'), 1 => proptest::char::range('X', '_'),
        1 => proptest::char::range(' ', '~'), 1 => proptest::sample::select(vec!['P', '>', '|', 'G', ']', '1', ';'])];
    let gap = prop_oneof![3 => Just(0u64), 2 => 1u64..100, 1 => 100u64..3000];
    proptest::collection::vec((gap, character), 1..30).prop_map(|typed| {
        let mut before = ' ';
        typed
            .into_iter()
            .map(|(gap, c)| {
                let c = if before == '\x1b' && matches!(c, '[' | 'O' | '\\') { 'x' } else { c };
                before = c;
                (gap, c)
            })
            .collect()
    })
}

/// The same as reads: what comes without a gap is read at once.
fn reads(typed: &[(u64, char)]) -> Vec<(Duration, Vec<u8>)> {
    let mut reads: Vec<(Duration, Vec<u8>)> = Vec::new();
    for &(gap, c) in typed {
        match reads.last_mut().filter(|_| gap == 0) {
            Some((_, bytes)) => bytes.push(c as u8),
            None => reads.push((Duration::from_millis(gap), vec![c as u8])),
        }
    }
    reads
}

/// What was typed but for escapes: alt with a character is an escape and that character.
fn characters(inputs: &[Input]) -> Vec<char> {
    let of = |input: &Input| match input {
        Input::Key(Key { code: KeyCode::Char(c), .. }) => Some(*c),
        Input::Key(Key { code: KeyCode::Esc, .. }) => None,
        // Nothing else was typed: it makes the comparison fail.
        _ => Some('\u{fffd}'),
    };
    inputs.iter().filter_map(of).collect()
}

/// Bytes that look like input, and bytes that do not.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let mut known: Vec<Vec<u8>> = answers().iter().map(|(bytes, _)| bytes.to_vec()).collect();
    known.extend(
        [
            "a",
            "é",
            "字",
            "\x1b",
            "\x1b[A",
            "\x1bOP",
            "\x1b[<0;1;1M",
            "\x1b[200~",
            "\x1b[201~",
            "\x1b[",
        ]
        .map(|text| text.as_bytes().to_vec()),
    );
    let piece = prop_oneof![
        3 => proptest::sample::select(known),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_inputs(
        bytes in stream(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let now = Instant::now();
        let mut whole = asked(now);
        let mut expected = whole.feed(&bytes, now);
        expected.extend(silence(&mut whole, now));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut parser = asked(now);
        let mut inputs = Vec::new();
        for pair in cuts.windows(2) {
            inputs.extend(parser.feed(&bytes[pair[0]..pair[1]], now));
        }
        inputs.extend(silence(&mut parser, now));
        prop_assert_eq!(inputs, expected);
    }

    #[test]
    fn keys_typed_after_an_escape_always_arrive(
        typed in typed(), probe in any::<bool>(), prompt in any::<bool>(),
    ) {
        let start = Instant::now();
        let mut parser = if probe { asked(start) } else { Parser::new() };
        let mut inputs = Vec::new();
        let mut now = start;
        for read in reads(&typed) {
            let next = now + read.0;
            // Somebody who is busy looks at nothing before the next bytes are there.
            while let Some(wait) = parser.timeout().filter(|_| prompt)
                && now + wait < next
            {
                now += wait;
                inputs.extend(parser.flush(now));
            }
            now = next;
            inputs.extend(parser.feed(&read.1, now));
        }
        inputs.extend(silence(&mut parser, now));
        let expected: Vec<char> = typed.iter().map(|(_, c)| *c).filter(|c| *c != '\x1b').collect();
        prop_assert_eq!(characters(&inputs), expected);
        // And whatever it was, what comes next is read.
        let later = now + Duration::from_secs(60);
        prop_assert_eq!(parser.feed(b"q", later), [Input::Key(KeyCode::Char('q').into())]);
    }

    #[test]
    fn a_terminal_that_answers_late_types_nothing(
        after in 0u64..90_000, gaps in proptest::collection::vec(0u64..250, 30),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let start = Instant::now();
        let mut parser = asked(start);
        let mut bytes = Vec::new();
        // In the order of the questions: the attributes come last.
        let (last, first): (Vec<_>, Vec<_>) =
            answers().into_iter().partition(|(_, reply)| matches!(reply, Reply::Attributes(_)));
        first.iter().chain(&last).for_each(|(answer, _)| bytes.extend_from_slice(answer));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        // A link that splits right behind an escape and then stalls shows that key.
        cuts.retain(|cut| *cut == 0 || bytes[*cut - 1] != 0x1b);
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        // Every piece holds something: two gaps in a row would be a longer one.
        cuts.dedup();
        let mut now = start + Duration::from_millis(after);
        let mut inputs = Vec::new();
        for (pair, gap) in cuts.windows(2).zip(gaps) {
            now += Duration::from_millis(gap);
            inputs.extend(parser.flush(now));
            inputs.extend(parser.feed(&bytes[pair[0]..pair[1]], now));
        }
        inputs.extend(silence(&mut parser, now));
        prop_assert_eq!(inputs.len(), answers().len());
        prop_assert!(inputs.iter().all(|input| matches!(input, Input::Reply(_))), "{:?}", inputs);
    }

    #[test]
    fn answers_never_become_keys(picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..20)) {
        let answers = answers();
        let bytes: Vec<u8> =
            picks.iter().flat_map(|pick| answers[pick.index(answers.len())].0.to_vec()).collect();
        let inputs = read(&bytes);
        prop_assert_eq!(inputs.len(), picks.len());
        prop_assert!(inputs.iter().all(|input| matches!(input, Input::Reply(_))));
    }

    #[test]
    fn every_key_it_reads_can_be_written_in_a_keymap(bytes in stream()) {
        for input in read(&bytes) {
            if let Input::Key(key) = input {
                prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
            }
        }
    }
}
