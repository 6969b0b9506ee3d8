//! Pictures as plain pixels, and the small ones made from them.
//!
//! Knows no file format, no model and no terminal.

mod rgb;
mod thumbnail;

pub use rgb::RgbImage;
pub use thumbnail::thumbnail;
