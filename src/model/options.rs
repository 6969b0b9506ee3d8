//! How a model is loaded: number format, device, and progress on the way.

use super::error::ModelError;
use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};

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

impl ComputeDtype {
    pub(super) fn dtype(self) -> DType {
        match self {
            ComputeDtype::F32 | ComputeDtype::Int8 => DType::F32,
            ComputeDtype::Bf16 => DType::BF16,
        }
    }
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

impl DeviceChoice {
    /// Opens the device.
    pub(super) fn open(self) -> Result<Device, ModelError> {
        let (device, feature, built, opened) = match self {
            DeviceChoice::Cpu => return Ok(Device::Cpu),
            DeviceChoice::Cuda(ordinal) => {
                let built = cfg!(feature = "cuda");
                (format!("cuda:{ordinal}"), "cuda", built, Device::new_cuda(ordinal))
            }
            DeviceChoice::Metal => {
                ("metal".to_owned(), "metal", cfg!(feature = "metal"), Device::new_metal(0))
            }
        };
        match opened {
            _ if !built => Err(ModelError::DeviceNotBuilt { device, feature }),
            Ok(opened) => Ok(opened),
            Err(error) => Err(ModelError::Device { device, problem: error.to_string() }),
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

/// How far loading has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadProgress {
    /// What is being read, in words.
    pub stage: String,
    /// Bytes so far.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes_total: u64,
    /// How fast bytes came over the last seconds; `None` where that is not known: where nothing
    /// is transferred, and in the first half second.
    #[serde(default)]
    pub bytes_per_second: Option<u64>,
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn a_device_this_build_lacks_is_refused_with_the_way_to_build_it() {
        let message = match DeviceChoice::Cuda(1).open() {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(message.contains("cuda:1") && message.contains("--features cuda"), "{message}");
    }
}
