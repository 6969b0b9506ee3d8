//! Colours by role, for as many as the terminal has, on dark and on light backgrounds. Without
//! colours, roles are told apart by bold, dim, reverse and underline.

use ratatui::style::{Color, Modifier, Style};
use sigmalab_terminal::capabilities::Background;
use sigmalab_terminal::colours::ColourDepth;

/// The style of every role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    pub text: Style,
    /// Text that matters less: borders, units, values without effect.
    pub dim: Style,
    pub title: Style,
    /// Keys in hints.
    pub key: Style,
    /// The cell under the cursor.
    pub cursor: Style,
    pub selection: Style,
    /// Values that differ from the saved preset.
    pub changed: Style,
    /// What is broken.
    pub fault: Style,
    pub good: Style,
    /// The curve of σ.
    pub sigma: Color,
    /// The curve of gw.
    pub gw: Color,
    /// The overlaid preset's curves.
    pub other: Color,
    /// Colours there are, for those that no role has.
    pub colours: ColourDepth,
}

/// The colours of one palette.
struct Inks {
    dim: Color,
    title: Color,
    key: Color,
    selection: Color,
    on_selection: Color,
    changed: Color,
    fault: Color,
    good: Color,
    gw: Color,
}

impl Theme {
    /// The theme for a terminal.
    pub fn new(colours: ColourDepth, background: Background) -> Self {
        let light = background == Background::Light;
        let inks = match (colours, light) {
            (ColourDepth::None, _) => return Theme::plain(),
            (ColourDepth::Sixteen, false) => Inks {
                dim: Color::DarkGray,
                title: Color::Cyan,
                key: Color::Yellow,
                selection: Color::Blue,
                on_selection: Color::White,
                changed: Color::Yellow,
                fault: Color::LightRed,
                good: Color::Green,
                gw: Color::Magenta,
            },
            (ColourDepth::Sixteen, true) => Inks {
                dim: Color::DarkGray,
                title: Color::Blue,
                key: Color::Magenta,
                selection: Color::Cyan,
                on_selection: Color::Black,
                changed: Color::Magenta,
                fault: Color::Red,
                good: Color::Green,
                gw: Color::Magenta,
            },
            (ColourDepth::Indexed, false) => Inks {
                dim: Color::Indexed(244),
                title: Color::Indexed(110),
                key: Color::Indexed(180),
                selection: Color::Indexed(24),
                on_selection: Color::Indexed(255),
                changed: Color::Indexed(221),
                fault: Color::Indexed(203),
                good: Color::Indexed(114),
                gw: Color::Indexed(176),
            },
            (ColourDepth::Indexed, true) => Inks {
                dim: Color::Indexed(243),
                title: Color::Indexed(25),
                key: Color::Indexed(130),
                selection: Color::Indexed(153),
                on_selection: Color::Indexed(16),
                changed: Color::Indexed(130),
                fault: Color::Indexed(160),
                good: Color::Indexed(28),
                gw: Color::Indexed(90),
            },
            (ColourDepth::True, false) => Inks {
                dim: Color::Rgb(0x80, 0x86, 0x90),
                title: Color::Rgb(0x7f, 0xb2, 0xd9),
                key: Color::Rgb(0xd7, 0xb2, 0x84),
                selection: Color::Rgb(0x1d, 0x4b, 0x70),
                on_selection: Color::Rgb(0xf2, 0xf4, 0xf6),
                changed: Color::Rgb(0xf0, 0xd0, 0x60),
                fault: Color::Rgb(0xff, 0x6b, 0x62),
                good: Color::Rgb(0x86, 0xcf, 0x8a),
                gw: Color::Rgb(0xd0, 0x92, 0xd8),
            },
            (ColourDepth::True, true) => Inks {
                dim: Color::Rgb(0x70, 0x74, 0x7c),
                title: Color::Rgb(0x12, 0x57, 0x94),
                key: Color::Rgb(0x95, 0x58, 0x10),
                selection: Color::Rgb(0xb8, 0xd8, 0xf2),
                on_selection: Color::Rgb(0x10, 0x14, 0x18),
                changed: Color::Rgb(0x95, 0x58, 0x10),
                fault: Color::Rgb(0xc4, 0x20, 0x18),
                good: Color::Rgb(0x1d, 0x7a, 0x2c),
                gw: Color::Rgb(0x86, 0x2a, 0x92),
            },
        };
        let text = Style::new();
        Theme {
            text,
            dim: text.fg(inks.dim),
            title: text.fg(inks.title).add_modifier(Modifier::BOLD),
            key: text.fg(inks.key),
            cursor: text.add_modifier(Modifier::REVERSED | Modifier::BOLD),
            selection: text.fg(inks.on_selection).bg(inks.selection),
            changed: text.fg(inks.changed),
            fault: text.fg(inks.fault),
            good: text.fg(inks.good),
            sigma: inks.title,
            gw: inks.gw,
            other: inks.dim,
            colours,
        }
    }

    /// No colours at all.
    fn plain() -> Self {
        let text = Style::new();
        Theme {
            text,
            dim: text.add_modifier(Modifier::DIM),
            title: text.add_modifier(Modifier::BOLD),
            key: text.add_modifier(Modifier::BOLD),
            cursor: text.add_modifier(Modifier::REVERSED | Modifier::BOLD),
            selection: text.add_modifier(Modifier::REVERSED),
            changed: text.add_modifier(Modifier::UNDERLINED),
            fault: text.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            good: text.add_modifier(Modifier::BOLD),
            sigma: Color::Reset,
            gw: Color::Reset,
            other: Color::Reset,
            colours: ColourDepth::None,
        }
    }
}
