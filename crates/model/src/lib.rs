//! Ideogram 4 on candle: text encoder, transformer pair, decoder, and the checkpoint layouts
//! they are read from. This room knows nothing of schedules and samplers: it is asked for a
//! velocity at a time, and for pixels.
//!
//! - [`checkpoint`]: files, layouts and stored tensors, up to a [`linear::Linear`] layer in
//!   whatever format it is stored;
//! - [`hub`]: repository ids to local folders;
//! - the networks and [`Model`], which holds them together.

mod caught;
pub mod checkpoint;
mod config;
#[cfg(feature = "cuda")]
mod cuda;
mod decoder;
#[cfg(feature = "cuda")]
pub mod device_check;
mod device_memory;
#[cfg(any(test, feature = "cuda"))]
mod device_operations;
mod device_room;
#[cfg(feature = "cuda")]
pub mod devices;
mod error;
mod fp8;
pub mod hub;
mod latents;
pub mod linear;
mod operation;
mod ops;
mod options;
#[cfg(any(test, feature = "cuda"))]
mod parts;
mod pipeline;
pub mod profile;
mod residency;
mod rotary;
pub mod source;
pub mod synth;
mod text_encoder;
mod text_layers;
mod tokenizer;
mod transfer_rate;
mod transformer;

pub use device_room::DeviceRoom;
pub use error::ModelError;
pub use latents::{Decoded, LatentGrid, ModelTime};
pub use pipeline::{Model, PromptFeatures};
pub use text_layers::TextLayers;
pub use transformer::FirstBlockCache;
