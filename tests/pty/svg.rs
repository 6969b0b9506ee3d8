//! A screen as an SVG for the documentation. Lines, blocks and dots are drawn as shapes, so that
//! they meet whatever the font is; a picture is embedded where its cells are.

use crate::pixels::Cells;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use sigmalab_terminal::colours::rgb_of_index;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use termlens::{Color, Screen, Style};

const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 17.0;
const MARGIN: f64 = 10.0;
const BACKGROUND: [u8; 3] = [0x15, 0x18, 0x1e];
const TEXT: [u8; 3] = [0xd5, 0xda, 0xe1];

/// A picture in its cells.
pub(crate) struct Shown {
    pub(crate) image: RgbImage,
    pub(crate) cells: Cells,
}

impl Shown {
    /// As a JPEG, which is a fifth of a PNG here.
    fn jpeg(&self) -> Vec<u8> {
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, 85).encode_image(&self.image).unwrap();
        file
    }
}

/// The screen, with `title` for who cannot see it.
pub(crate) fn svg(screen: &Screen, pictures: &[Shown], title: &str) -> String {
    let (columns, rows) = screen.size();
    let (width, height) = (x(columns) + MARGIN, y(rows) + MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" font-size=\"14\" \
         font-family=\"'JetBrains Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         xml:space=\"preserve\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" \
         rx=\"6\" fill=\"{}\"/>\n",
        escaped(title),
        hex(BACKGROUND)
    );
    let mut shapes = Shapes::default();
    let mut texts = String::new();
    for row in 0..rows {
        for run in runs(screen, row) {
            let (ink, paper) = inks(&run.style);
            let (left, top) = (x(run.column), y(row));
            if paper != BACKGROUND {
                let span = f64::from(run.columns) * WIDTH;
                // Writing to a string does not fail.
                let _ = writeln!(
                    out,
                    "<rect x=\"{left:.1}\" y=\"{top}\" width=\"{span:.1}\" height=\"{HEIGHT}\" \
                     fill=\"{}\"/>",
                    hex(paper)
                );
            }
            let plain: String = run
                .text
                .iter()
                .enumerate()
                .map(|(at, &symbol)| {
                    let left = left + at as f64 * WIDTH;
                    if shapes.draw(symbol, left, top, ink) { ' ' } else { symbol }
                })
                .collect();
            text(&plain, run.column, row, &run.style, ink, &mut texts);
        }
    }
    out.push_str(&shapes.paths());
    out.push_str(&texts);
    for shown in pictures {
        let Cells { column, row, columns, rows } = shown.cells;
        let _ = writeln!(
            out,
            "<image x=\"{:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" \
             preserveAspectRatio=\"none\" href=\"data:image/jpeg;base64,{}\"/>",
            x(column),
            y(row),
            f64::from(columns) * WIDTH,
            f64::from(rows) * HEIGHT,
            STANDARD.encode(shown.jpeg())
        );
    }
    out.push_str("</svg>\n");
    out
}

fn x(column: u16) -> f64 {
    MARGIN + f64::from(column) * WIDTH
}

fn y(row: u16) -> f64 {
    MARGIN + f64::from(row) * HEIGHT
}

/// Neighbouring cells of one style.
struct Run {
    column: u16,
    columns: u16,
    style: Style,
    text: Vec<char>,
}

fn runs(screen: &Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..screen.cols() {
        let Some(cell) = screen.cell(row, column) else { continue };
        // The cell of a picture is drawn by the picture.
        let symbol = match cell.contents().chars().next() {
            Some(symbol) if symbol != '\u{10eeee}' => symbol,
            _ => ' ',
        };
        match runs.last_mut() {
            Some(run) if run.style == *cell.style() => {
                run.columns += 1;
                run.text.push(symbol);
            }
            _ => runs.push(Run { column, columns: 1, style: *cell.style(), text: vec![symbol] }),
        }
    }
    runs
}

/// The words of a run, each at its own column.
fn text(plain: &str, column: u16, row: u16, style: &Style, ink: [u8; 3], out: &mut String) {
    let characters: Vec<char> = plain.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        if characters[at] == ' ' {
            at += 1;
            continue;
        }
        // One space within a text is part of it, two end it.
        let end = (at..characters.len())
            .find(|&end| characters[end..].iter().take(2).all(|&c| c == ' '))
            .unwrap_or(characters.len());
        let word: String = characters[at..end].iter().collect();
        let attributes = [
            (style.bold, " font-weight=\"bold\""),
            (style.italic, " font-style=\"italic\""),
            (style.dim, " opacity=\"0.6\""),
            (style.underline, " text-decoration=\"underline\""),
        ];
        let attributes: String =
            attributes.iter().filter(|(is, _)| *is).map(|(_, text)| *text).collect();
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{}\" textLength=\"{:.1}\" fill=\"{}\"{attributes}>{}</text>",
            x(column) + at as f64 * WIDTH,
            y(row) + 13.0,
            (end - at) as f64 * WIDTH,
            hex(ink),
            escaped(&word)
        );
        at = end;
    }
}

/// Lines and filled rectangles by colour.
#[derive(Default)]
struct Shapes {
    lines: BTreeMap<[u8; 3], String>,
    fills: BTreeMap<[u8; 3], String>,
}

impl Shapes {
    /// Draws a character as a shape; whether it is one.
    fn draw(&mut self, symbol: char, left: f64, top: f64, ink: [u8; 3]) -> bool {
        let (middle, centre) = (left + WIDTH / 2.0, top + HEIGHT / 2.0);
        let (right, bottom) = (left + WIDTH, top + HEIGHT);
        let arms: &[(f64, f64)] = match symbol {
            '─' | '━' => &[(left, centre), (right, centre)],
            '│' => &[(middle, top), (middle, bottom)],
            '┌' | '╭' => &[(right, centre), (middle, bottom)],
            '┐' | '╮' => &[(left, centre), (middle, bottom)],
            '└' | '╰' => &[(right, centre), (middle, top)],
            '┘' | '╯' => &[(left, centre), (middle, top)],
            _ => &[],
        };
        for (to_x, to_y) in arms {
            let lines = self.lines.entry(ink).or_default();
            let _ = write!(lines, "M{middle:.1} {centre:.1}L{to_x:.1} {to_y:.1}");
        }
        let mut fill = |left: f64, top: f64, width: f64, height: f64| {
            let fills = self.fills.entry(ink).or_default();
            let _ = write!(fills, "M{left:.1} {top:.1}h{width:.1}v{height:.1}h-{width:.1}z");
        };
        match symbol {
            '▁'..='█' => {
                let height = HEIGHT * f64::from(symbol as u32 - '▁' as u32 + 1) / 8.0;
                fill(left, bottom - height, WIDTH, height);
            }
            '▀' => fill(left, top, WIDTH, HEIGHT / 2.0),
            '\u{2800}'..='\u{28ff}' => {
                // Dots 1 to 3 and 4 to 6 downwards, then 7 and 8 below them.
                const PLACES: [(f64, f64); 8] = [
                    (0.0, 0.0),
                    (0.0, 1.0),
                    (0.0, 2.0),
                    (1.0, 0.0),
                    (1.0, 1.0),
                    (1.0, 2.0),
                    (0.0, 3.0),
                    (1.0, 3.0),
                ];
                let dots = symbol as u32 - 0x2800;
                for (number, (across, down)) in PLACES.into_iter().enumerate() {
                    if dots >> number & 1 == 1 {
                        let dot_x = left + (0.25 + 0.5 * across) * WIDTH - 0.8;
                        let dot_y = top + (0.125 + 0.25 * down) * HEIGHT - 0.8;
                        fill(dot_x, dot_y, 1.6, 1.6);
                    }
                }
            }
            _ => return !arms.is_empty(),
        }
        true
    }

    fn paths(&self) -> String {
        let lines = self.lines.iter().map(|(ink, path)| {
            format!("<path d=\"{path}\" stroke=\"{}\" fill=\"none\"/>\n", hex(*ink))
        });
        let fills = self
            .fills
            .iter()
            .map(|(ink, path)| format!("<path d=\"{path}\" fill=\"{}\"/>\n", hex(*ink)));
        lines.chain(fills).collect()
    }
}

/// Colours of text and background.
fn inks(style: &Style) -> ([u8; 3], [u8; 3]) {
    let ink = rgb(style.fg, TEXT);
    let paper = rgb(style.bg, BACKGROUND);
    if style.reverse { (paper, ink) } else { (ink, paper) }
}

fn rgb(colour: Color, default: [u8; 3]) -> [u8; 3] {
    match colour {
        Color::Indexed(index) => rgb_of_index(index),
        Color::Rgb(red, green, blue) => [red, green, blue],
        _ => default,
    }
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
