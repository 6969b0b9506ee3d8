//! The command that computes cells from a formula.

use super::super::expression::{Expression, Variables};
use super::super::{Block, Draft, EditError, Transaction};
use super::values::set;

/// Puts the formula's value into every cell. `i`, `n` and `t` are those of the whole schedule,
/// whatever the block; in a schedule of one step `t` is 0.
pub fn expression(
    draft: &Draft,
    block: Block,
    expression: &Expression,
) -> Result<Transaction, EditError> {
    let steps = draft.steps.len();
    set(draft, block, |step, _, value| {
        Ok(expression.value(Variables {
            step: step as f64,
            steps: steps as f64,
            along: step as f64 / steps.saturating_sub(1).max(1) as f64,
            value,
        }))
    })
}
