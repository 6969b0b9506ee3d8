//! What CUDA's libraries say when a call fails, in their own words and without the names of types.

use candle_core::cuda_backend::CudaError;
use candle_core::cuda_backend::cudarc::driver::DriverError;
use std::error::Error;

/// The driver's sentence and its code, as `out of memory (CUDA_ERROR_OUT_OF_MEMORY)`.
pub(crate) fn of_driver(error: &DriverError) -> String {
    let text = |words: Result<&std::ffi::CStr, DriverError>| {
        words.ok().map(|words| words.to_string_lossy().into_owned())
    };
    match (text(error.error_string()), text(error.error_name())) {
        (Some(sentence), Some(code)) => format!("{sentence} ({code})"),
        _ => format!("error {} of the driver", error.0 as u32),
    }
}

/// The same of whatever the tensor library got from the driver; `None` for other errors.
pub(crate) fn of_library(error: &(dyn Error + 'static)) -> Option<String> {
    match error.downcast_ref::<CudaError>()? {
        CudaError::Cuda(driver) => Some(of_driver(driver)),
        CudaError::Load { cuda, module_name } => {
            Some(format!("{} when {module_name} is loaded", of_driver(cuda)))
        }
        _ => None,
    }
}
