//! What can be done to a draft: functions that look at it and give a transaction. Knows nothing
//! of undo. Steps are counted from 0 in sampling order.

mod values;

pub use values::{fill, fill_down, nudge};
