//! How and where a model computes, as plain data that every room can hold: number format, device,
//! progress of loading, and the flag that asks work to stop.
//!
//! Knows no tensor library, no checkpoint and no terminal.

mod cancel;
mod loading;
mod options;
mod report;

pub use cancel::CancelToken;
pub use loading::{LoadProgress, LoadStage, ModelPart};
pub use options::{ComputeDtype, DeviceChoice, ModelOptions};
pub use report::{Device, DeviceReport};
