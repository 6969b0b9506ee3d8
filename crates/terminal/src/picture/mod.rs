//! Pictures in the terminal: cells for ratatui's buffer, and bytes to write between frames. Knows
//! pixels, cells and protocols; nothing of where a picture comes from.
//!
//! The loop that owns the screen does, for every frame: [`Pictures::place`] for each slot, then
//! [`Pictures::draw`] within the frame, popups over it, and [`Pictures::observe`] last. Between
//! frames it writes [`Pictures::next_chunk`], hands [`Pictures::take_job`] to another thread, and
//! draws again when [`Pictures::take_changed`] says so.

mod diacritics;
mod encode;
mod fit;
mod half_blocks;
mod inline;
mod iterm2;
mod kitty;
mod pace;
mod palette;
mod pictures;
mod protocol;
mod rgb8;

pub use encode::{BUDGET, Encoded, Job};
pub use fit::fit;
pub use inline::inline;
pub(crate) use kitty::{PLACEHOLDER, Route, kitty_farewell};
pub use pictures::{Pictures, Slot};
#[cfg(test)]
pub(crate) use protocol::PROTOCOLS;
pub use protocol::{ProtocolError, choose, protocol_name, protocol_named};
pub use ratatui_image::picker::ProtocolType;
pub use rgb8::Rgb8;
