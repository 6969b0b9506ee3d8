//! Metrics: functions on data. This room knows nothing of the terminal, the experiment or the
//! engine.

pub mod colour_map;
pub mod comparison;
pub mod difference;
pub mod image;
pub mod latent;
pub mod trajectory;
