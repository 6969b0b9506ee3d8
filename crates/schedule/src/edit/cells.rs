//! Blocks of numbers as text, as spreadsheets put them on the clipboard. Knows nothing of what
//! the numbers mean.

use super::super::fault::MAX_STEPS;
use super::{Block, Draft};

/// The most columns that pasted text may have; more is no block of a schedule.
const MAX_COLUMNS: usize = 64;

/// A rectangle of finite numbers, row by row: at least one row, at least one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    rows: Vec<Vec<f64>>,
}

/// Text that is no block of numbers. Rows and columns are counted from 1, as in the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellsError {
    #[error("there are no numbers: copy cells or lines of numbers first")]
    Empty,
    #[error("row {row}, column {column}: `{text}` is not a finite number")]
    NoNumber {
        row: usize,
        column: usize,
        /// What stands there, cut to a few characters.
        text: String,
    },
    #[error("row {row} has {columns} columns and the first row has {expected}: make them equal")]
    Ragged {
        row: usize,
        columns: usize,
        /// How many the first row has.
        expected: usize,
    },
    #[error("it has more than {MAX_STEPS} rows or {MAX_COLUMNS} columns: paste a part of it")]
    TooLarge,
}

impl Cells {
    /// The cells of `rows`.
    ///
    /// # Errors
    /// Where the rows are not equally long, where there is none, or where a number is NaN or
    /// infinite.
    pub fn new(rows: Vec<Vec<f64>>) -> Result<Self, CellsError> {
        let expected = rows.first().map_or(0, Vec::len);
        if expected == 0 {
            return Err(CellsError::Empty);
        }
        if rows.len() > MAX_STEPS || expected > MAX_COLUMNS {
            return Err(CellsError::TooLarge);
        }
        for (row, values) in (1..).zip(&rows) {
            if values.len() != expected {
                return Err(CellsError::Ragged { row, columns: values.len(), expected });
            }
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let text = values.get(at).map(f64::to_string).unwrap_or_default();
                return Err(CellsError::NoNumber { row, column: at + 1, text });
            }
        }
        Ok(Cells { rows })
    }

    /// The values of a block of a draft; `None` where the draft does not have the block.
    pub fn of(draft: &Draft, block: Block) -> Option<Self> {
        let row = |step| block.columns().map(|column| draft.value(step, column)).collect();
        let rows = block.steps().map(row).collect::<Option<Vec<_>>>()?;
        Cells::new(rows).ok()
    }

    /// The rows, from the top.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// How many rows there are.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// A value, counted from 0.
    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        self.rows.get(row)?.get(column).copied()
    }

    /// Tabs between columns, a line end after every row, numbers so that reading them gives the
    /// same values.
    pub fn to_tsv(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(&row.iter().map(f64::to_string).collect::<Vec<_>>().join("\t"));
            text.push('\n');
        }
        text
    }

    /// Reads rows of numbers with tabs, commas, semicolons or spaces between them. Empty lines
    /// are passed over; a comma at the end of a line and a pair of brackets around it all, as in
    /// a list copied from code, are too.
    pub fn parse_tsv(text: &str) -> Result<Self, CellsError> {
        let text = text.trim();
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for (number, line) in (1..).zip(inner.unwrap_or(text).lines()) {
            let line = line.trim().trim_end_matches([',', ';']);
            if line.is_empty() {
                continue;
            }
            if rows.len() == MAX_STEPS {
                return Err(CellsError::TooLarge);
            }
            let row = parse_row(line, number)?;
            let expected = rows.first().map_or(row.len(), Vec::len);
            if row.len() != expected {
                return Err(CellsError::Ragged { row: number, columns: row.len(), expected });
            }
            rows.push(row);
        }
        Cells::new(rows)
    }
}

fn parse_row(line: &str, number: usize) -> Result<Vec<f64>, CellsError> {
    let separator = ['\t', ',', ';'].into_iter().find(|&separator| line.contains(separator));
    let parts: Box<dyn Iterator<Item = &str>> = match separator {
        Some(separator) => Box::new(line.split(separator).map(str::trim)),
        None => Box::new(line.split_whitespace()),
    };
    let mut row = Vec::new();
    for (column, part) in (1..).zip(parts) {
        // A schedule has 1000 steps at most, which a single line may hold as well.
        if column > MAX_STEPS.max(MAX_COLUMNS) {
            return Err(CellsError::TooLarge);
        }
        // A typographic minus, as screens and papers show it.
        let value = part.replace('−', "-").parse::<f64>().ok().filter(|value| value.is_finite());
        row.push(value.ok_or_else(|| CellsError::NoNumber {
            row: number,
            column,
            text: part.chars().take(24).collect(),
        })?);
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<Vec<f64>> {
        Cells::parse_tsv(text).unwrap().rows
    }

    #[test]
    fn tabs_commas_semicolons_and_spaces_separate_columns() {
        let expected = [[7.0, 0.5], [3.0, -1.0]];
        for text in [
            "7\t0.5\n3\t-1\n",
            "7,0.5\r\n3, -1\r\n",
            "7; 0.5\n3;−1",
            "  7   0.5 \n\n 3 -1",
            "[7, 0.5,\n3, -1,\n]",
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_row_and_column() {
        for (text, message) in [
            ("1\t2\n3\tx", "row 2, column 2: `x` is not a finite number"),
            ("1,,2", "row 1, column 2: `` is not a finite number"),
            ("1 nan", "row 1, column 2: `nan` is not a finite number"),
            ("1e999", "row 1, column 1: `1e999` is not a finite number"),
            ("1 2\n\n3", "row 3 has 1 columns and the first row has 2: make them equal"),
            (" \n ", "there are no numbers"),
        ] {
            let error = Cells::parse_tsv(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text:?}: {error}");
        }
        assert_eq!(Cells::parse_tsv(&"1\n".repeat(1001)), Err(CellsError::TooLarge));
    }

    proptest! {
        #[test]
        fn what_is_copied_is_what_is_pasted(
            (width, height) in (1usize..4, 1usize..20), values in prop::collection::vec(-1e300f64..1e300, 60),
        ) {
            let rows = values.chunks(width).take(height).filter(|row| row.len() == width);
            let cells = Cells::new(rows.map(<[f64]>::to_vec).collect()).unwrap();
            prop_assert_eq!(Cells::parse_tsv(&cells.to_tsv()), Ok(cells));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[-0-9.,; \t\\[\\]xe\r\n\\PC]{0,60}") {
            let _ = Cells::parse_tsv(&text);
        }
    }
}
