//! Steps, presets, the logit-normal schedule and sizes. Pure: no I/O, no tensors, no terminal.

pub mod diff;
pub mod edit;
pub mod exchange;
pub mod fault;
pub mod free;
pub mod nearest;
pub mod order;
pub mod preset;
pub mod preset_file;
pub mod runs;
pub mod sigmas;
pub mod size;
mod step;
pub mod terminal;
pub mod toml_text;
