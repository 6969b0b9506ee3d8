//! How a model is loaded: number format and device.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Number format of activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComputeDtype {
    /// 32-bit floats.
    #[default]
    F32,
    /// bfloat16, as the reference computes.
    Bf16,
    /// 32-bit floats; on the processor, most products of the transformers are of bytes: weights
    /// rounded to one row by row and activations token by token. Faster, and less exact.
    Int8,
}

/// Where the networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// The numbered CUDA device (cargo feature `cuda`).
    Cuda(usize),
    /// The Metal device (cargo feature `metal`).
    Metal,
}

/// As flags name it: `cpu`, `cuda:0`, `metal`.
impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(number) => write!(f, "cuda:{number}"),
            DeviceChoice::Metal => f.write_str("metal"),
        }
    }
}

/// How a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ModelOptions {
    /// Number format of activations.
    pub dtype: ComputeDtype,
    /// Where the networks run.
    pub device: DeviceChoice,
}
