//! Commands that put copied cells into a draft.

use super::super::{Block, Cells, Column, Draft, EditError, Transaction};
use super::values::set;

/// Puts cells into the draft, the topmost leftmost one at `at`.
///
/// # Errors
/// Where they would reach beyond the last step or column; nothing is cut off silently.
pub fn paste(draft: &Draft, at: (usize, Column), cells: &Cells) -> Result<Transaction, EditError> {
    let (step, column) = at;
    let (height, width) = (cells.height(), cells.width());
    let rows = draft.steps.len().saturating_sub(step);
    let columns = Column::ALL.len() - column.index();
    let last_column = (column.index() + width).checked_sub(1).and_then(|at| Column::ALL.get(at));
    let Some(&last_column) = last_column.filter(|_| height <= rows) else {
        return Err(EditError::DoesNotFit { height, width, step, column, rows, columns });
    };
    tile(draft, Block::between(at, (step + height - 1, last_column)), cells)
}

/// Fills a block with cells, repeated as often as it takes: one value, one row, one column, or
/// any block whose height and width divide those of the target.
pub fn paste_value_over(
    draft: &Draft,
    block: Block,
    cells: &Cells,
) -> Result<Transaction, EditError> {
    let (height, width) = (cells.height(), cells.width());
    let (rows, columns) = (block.height(), block.width());
    if !rows.is_multiple_of(height) || !columns.is_multiple_of(width) {
        return Err(EditError::DoesNotFill { height, width, rows, columns });
    }
    tile(draft, block, cells)
}

fn tile(draft: &Draft, block: Block, cells: &Cells) -> Result<Transaction, EditError> {
    set(draft, block, |step, column, old| {
        let row = (step - block.first_step) % cells.height();
        let column = (column.index() - block.first_column.index()) % cells.width();
        Ok(cells.get(row, column).unwrap_or(old))
    })
}
