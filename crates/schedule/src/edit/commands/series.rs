//! Values between two anchors.

use super::super::{Block, Column, Draft, EditError, Transaction};
use super::values::set;
use std::f64::consts::PI;

/// How the values between two anchors a and b move; s goes evenly from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// a + (b − a)·s.
    Linear,
    /// a + (b − a)·(1 − cos πs)/2: slow at both ends.
    Cosine,
    /// a·(b/a)^s: equal ratios.
    Geometric,
}

impl Series {
    /// Every kind.
    pub const ALL: [Series; 3] = [Series::Linear, Series::Cosine, Series::Geometric];

    fn between(self, first: f64, last: f64, s: f64) -> f64 {
        match self {
            Series::Linear => first + (last - first) * s,
            Series::Cosine => first + (last - first) * (1.0 - (PI * s).cos()) / 2.0,
            Series::Geometric => first * (last / first).powf(s),
        }
    }
}

/// Fills every column of a block between its first and its last step, which stay.
pub fn series(draft: &Draft, block: Block, series: Series) -> Result<Transaction, EditError> {
    let room = block.height().saturating_sub(1);
    if room < 2 {
        return Err(EditError::NoRoom);
    }
    let anchor = |step: usize, column: Column| {
        let steps = draft.steps.len();
        draft.value(step, column).ok_or(EditError::NoSuchStep { step, steps })
    };
    set(draft, block, |step, column, old| {
        if step == block.first_step || step == block.last_step {
            return Ok(old);
        }
        let (first, last) = (anchor(block.first_step, column)?, anchor(block.last_step, column)?);
        // As a product the two could vanish or overflow.
        if series == Series::Geometric
            && (first == 0.0 || last == 0.0 || first.signum() != last.signum())
        {
            return Err(EditError::NotGeometric { column, first, last });
        }
        Ok(series.between(first, last, (step - block.first_step) as f64 / room as f64))
    })
}
