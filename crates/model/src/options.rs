//! What number formats and devices are to candle.

use super::error::{ModelError, cause};
use candle_core::{DType, Device};
use sigmalab_compute::{ComputeDtype, DeviceChoice, ModelOptions};

/// The type in which activations are held.
pub(super) fn activation_dtype(dtype: ComputeDtype) -> DType {
    match dtype {
        ComputeDtype::F32 | ComputeDtype::Int8 | ComputeDtype::Int8All => DType::F32,
        ComputeDtype::Bf16 | ComputeDtype::Fp8 => DType::BF16,
    }
}

/// Opens the device that a model of these options runs on.
pub(super) fn open_for(options: ModelOptions) -> Result<Device, ModelError> {
    match options.refusal() {
        Some(problem) => Err(ModelError::Options { problem }),
        None => open_device(options.device),
    }
}

pub(super) fn open_device(choice: DeviceChoice) -> Result<Device, ModelError> {
    let (device, feature, built, opened) = match choice {
        DeviceChoice::Cpu => return Ok(Device::Cpu),
        DeviceChoice::Cuda(ordinal) => {
            let built = cfg!(feature = "cuda");
            // A stream that all threads share: what candle gives each thread by itself are several,
            // between which nothing waits.
            #[cfg(feature = "cuda")]
            let opened = crate::cuda::open(ordinal);
            #[cfg(not(feature = "cuda"))]
            let opened = Device::new_cuda_with_stream(ordinal);
            (choice.to_string(), "cuda", built, opened)
        }
        DeviceChoice::Metal => {
            (choice.to_string(), "metal", cfg!(feature = "metal"), Device::new_metal(0))
        }
    };
    match opened {
        _ if !built => Err(ModelError::DeviceNotBuilt { device, feature }),
        Ok(opened) => Ok(opened),
        Err(error) => Err(ModelError::Device { device, problem: cause(&error) }),
    }
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_refused_where_they_would_become_something_else() {
        let device = DeviceChoice::Cuda(0);
        let message = match open_for(ModelOptions { dtype: ComputeDtype::Int8, device }) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(message.contains("int8") && message.contains("--dtype bf16"), "{message}");
        let on_cpu = ModelOptions { dtype: ComputeDtype::Int8, device: DeviceChoice::Cpu };
        assert!(open_for(on_cpu).is_ok());
    }

    #[test]
    fn a_device_this_build_lacks_is_refused_with_the_way_to_build_it() {
        let message = match open_device(DeviceChoice::Cuda(1)) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(message.contains("cuda:1") && message.contains("`cuda`"), "{message}");
    }
}
