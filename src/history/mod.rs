//! The history of finished runs, this one's and earlier ones': each is a picture, a thumbnail and
//! an entry that says how it came about. Knows recipes and pictures; knows nothing of how a run
//! is made and of the terminal.
//!
//! A run is three files of one name in one folder: `ID.png` is the picture with its recipe
//! inside, `ID.thumb.png` a small one, `ID.json` the entry. The picture's name is claimed first,
//! so that two processes never share one, and the entry is written last: a run is in the history
//! once its entry is there. Every file is written whole or not at all.

mod entry;
mod store;

pub use entry::{Entry, EntryId, FinishedRun, NoEntryId};
pub use store::{DATA_VARIABLE, DEFAULT_QUOTA, History, HistoryError, Listing, data_folder};
