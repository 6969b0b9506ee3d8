//! Commands on the values of a block of cells.

use super::super::change::check_value;
use super::super::{Block, Change, Column, Draft, EditError, Transaction};

/// The transaction that puts `value(step, column, old)` into every cell of a block. Cells that
/// keep their value are left out.
pub(super) fn set(
    draft: &Draft,
    block: Block,
    mut value: impl FnMut(usize, Column, f64) -> Result<f64, EditError>,
) -> Result<Transaction, EditError> {
    let mut changes = Vec::new();
    for (step, column) in block.cells() {
        let missing = EditError::NoSuchStep { step, steps: draft.steps.len() };
        let before = draft.value(step, column).ok_or(missing)?;
        let after = value(step, column, before)?;
        check_value(step, column, after)?;
        if after.to_bits() != before.to_bits() {
            changes.push(Change::Set { step, column, before, after });
        }
    }
    Ok(Transaction::new(changes))
}

/// Adds `by` to every cell.
///
/// The sum is rounded to ten decimals, so that ten nudges by 0.1 are one by 1.
pub fn nudge(draft: &Draft, block: Block, by: f64) -> Result<Transaction, EditError> {
    set(draft, block, |_, _, old| Ok(rounded(old + by)))
}

/// To ten decimals, where that does not cost digits that an f64 has.
fn rounded(value: f64) -> f64 {
    const SCALE: f64 = 1e10;
    const LARGEST: f64 = 1e5;
    if value.abs() < LARGEST { (value * SCALE).round() / SCALE } else { value }
}

/// Puts one value into every cell.
pub fn fill(draft: &Draft, block: Block, value: f64) -> Result<Transaction, EditError> {
    set(draft, block, |_, _, _| Ok(value))
}

/// Puts the block's first row into the rows below it.
pub fn fill_down(draft: &Draft, block: Block) -> Result<Transaction, EditError> {
    set(draft, block, |_, column, old| Ok(draft.value(block.first_step, column).unwrap_or(old)))
}
