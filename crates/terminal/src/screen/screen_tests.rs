use super::*;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph};

const SIZE: Size = Size { width: 120, height: 40 };

fn screen() -> io::Result<Screen<Vec<u8>>> {
    let mut screen = Screen::new(Vec::new(), SIZE, ColourDepth::True)?;
    screen.enter(b"")?;
    Ok(screen)
}

/// What is written by `act`.
fn written(
    screen: &mut Screen<Vec<u8>>,
    act: impl FnOnce(&mut Screen<Vec<u8>>) -> io::Result<()>,
) -> io::Result<String> {
    let before = screen.out.len();
    act(screen)?;
    Ok(String::from_utf8_lossy(&screen.out[before..]).into_owned())
}

/// A grid of 20 steps with the cursor on one row, a bar above and hints below.
fn grid(frame: &mut Frame<'_>, cursor: usize, value: f64) {
    let area = frame.area();
    let bar = Style::new().fg(Color::Rgb(205, 214, 244)).bg(Color::Rgb(30, 30, 46));
    frame.render_widget(Paragraph::new(" V4_DEFAULT_20 ").style(bar), Rect { height: 1, ..area });
    let rows: Vec<Line<'_>> = (0..20)
        .map(|step| {
            let gw = if step == cursor { value } else { 7.0 };
            let text = format!("{step:5}{:5}{gw:8.2}   0.000   1.750  0.9999  0.9727", 19 - step);
            let style = Style::new().add_modifier(Modifier::REVERSED);
            if step == cursor { Line::styled(text, style) } else { Line::raw(text) }
        })
        .collect();
    let block = Block::new().borders(Borders::ALL).title("schedule");
    let inside = Rect { y: 1, height: area.height.saturating_sub(2).min(22), ..area };
    frame.render_widget(Paragraph::new(rows).block(block), inside);
    let last = Rect { y: area.height.saturating_sub(1), height: 1, ..area };
    frame.render_widget(Paragraph::new(format!("row {cursor}")).style(bar), last);
}

#[test]
fn a_frame_that_changes_nothing_is_no_bytes_and_no_write() -> io::Result<()> {
    let mut screen = screen()?;
    screen.draw(|frame| grid(frame, 3, 7.0))?;
    screen.set_synchronized(true);
    let before = *screen.meter();
    assert_eq!(screen.draw(|frame| grid(frame, 3, 7.0))?, 0);
    assert_eq!(*screen.meter(), before);
    Ok(())
}

#[test]
fn moving_the_cursor_is_at_most_256_bytes() -> io::Result<()> {
    let mut screen = screen()?;
    screen.set_synchronized(true);
    screen.draw(|frame| grid(frame, 3, 7.0))?;
    let bytes = screen.draw(|frame| grid(frame, 4, 7.0))?;
    assert!(bytes <= 256, "{bytes} bytes");
    Ok(())
}

#[test]
fn a_cell_edit_is_a_handful_of_bytes() -> io::Result<()> {
    let mut screen = screen()?;
    screen.draw(|frame| grid(frame, 3, 7.0))?;
    let text = written(&mut screen, |screen| screen.draw(|frame| grid(frame, 3, 2.0)).map(drop))?;
    assert_eq!(text, "\x1b[6;16H\x1b[7m2\x1b[m");
    Ok(())
}

#[test]
fn a_whole_redraw_is_one_write_within_16_kib() -> io::Result<()> {
    let mut screen = screen()?;
    screen.set_synchronized(true);
    screen.draw(|frame| grid(frame, 3, 7.0))?;
    let writes = screen.meter().writes;
    screen.redraw()?;
    let bytes = screen.draw(|frame| {
        let colours = Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Rgb(4, 5, 6));
        let row = "σ 0.9727 ".repeat(14);
        let rows: Vec<Line<'_>> = (0..40)
            .map(|row_number| {
                let style = if row_number % 2 == 0 { colours } else { Style::new() };
                Line::styled(row.clone(), style)
            })
            .collect();
        frame.render_widget(Paragraph::new(rows), frame.area());
    })?;
    assert!(bytes <= 16 * 1024, "{bytes} bytes");
    assert_eq!(screen.meter().writes, writes + 1);
    Ok(())
}

#[test]
fn a_frame_is_a_synchronized_update_only_where_the_terminal_knows_them() -> io::Result<()> {
    let mut screen = screen()?;
    let plain = written(&mut screen, |screen| screen.draw(|f| grid(f, 1, 7.0)).map(drop))?;
    assert!(!plain.contains("\x1b[?2026"));
    screen.set_synchronized(true);
    let held = written(&mut screen, |screen| screen.draw(|f| grid(f, 2, 7.0)).map(drop))?;
    assert!(held.starts_with("\x1b[?2026h") && held.ends_with("\x1b[?2026l"));
    assert_eq!(held.matches("2026").count(), 2);
    Ok(())
}

#[test]
fn what_was_turned_on_is_turned_off_once() -> io::Result<()> {
    let mut screen = screen()?;
    screen.set_keyboard(true)?;
    screen.draw(|frame| frame.set_cursor_position((3, 3)))?;
    let left = written(&mut screen, |screen| screen.leave(b"\x1b_Ga=d\x1b\\"))?;
    assert!(left.starts_with("\x1b_Ga=d\x1b\\"));
    let all = String::from_utf8_lossy(&screen.out).into_owned();
    for mode in ["1049", "2004", "1004", "1000;1002;1006"] {
        assert_eq!(all.matches(&format!("\x1b[?{mode}h")).count(), 1, "{mode}");
    }
    for mode in ["1049", "2004", "1004", "1006;1002;1000"] {
        assert_eq!(left.matches(&format!("\x1b[?{mode}l")).count(), 1, "{mode}");
    }
    assert!(left.contains("\x1b[?25h") && left.contains("\x1b[<u"));
    assert_eq!(written(&mut screen, |screen| screen.leave(b""))?, "");
    Ok(())
}

#[test]
fn a_dropped_screen_gives_the_terminal_back() -> io::Result<()> {
    let mut bytes = Vec::new();
    {
        let mut screen = Screen::new(&mut bytes, SIZE, ColourDepth::True)?;
        screen.enter(b"")?;
    }
    assert!(bytes.ends_with(LEAVE.as_bytes()));
    Ok(())
}

#[test]
fn without_colours_only_attributes_are_written() -> io::Result<()> {
    let mut screen = Screen::new(Vec::new(), SIZE, ColourDepth::None)?;
    let text = written(&mut screen, |screen| {
        screen
            .draw(|frame| {
                let style = Style::new().fg(Color::Red).bg(Color::Rgb(1, 2, 3)).bold();
                frame.render_widget(Paragraph::new("x").style(style), frame.area());
            })
            .map(drop)
    })?;
    assert!(text.contains("\x1b[1mx"), "{text:?}");
    Ok(())
}

#[test]
fn every_size_of_screen_can_be_drawn() -> io::Result<()> {
    let mut screen = screen()?;
    for (width, height) in [(80, 24), (200, 50), (20, 5), (2, 2), (1, 1), (0, 0), (120, 40)] {
        screen.resize(Size { width, height })?;
        screen.draw(|frame| {
            assert_eq!(frame.area().as_size(), Size { width, height });
            grid(frame, 3, 7.0);
        })?;
    }
    Ok(())
}

#[test]
fn a_size_that_comes_back_before_the_next_frame_is_drawn_whole() -> io::Result<()> {
    let mut screen = screen()?;
    let whole = screen.draw(|frame| grid(frame, 3, 7.0))?;
    screen.resize(Size { width: 2, height: 2 })?;
    screen.resize(SIZE)?;
    assert!(screen.draw(|frame| grid(frame, 3, 7.0))? >= whole);
    Ok(())
}

#[test]
fn cells_reach_a_terminal_as_they_were_drawn() -> io::Result<()> {
    use proptest::prelude::*;
    let style = (0u8..5, 0u8..5, 0u16..512).prop_map(|(fg, bg, modifier)| {
        let colour = |n| match n {
            0 => Color::Reset,
            1 => Color::Red,
            2 => Color::LightBlue,
            3 => Color::Indexed(123),
            _ => Color::Rgb(1, 22, 133),
        };
        Style::new()
            .fg(colour(fg))
            .bg(colour(bg))
            .add_modifier(Modifier::from_bits_truncate(modifier & 0b1100_1101))
    });
    let spot = (0u16..20, 0u16..4, "[a-zé│]", style);
    let frames = proptest::collection::vec(proptest::collection::vec(spot, 0..20), 1..5);
    let size = Size { width: 20, height: 4 };
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&frames, |frames| {
            let mut many = Screen::new(Vec::new(), size, ColourDepth::True)?;
            let mut fresh = Screen::new(Vec::new(), size, ColourDepth::True)?;
            for (number, spots) in frames.iter().enumerate() {
                let paint = |frame: &mut Frame<'_>| {
                    for (x, y, text, style) in spots {
                        frame.buffer_mut().set_stringn(*x, *y, text, 1, *style);
                    }
                };
                many.draw(paint)?;
                if number + 1 == frames.len() {
                    fresh.draw(paint)?;
                }
            }
            prop_assert_eq!(shown(&many.out, size), shown(&fresh.out, size));
            Ok(())
        })
        .map_err(io::Error::other)
}

/// What a terminal shows after these bytes: characters and the numbers of their style.
fn shown(bytes: &[u8], size: Size) -> Vec<Vec<(char, String)>> {
    let mut cells = vec![vec![(' ', String::new()); size.width.into()]; size.height.into()];
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut rest = text.chars().peekable();
    let (mut x, mut y) = (0usize, 0usize);
    let mut attributes = std::collections::BTreeMap::new();
    while let Some(character) = rest.next() {
        if character != '\x1b' {
            if let Some(cell) = cells.get_mut(y).and_then(|row| row.get_mut(x)) {
                let style: Vec<String> =
                    attributes.iter().map(|(key, value)| format!("{key}{value}")).collect();
                *cell = (character, style.join(","));
            }
            x += 1;
            continue;
        }
        assert_eq!(rest.next(), Some('['));
        let mut parameters = String::new();
        let last = loop {
            match rest.next() {
                Some(c @ ('0'..='9' | ';' | '?')) => parameters.push(c),
                other => break other,
            }
        };
        let numbers: Vec<usize> =
            parameters.split(';').map(|number| number.parse().unwrap_or(0)).collect();
        match last {
            Some('H') => {
                (y, x) = match numbers.as_slice() {
                    [row, column] => (row - 1, column - 1),
                    _ => (0, 0),
                }
            }
            Some('C') => x += numbers[0].max(1),
            Some('m') => style_of(&mut attributes, &numbers),
            _ => {}
        }
    }
    cells
}

/// Takes SGR numbers as a terminal does.
fn style_of(attributes: &mut std::collections::BTreeMap<u8, String>, numbers: &[usize]) {
    let mut numbers = numbers.iter().copied();
    while let Some(number) = numbers.next() {
        match number {
            0 => attributes.clear(),
            1..=9 => drop(attributes.insert(number as u8, String::new())),
            22 => attributes.retain(|key, _| !matches!(key, 1 | 2)),
            25 => attributes.retain(|key, _| !matches!(key, 5 | 6)),
            23..=29 => drop(attributes.remove(&(number as u8 - 20))),
            39 | 49 => drop(attributes.remove(&(number as u8 - 9))),
            38 | 48 => {
                let count = if numbers.next() == Some(5) { 1 } else { 3 };
                let colour: Vec<String> =
                    numbers.by_ref().take(count).map(|n| n.to_string()).collect();
                attributes.insert(number as u8 - 8, colour.join("/"));
            }
            30..=37 | 90..=97 => drop(attributes.insert(30, format!("#{number}"))),
            40..=47 | 100..=107 => drop(attributes.insert(40, format!("#{number}"))),
            _ => {}
        }
    }
}
