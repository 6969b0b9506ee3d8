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
    /// As that, and the down projections too, but for the inputs that stand out, which are bf16.
    #[serde(rename = "int8-all")]
    Int8All,
    /// bfloat16; on a CUDA device that can, most products of the transformers are of fp8: weights as they
    /// are stored, and activations rounded to e4m3 token by token. Faster, and less exact.
    Fp8,
}

/// As flags name it: `f32`, `bf16`, `int8`, `int8-all`, `fp8`.
impl fmt::Display for ComputeDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ComputeDtype::F32 => "f32",
            ComputeDtype::Bf16 => "bf16",
            ComputeDtype::Int8 => "int8",
            ComputeDtype::Int8All => "int8-all",
            ComputeDtype::Fp8 => "fp8",
        })
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

impl DeviceChoice {
    /// The number format that is used there where none is asked for: f32 products are slow on
    /// an accelerator.
    pub fn usual_dtype(self) -> ComputeDtype {
        match self {
            DeviceChoice::Cpu => ComputeDtype::F32,
            DeviceChoice::Cuda(_) | DeviceChoice::Metal => ComputeDtype::Bf16,
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

impl ModelOptions {
    /// Why number format and device do not go together, and what would do.
    pub fn refusal(self) -> Option<String> {
        let Self { dtype, device } = self;
        match (dtype, device) {
            (_, DeviceChoice::Cpu) if dtype != ComputeDtype::Fp8 => None,
            (ComputeDtype::Int8 | ComputeDtype::Int8All, _) => Some(format!(
                "--dtype {dtype} multiplies bytes on the processor only, not on {device}: use `--dtype \
                 bf16`, or `--device cpu`"
            )),
            (ComputeDtype::Fp8, DeviceChoice::Cpu) => Some(
                "--dtype fp8 multiplies fp8 on NVIDIA's GPUs only, not on cpu: use `--dtype int8`, or \
                 `--device cuda:0`"
                    .to_owned(),
            ),
            (ComputeDtype::Fp8, DeviceChoice::Metal) => Some(
                "--dtype fp8 multiplies fp8 on NVIDIA's GPUs only, not on metal: use `--dtype bf16`"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accelerator_is_asked_for_bf16_and_never_for_bytes() {
        for device in [DeviceChoice::Cuda(1), DeviceChoice::Metal] {
            assert_eq!(device.usual_dtype(), ComputeDtype::Bf16);
            for dtype in [ComputeDtype::Int8, ComputeDtype::Int8All] {
                let refusal = ModelOptions { dtype, device }.refusal().unwrap_or_default();
                assert!(refusal.contains(&device.to_string()), "{refusal}");
                assert!(refusal.contains(&dtype.to_string()), "{refusal}");
            }
            for dtype in [ComputeDtype::F32, ComputeDtype::Bf16] {
                assert_eq!(ModelOptions { dtype, device }.refusal(), None);
            }
        }
        let on_cpu = ModelOptions { dtype: ComputeDtype::Int8, device: DeviceChoice::Cpu };
        assert_eq!(on_cpu.refusal(), None);
        assert_eq!(DeviceChoice::Cpu.usual_dtype(), ComputeDtype::F32);
    }

    #[test]
    fn fp8_is_refused_where_no_card_multiplies_it() {
        let refusal = |device| ModelOptions { dtype: ComputeDtype::Fp8, device }.refusal();
        assert_eq!(refusal(DeviceChoice::Cuda(1)), None);
        for (device, other) in [(DeviceChoice::Cpu, "int8"), (DeviceChoice::Metal, "bf16")] {
            let refusal = refusal(device).unwrap_or_default();
            for words in ["fp8", &device.to_string(), other] {
                assert!(refusal.contains(words), "{refusal}");
            }
        }
    }
}
