//! The terminal: what it says (keys, mouse, paste, answers), what it can do, what is written to
//! it and how many bytes that is, pictures, and signals. This room knows nothing of the model,
//! of schedules and of what is on the screen.
//!
//! Everything but [`tty`] and [`signals`] is functions on bytes and values.

mod brand;
pub mod capabilities;
pub mod clipboard;
pub mod colours;
pub mod input;
pub mod key;
pub mod meter;
pub mod picture;
pub mod probe;
pub mod screen;
pub mod signals;
pub mod tty;
