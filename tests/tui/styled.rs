//! A drawn screen as text with its styles: the characters first, then a letter a cell for its
//! style, then what the letters mean. What a person reads in a difference is the screen itself.

use ratatui::buffer::{Buffer, Cell, CellWidth as _};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;

/// The screen, its styles and their legend.
pub(crate) fn styled(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut legend = Legend::default();
    let mut symbols = String::new();
    let mut letters = String::new();
    for y in area.top()..area.bottom() {
        let mut covered = 0;
        let (mut symbol_row, mut letter_row) = (String::new(), String::new());
        for x in area.left()..area.right() {
            let cell = &buffer[(x, y)];
            // A wide character covers the cells after it.
            if covered > 0 {
                covered -= 1;
                letter_row.extend(letter_row.chars().last());
                continue;
            }
            letter_row.push(legend.letter(&style(cell)));
            symbol_row.push_str(cell.symbol());
            covered = cell.cell_width().saturating_sub(1);
        }
        symbols.push_str(symbol_row.trim_end());
        symbols.push('\n');
        letters.push_str(letter_row.trim_end_matches('.'));
        letters.push('\n');
    }
    let mut text = format!("{symbols}\nstyles\n{letters}\n");
    for (index, style) in legend.styles.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {style}", letter(index));
    }
    text
}

/// The styles in the order of their first cell.
#[derive(Default)]
struct Legend {
    styles: Vec<String>,
}

impl Legend {
    /// `.` for no style at all.
    fn letter(&mut self, style: &str) -> char {
        if style.is_empty() {
            return '.';
        }
        let known = self.styles.iter().position(|known| known == style);
        letter(known.unwrap_or_else(|| {
            self.styles.push(style.to_owned());
            self.styles.len() - 1
        }))
    }
}

fn letter(index: usize) -> char {
    ('a'..='z').chain('A'..='Z').chain('0'..='9').nth(index).unwrap_or('?')
}

/// A style in words; empty where nothing is set.
fn style(cell: &Cell) -> String {
    let mut parts = Vec::new();
    let colours = [("fg", cell.fg), ("bg", cell.bg), ("underline", cell.underline_color)];
    for (name, value) in colours.into_iter().filter(|(_, value)| *value != Color::Reset) {
        parts.push(format!("{name} {}", colour(value)));
    }
    let modifiers = [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::ITALIC, "italic"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
        (Modifier::CROSSED_OUT, "crossed out"),
    ];
    parts.extend(
        modifiers
            .into_iter()
            .filter(|(modifier, _)| cell.modifier.contains(*modifier))
            .map(|(_, name)| name.to_owned()),
    );
    parts.join(" ")
}

fn colour(colour: Color) -> String {
    match colour {
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        Color::Indexed(index) => index.to_string(),
        named => named.to_string().to_lowercase(),
    }
}

#[test]
fn styles_are_shown_below_the_characters_they_belong_to() {
    use ratatui::layout::Rect;
    use ratatui::style::Style;
    let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
    buffer.set_string(0, 0, "ab σ", Style::new().fg(Color::Rgb(1, 2, 255)));
    buffer.set_string(1, 1, "漢", Style::new().bg(Color::Indexed(24)).add_modifier(Modifier::BOLD));
    assert_eq!(styled(&buffer), "ab σ\n 漢\n\nstyles\naaaa\n.bb\n\na fg #0102ff\nb bg 24 bold\n");
}
