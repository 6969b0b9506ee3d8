//! What can be done to a draft: functions that look at it and give a transaction, which may be
//! empty. Knows nothing of undo. Steps are counted from 0 in sampling order.

mod formula;
mod pasting;
mod rows;
mod series;
mod sigma;
mod values;
mod whole;

pub use formula::expression;
pub use pasting::{paste, paste_value_over};
pub use rows::{delete, insert, resample};
pub use series::{Series, series};
pub use sigma::{delete_keeping_sigma, insert_keeping_sigma, solve_sigma};
pub use values::{fill, fill_down, nudge};
pub use whole::{describe, rename, set_terminal};
