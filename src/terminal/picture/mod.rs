//! Pictures in the terminal. Cells for ratatui's buffer, and bytes to write between frames.
//! Knows pixels, cells and protocols; nothing of where a picture comes from.

mod protocol;
mod rgb8;

pub use protocol::{Protocol, ProtocolError, choose};
pub use rgb8::Rgb8;
