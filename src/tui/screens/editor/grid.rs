//! The schedule grid: where the cursor and the selection are, which rows are in view, and how it
//! is drawn. It knows a draft's rows, not how they are changed.

use crate::tui::cell::{Cell, GridColumn, Row};
use crate::tui::document::Document;
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use sigmalab_schedule::edit::{Block, Column};
use sigmalab_schedule::sigmas::StepFault;

/// Cursor, selection and the rows in view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub cursor: Cell,
    /// The corner opposite to the cursor, where something is selected.
    pub anchor: Option<Cell>,
    /// Step in the first row in view.
    first: usize,
    /// Whether the rows in view were scrolled away from the cursor.
    scrolled: bool,
}

impl Default for Grid {
    fn default() -> Self {
        let cursor = Cell { step: 0, column: GridColumn::Gw };
        Grid { cursor, anchor: None, first: 0, scrolled: false }
    }
}

impl Grid {
    /// Moves the cursor; a selection that is not extended is dropped.
    pub fn step(&mut self, steps: isize, columns: isize, extend: bool) {
        self.hold(extend);
        self.cursor.step = self.cursor.step.saturating_add_signed(steps);
        self.cursor.column = self.cursor.column.moved(columns);
    }

    /// Puts the cursor on a step.
    pub fn go_to(&mut self, step: usize) {
        self.anchor = None;
        self.cursor.step = step;
    }

    fn hold(&mut self, extend: bool) {
        if !extend {
            self.anchor = None;
        } else if self.anchor.is_none() {
            self.anchor = Some(self.cursor);
        }
    }

    /// Selects from one corner to the other, where the cursor goes.
    pub fn select(&mut self, anchor: Cell, cursor: Cell) {
        self.anchor = Some(anchor);
        self.cursor = cursor;
    }

    pub fn select_block(&mut self, block: Block) {
        let anchor = Cell { step: block.first_step, column: block.first_column.into() };
        let cursor = Cell { step: block.last_step, column: block.last_column.into() };
        self.cursor = cursor;
        self.anchor = (anchor != cursor).then_some(anchor);
    }

    /// First and last selected step.
    pub fn steps(&self) -> (usize, usize) {
        let other = self.anchor.map_or(self.cursor.step, |anchor| anchor.step);
        (self.cursor.step.min(other), self.cursor.step.max(other))
    }

    fn columns(&self) -> (GridColumn, GridColumn) {
        let other = self.anchor.map_or(self.cursor.column, |anchor| anchor.column);
        (self.cursor.column.min(other), self.cursor.column.max(other))
    }

    /// The selected cells that can be edited: the cursor's where nothing is selected. `None` in
    /// column σ, which is computed.
    pub fn block(&self) -> Option<Block> {
        let (first_step, last_step) = self.steps();
        let (first, last) = self.columns();
        let first_column = first.column()?;
        let last_column = last.column().unwrap_or(Column::Std);
        Some(Block { first_step, last_step, first_column, last_column })
    }

    /// Whether more than the cursor's cell is selected.
    pub fn is_range(&self) -> bool {
        self.anchor.is_some_and(|anchor| anchor != self.cursor)
    }

    fn contains(&self, cell: Cell) -> bool {
        let ((top, bottom), (left, right)) = (self.steps(), self.columns());
        self.anchor.is_some()
            && (top..=bottom).contains(&cell.step)
            && (left..=right).contains(&cell.column)
    }

    /// Shows other rows, `height` of `steps`, and leaves the cursor where it is.
    pub fn scroll(&mut self, by: isize, steps: usize, height: usize) {
        self.first = self.first.saturating_add_signed(by).min(steps.saturating_sub(height.max(1)));
        self.scrolled = true;
    }

    /// The first and the last step in view of `area`, where not every one is.
    pub fn in_view(&self, steps: usize, area: Rect) -> Option<(usize, usize)> {
        let last = steps_in(self, steps, area).last().map(|(step, _)| step)?;
        (self.first > 0 || last + 1 < steps).then_some((self.first, last))
    }

    /// Brings the cursor back into view.
    pub fn follow(&mut self) {
        self.scrolled = false;
    }

    /// Keeps cursor and selection inside `steps` rows, of which `height` are in view, and the
    /// cursor among those unless they were scrolled.
    pub fn fit(&mut self, steps: usize, height: usize) {
        let last = steps.saturating_sub(1);
        self.cursor.step = self.cursor.step.min(last);
        if let Some(anchor) = &mut self.anchor {
            anchor.step = anchor.step.min(last);
        }
        let height = height.max(1);
        if !self.scrolled {
            let lowest = (self.cursor.step + 1).saturating_sub(height);
            self.first = self.first.clamp(lowest, self.cursor.step.max(lowest));
        }
        self.first = self.first.min(steps.saturating_sub(height));
    }
}

/// What a column of the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Step,
    Loop,
    Cell(GridColumn),
    SigmaNext,
    Delta,
    LogSnr,
}

const WIDE: [(Shown, &str, u16); 9] = [
    (Shown::Step, "step", 5),
    (Shown::Loop, "loop", 5),
    (Shown::Cell(GridColumn::Gw), "gw", 8),
    (Shown::Cell(GridColumn::Mu), "mu", 8),
    (Shown::Cell(GridColumn::Std), "std", 7),
    (Shown::Cell(GridColumn::Sigma), "σ", 10),
    (Shown::SigmaNext, "σ next", 10),
    (Shown::Delta, "Δσ", 10),
    (Shown::LogSnr, "logSNR", 8),
];

const NARROW: [(Shown, &str, u16); 7] = [
    (Shown::Step, "step", 5),
    (Shown::Cell(GridColumn::Gw), "gw", 7),
    (Shown::Cell(GridColumn::Mu), "mu", 7),
    (Shown::Cell(GridColumn::Std), "std", 6),
    (Shown::Cell(GridColumn::Sigma), "σ", 7),
    (Shown::Delta, "Δσ", 8),
    (Shown::LogSnr, "lSNR", 6),
];

/// Columns that the full grid needs, without its border.
pub const FULL_WIDTH: u16 = 72;

/// Columns that the narrow grid needs, without its border.
pub const NARROW_WIDTH: u16 = 47;

/// The columns of the screen that fit into `area`, each with where it begins and how wide it is.
fn columns_in(area: Rect) -> impl Iterator<Item = (Shown, &'static str, u16, u16)> {
    let columns: &[_] = if area.width >= FULL_WIDTH { &WIDE } else { &NARROW };
    columns.iter().scan(area.x, |x, &(shown, header, width)| {
        let start = *x;
        *x += width;
        Some((shown, header, start, width))
    })
}

/// The steps in view with their lines of the screen.
fn steps_in(grid: &Grid, steps: usize, area: Rect) -> impl Iterator<Item = (usize, u16)> {
    (grid.first..steps).zip(area.y + 1..area.bottom())
}

/// What is somewhere in the grid's area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Header(GridColumn),
    Step(usize),
    /// A cell. Computed columns belong to the cell of their step in the cursor's column.
    Cell(Cell),
}

/// What is at a column and a line of the screen, as [`draw`] draws the grid of that many steps
/// into `area`.
pub fn place(grid: &Grid, steps: usize, area: Rect, (x, y): (u16, u16)) -> Option<Place> {
    let (shown, ..) =
        columns_in(area).find(|&(_, _, start, width)| (start..start + width).contains(&x))?;
    if y == area.y {
        return match shown {
            Shown::Cell(column) => Some(Place::Header(column)),
            _ => None,
        };
    }
    let (step, _) = steps_in(grid, steps, area).find(|(_, line)| *line == y)?;
    Some(match shown {
        Shown::Step | Shown::Loop => Place::Step(step),
        Shown::Cell(column) => Place::Cell(Cell { step, column }),
        _ => Place::Cell(Cell { step, column: grid.cursor.column }),
    })
}

/// The cell nearest to a place that the mouse was dragged to; above and below the rows in view,
/// the next one out of view.
pub fn reach(grid: &Grid, steps: usize, area: Rect, (x, y): (u16, u16)) -> Cell {
    let cells = columns_in(area).filter_map(|(shown, _, start, width)| match shown {
        Shown::Cell(column) => Some((column, start, start + width)),
        _ => None,
    });
    let distance = |start: u16, end: u16| {
        if x < start { start - x } else { (x + 1).saturating_sub(end) }
    };
    let column = cells
        .min_by_key(|&(_, start, end)| distance(start, end))
        .map_or(grid.cursor.column, |(column, ..)| column);
    let step = if y <= area.y {
        grid.first.saturating_sub(1)
    } else {
        grid.first + usize::from(y.min(area.bottom()) - area.y - 1)
    };
    Cell { step: step.min(steps.saturating_sub(1)), column }
}

/// Draws header and rows into `area`, which has no border.
pub fn draw(grid: &Grid, document: &Document, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let digits = if area.width >= FULL_WIDTH { 6 } else { 4 };
    for (_, header, x, width) in columns_in(area) {
        put(buffer, area, x, area.y, width, header, theme.title);
    }
    let faults = document.faults();
    for (step, y) in steps_in(grid, document.len(), area) {
        let broken = faults.iter().any(|fault| fault.step() == step);
        let row = document.row(step);
        let mut end = area.x;
        for (shown, _, x, width) in columns_in(area) {
            let text = row.map(|row| row.text(shown, digits, width)).unwrap_or_default();
            let style = cell_style(grid, document, theme, step, shown, broken);
            put(buffer, area, x, y, width, &text, style);
            end = x + width;
        }
        if broken {
            put(buffer, area, end, y, 2, "✗", theme.fault);
        } else if step == grid.cursor.step {
            put(buffer, area, end, y, 2, "◂", theme.dim);
        }
    }
}

fn cell_style(
    grid: &Grid,
    document: &Document,
    theme: &Theme,
    step: usize,
    shown: Shown,
    broken: bool,
) -> Style {
    let Shown::Cell(column) = shown else {
        let style = if shown == Shown::Step { theme.title } else { theme.dim };
        return if broken { theme.fault } else { style };
    };
    let cell = Cell { step, column };
    // mu and std of step 0 do nothing: it starts at the clamp.
    let idle = step == 0 && column != GridColumn::Gw;
    let mut style = if broken {
        theme.fault
    } else if document.is_changed(cell) {
        theme.changed
    } else if idle {
        theme.dim
    } else {
        theme.text
    };
    if cell == grid.cursor {
        style = style.patch(theme.cursor);
    } else if grid.contains(cell) {
        style = style.patch(theme.selection);
    }
    if idle { style.add_modifier(Modifier::DIM) } else { style }
}

/// Puts `text` to the right end of a column, cut where the area ends.
fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, width: u16, text: &str, style: Style) {
    let length = text.chars().count() as u16;
    let start = x + width.saturating_sub(length);
    if start < area.right() && y < area.bottom() {
        buffer.set_stringn(start, y, text, usize::from(area.right() - start), style);
    }
}

impl Row {
    /// What a column of that many characters shows, with a blank before it.
    fn text(&self, shown: Shown, digits: usize, width: u16) -> String {
        let room = usize::from(width).saturating_sub(1);
        let number = |value: f64, least: usize| fitting(value, least, room);
        match shown {
            Shown::Step => self.step.to_string(),
            Shown::Loop => self.loop_index.to_string(),
            Shown::Cell(GridColumn::Gw) => number(self.gw, 2),
            Shown::Cell(GridColumn::Mu) => number(self.mu, 3),
            Shown::Cell(GridColumn::Std) => number(self.std, 3),
            Shown::Cell(GridColumn::Sigma) => format!("{:.digits$}", self.sigma),
            Shown::SigmaNext => format!("{:.digits$}", self.sigma_next),
            Shown::Delta => format!("{:+.digits$}", self.sigma_next - self.sigma),
            Shown::LogSnr => {
                let digits = if digits == 6 { 2 } else { 1 };
                format!("{:+.digits$}", self.log_snr)
            }
        }
    }
}

/// A value with at least `least` decimals, and one more where it has more.
pub fn number(value: f64, least: usize) -> String {
    let short = format!("{value:.least$}");
    match short.parse::<f64>() {
        Ok(rounded) if (rounded - value).abs() < 1e-9 => short,
        _ => format!("{value:.0$}", least + 1),
    }
}

/// A value in that much room: with fewer digits where it has too many, and as `!` where nothing
/// short would be true to it.
fn fitting(value: f64, least: usize, room: usize) -> String {
    let texts = [number(value, least), format!("{value:.0}"), format!("{value:.0e}")];
    let is_near = |text: &String| {
        let shown = text.parse::<f64>().unwrap_or(f64::NAN);
        (shown - value).abs() <= value.abs() * 0.01
    };
    let exact = texts.first().filter(|text| text.len() <= room);
    let short = || texts.iter().skip(1).find(|text| text.len() <= room && is_near(text));
    exact.or_else(short).cloned().unwrap_or_else(|| "!".repeat(room.min(3)))
}

/// Why the cursor's step is broken, else the first broken step.
pub fn reason(grid: &Grid, faults: &[StepFault]) -> Option<String> {
    let here = faults.iter().find(|fault| fault.step() == grid.cursor.step);
    here.or(faults.first()).map(ToString::to_string)
}

#[cfg(test)]
mod tests;
