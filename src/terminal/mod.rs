//! The terminal: what it says (keys, mouse, paste, answers), what it can do, what is written to
//! it and how many bytes that is, pictures, and signals. This room knows nothing of the model,
//! of schedules and of what is on the screen.

mod brand;
pub mod capabilities;
pub mod clipboard;
pub mod colours;
pub mod input;
pub mod key;
pub mod picture;
pub mod probe;
