//! The workbench: screens, keys and actions. It knows the engine as requests and events, and the
//! terminal as inputs and cells; it knows nothing of tensors.

pub mod action;
pub mod app;
pub mod cell;
pub mod configuration;
pub mod context;
pub mod document;
pub mod help;
pub mod keymap;
pub mod line;
mod other_words;
pub mod play;
pub mod recovery;
pub mod runs;
pub mod runtime;
pub mod screens;
pub mod theme;
