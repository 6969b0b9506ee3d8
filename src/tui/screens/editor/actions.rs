//! Actions that change the schedule: from the selection to a command of the schedule room.

use crate::tui::app::{App, Done, Effect};
use crate::tui::cell::{Cell, GridColumn};
use crate::tui::screens::editor::grid::number;
use sigmalab_schedule::edit::Expression;
use sigmalab_schedule::edit::{Block, Cells, Column, EditError, Transaction, commands};
use sigmalab_schedule::sigmas::Sigma;

/// A fine nudge of a column; a coarse one is ten times it.
fn fine(column: GridColumn) -> f64 {
    match column {
        GridColumn::Gw => 0.1,
        GridColumn::Mu | GridColumn::Std => 0.01,
        GridColumn::Sigma => 0.001,
    }
}

impl App {
    /// Applies a transaction as one step of undo.
    fn change(
        &mut self,
        transaction: Result<Transaction, EditError>,
        label: &str,
    ) -> Result<bool, String> {
        let transaction = transaction.map_err(|error| error.to_string())?;
        let block = self.grid.block();
        self.document.change(transaction, label, block).map_err(|error| error.to_string())
    }

    /// The selected cells, or why there is none to edit.
    fn cells(&self) -> Result<Block, String> {
        self.grid.block().ok_or_else(|| {
            "σ is computed: type a value to solve mu for it, or go to gw, mu or std".to_owned()
        })
    }

    /// Sets the selection to a value; in column σ, solves mu.
    pub(in crate::tui) fn set(&mut self, text: &str) -> Done {
        let value = parse_number(text)?;
        let cursor = self.grid.cursor;
        if self.grid.block().is_none() {
            return self.solve(value);
        }
        let block = self.cells()?;
        let label = format!("set {} to {value}", place(block));
        self.change(commands::fill(self.document.draft(), block, value), &label)?;
        if cursor.step == 0 && self.is_idle(block) {
            return Ok(Some("mu and std of step 0 do nothing: it starts at the clamp".to_owned()));
        }
        Ok(None)
    }

    /// Whether a block lies in the cells of step 0 that do nothing.
    fn is_idle(&self, block: Block) -> bool {
        block.last_step == 0 && block.first_column != Column::Gw
    }

    /// Solves mu of every selected step for a σ.
    fn solve(&mut self, sigma: f64) -> Done {
        let (first, last) = self.grid.steps();
        if first != last {
            return Err("every step has its own σ: select one step".to_owned());
        }
        let (draft, size) = (self.document.draft(), self.document.size());
        let solved = commands::solve_sigma(draft, size, first, Sigma(sigma));
        self.change(solved, &format!("σ of step {first} to {sigma}"))?;
        let mu = self.document.draft().value(first, Column::Mu).unwrap_or_default();
        Ok(Some(format!("mu of step {first} is now {} for σ {sigma}", number(mu, 3))))
    }

    /// Adds to the selection: `units` fine steps of its column, or `by` times the sign of them.
    pub(in crate::tui) fn nudge(&mut self, units: f64, by: Option<&str>) -> Done {
        let by = by.map(parse_number).transpose()?;
        let amount = |column| by.map_or(units * fine(column), |by| by * units.signum());
        if self.grid.block().is_none() {
            let Some(sigma) = self.document.value(self.grid.cursor) else { return Ok(None) };
            return self.solve(round(sigma + amount(GridColumn::Sigma)));
        }
        let block = self.cells()?;
        // A block over several columns moves each by its own step.
        let mut changes = Vec::new();
        for column in block.columns() {
            let narrow = Block { first_column: column, last_column: column, ..block };
            let nudged = commands::nudge(self.document.draft(), narrow, amount(column.into()));
            changes.extend(nudged.map_err(|error| error.to_string())?.changes().iter().cloned());
        }
        self.change(Ok(Transaction::new(changes)), &format!("nudge {}", place(block)))?;
        Ok(None)
    }

    pub(in crate::tui) fn fill_down(&mut self) -> Done {
        let block = self.cells()?;
        if block.height() < 2 {
            return Err("fill-down copies the first row of a selection: select rows".to_owned());
        }
        let filled = commands::fill_down(self.document.draft(), block);
        self.change(filled, &format!("fill down {}", place(block)))?;
        Ok(None)
    }

    pub(in crate::tui) fn series(&mut self, text: &str) -> Done {
        let block = self.cells()?;
        if block.height() < 3 {
            return Err("a series runs between two rows: select at least three".to_owned());
        }
        let series = match text.trim() {
            "linear" => commands::Series::Linear,
            "cosine" => commands::Series::Cosine,
            "geometric" => commands::Series::Geometric,
            other => {
                return Err(format!(
                    "there is no series `{other}`: write linear, cosine or geometric"
                ));
            }
        };
        let filled = commands::series(self.document.draft(), block, series);
        self.change(filled, &format!("{} series in {}", text.trim(), place(block)))?;
        Ok(None)
    }

    pub(in crate::tui) fn expression(&mut self, text: &str) -> Done {
        let block = self.cells()?;
        let expression = text.parse::<Expression>().map_err(|error| error.to_string())?;
        let computed = commands::expression(self.document.draft(), block, &expression)
            .map_err(|error| error.to_string())?;
        self.change(Ok(computed), &format!("{} = {}", place(block), text.trim()))?;
        Ok(None)
    }

    pub(in crate::tui) fn undo(&mut self) -> Done {
        match self.document.undo() {
            Some(label) => {
                self.follow_history();
                Ok(Some(format!("undone: {label}")))
            }
            None => Err("there is nothing to undo".to_owned()),
        }
    }

    pub(in crate::tui) fn redo(&mut self) -> Done {
        match self.document.redo() {
            Some(label) => {
                self.follow_history();
                Ok(Some(format!("redone: {label}")))
            }
            None => Err("there is nothing to redo".to_owned()),
        }
    }

    /// Selects what the command was about, and follows it in the tree.
    pub(in crate::tui) fn follow_history(&mut self) {
        self.chosen_revision = self.document.revision();
        let steps = self.document.len();
        if let Some(block) = self.document.selected().and_then(|block| block.within(steps))
            && self.grid.block() != Some(block)
        {
            self.grid.select_block(block);
        }
    }

    pub(in crate::tui) fn insert(&mut self, count: isize, below: bool) -> Done {
        let (first, last) = self.grid.steps();
        let at = if below { last + 1 } else { first };
        let count = usize::try_from(count).unwrap_or(1);
        let inserted = commands::insert(self.document.draft(), at, count);
        self.change(inserted, &format!("insert {count} at step {at}"))?;
        self.grid.go_to(at);
        Ok(None)
    }

    pub(in crate::tui) fn delete_steps(&mut self) -> Done {
        let (first, last) = self.grid.steps();
        let deleted = commands::delete(self.document.draft(), first..=last);
        self.change(deleted, &format!("delete steps {first} to {last}"))?;
        self.grid.go_to(first);
        Ok(Some(format!("{} of step {first} on deleted; u undoes", last + 1 - first)))
    }

    pub(in crate::tui) fn resample(&mut self, text: &str) -> Done {
        let count = text
            .trim()
            .parse()
            .map_err(|_| format!("`{text}` is not a number of steps: give a whole number"))?;
        let resampled = commands::resample(self.document.draft(), count);
        self.change(resampled, &format!("resample to {count} steps"))?;
        self.grid.anchor = None;
        Ok(None)
    }

    pub(in crate::tui) fn yank(&mut self) -> Done {
        let cells = match self.grid.block() {
            Some(block) => {
                Cells::of(self.document.draft(), block).map(|c| c.to_tsv()).unwrap_or_default()
            }
            None => {
                let (first, last) = self.grid.steps();
                let sigmas = self.document.schedule().sigmas().get(first..=last);
                let lines: Vec<_> =
                    sigmas.unwrap_or_default().iter().map(|s| s.0.to_string()).collect();
                lines.join("\n")
            }
        };
        let (first, last) = self.grid.steps();
        self.yanked = Some(cells.clone());
        self.emit(Effect::Clipboard(cells));
        Ok(Some(format!("{} rows yanked", last + 1 - first)))
    }

    /// Pastes a text, or what was yanked last.
    pub(in crate::tui) fn paste(&mut self, text: Option<&str>) -> Done {
        let text = match text {
            Some(text) => text.replace(" / ", "\n"),
            None => {
                self.yanked.clone().ok_or("nothing has been yanked yet: paste from the terminal")?
            }
        };
        let block = self.cells()?;
        let cells = Cells::parse_tsv(&text).map_err(|error| error.to_string())?;
        let draft = self.document.draft();
        let single = (cells.height() == 1 && cells.width() == 1).then(|| cells.get(0, 0)).flatten();
        let pasted = match single {
            Some(value) => commands::fill(draft, block, value),
            None => commands::paste(draft, (block.first_step, block.first_column), &cells),
        };
        self.change(pasted, &format!("paste at {}", place(block)))?;
        Ok(None)
    }

    pub(in crate::tui) fn search(&mut self, text: &str) -> Done {
        self.searched = Some(text.trim().to_owned());
        self.search_again(true)
    }

    pub(in crate::tui) fn search_again(&mut self, forward: bool) -> Done {
        let Some(text) = self.searched.clone() else {
            return Err("nothing to search for yet: / searches".to_owned());
        };
        let wanted = parse_number(&text)?;
        let cursor = self.grid.cursor;
        let steps = self.document.len();
        let columns = GridColumn::ALL.len();
        let place = |cell: usize| Cell {
            step: cell / columns,
            column: GridColumn::ALL.get(cell % columns).copied().unwrap_or(GridColumn::Gw),
        };
        let all = steps * columns;
        let here = cursor.step * columns
            + GridColumn::ALL.iter().position(|c| *c == cursor.column).unwrap_or(0);
        let there = (1..=all)
            .map(|by| if forward { (here + by) % all } else { (here + all - by) % all })
            .find(|cell| {
                // As it is shown: 0.7 finds 0.700 and σ is found by its first digits.
                let cell = place(*cell);
                self.document.value(cell).is_some_and(|value| match cell.column {
                    GridColumn::Sigma => number(value, 6).starts_with(&text),
                    _ => (value - wanted).abs() < 5e-4,
                })
            });
        match there {
            Some(cell) => {
                let cell = place(cell);
                self.grid.go_to(cell.step);
                self.grid.cursor = cell;
                Ok(None)
            }
            None => Err(format!("no cell holds {text}")),
        }
    }
}

/// A finite number, with a point or a comma.
pub(in crate::tui) fn parse_number(text: &str) -> Result<f64, String> {
    let written = text.trim().replace(',', ".").replace('−', "-");
    written
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .ok_or_else(|| format!("`{}` is not a number: write one such as 2.5", text.trim()))
}

fn round(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// A block in words: `gw of steps 17–19`.
fn place(block: Block) -> String {
    let columns: Vec<_> = block.columns().map(|column| column.name()).collect();
    let columns = columns.join(", ");
    match block.height() {
        1 => format!("{columns} of step {}", block.first_step),
        _ => format!("{columns} of steps {}–{}", block.first_step, block.last_step),
    }
}
