//! Text that comes from elsewhere: how other programs write it, and the characters in it that do
//! something instead of standing for themselves.
//!
//! Knows nothing of what the text means.

pub mod strange_text;
pub mod text_file;
