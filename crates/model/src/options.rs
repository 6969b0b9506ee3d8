//! What number formats and devices are to candle.

use super::error::ModelError;
use candle_core::{DType, Device};
use sigmalab_compute::{ComputeDtype, DeviceChoice};

/// The type in which activations are held.
pub(super) fn activation_dtype(dtype: ComputeDtype) -> DType {
    match dtype {
        ComputeDtype::F32 | ComputeDtype::Int8 => DType::F32,
        ComputeDtype::Bf16 => DType::BF16,
    }
}

/// Opens the device.
pub(super) fn open_device(choice: DeviceChoice) -> Result<Device, ModelError> {
    let (device, feature, built, opened) = match choice {
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

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn a_device_this_build_lacks_is_refused_with_the_way_to_build_it() {
        let message = match open_device(DeviceChoice::Cuda(1)) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(message.contains("cuda:1") && message.contains("--features cuda"), "{message}");
    }
}
