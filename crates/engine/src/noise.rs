//! Initial noise: the same numbers as `torch.randn` for the same seed, or a given tensor.
//! Knows generators and knows nothing of the model or of sizes.

mod mt19937;
mod philox;

pub use philox::CudaGrid;
pub(crate) use philox::gaussian_stream;

use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Where the initial noise comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "kebab-case", deny_unknown_fields)]
pub enum NoiseSource {
    /// A generator and a seed.
    Seed { seed: u64, rng: Rng },
    /// A given tensor, known by the BLAKE3 hash of its little-endian f32 bytes.
    File {
        /// The hash, hexadecimal.
        blake3: String,
    },
}

/// A seed of 32 bits: torch's CPU generator takes no more, and it is shorter to write down.
pub fn random_seed() -> u64 {
    // The standard library seeds its hasher from the system's random numbers.
    u64::from(RandomState::new().build_hasher().finish() as u32)
}

impl NoiseSource {
    /// Seed of the noise that samplers draw: the run's seed, or one taken from the noise's hash.
    pub fn sampler_seed(&self) -> u64 {
        match self {
            NoiseSource::Seed { seed, .. } => *seed,
            NoiseSource::File { blake3: text } => {
                let first = blake3::hash(text.as_bytes());
                first.as_bytes().iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
            }
        }
    }
}

/// Generators of initial noise. Text form: `torch-cpu`, `torch-cuda`,
/// `torch-cuda:MULTIPROCESSORS` or `torch-cuda:MULTIPROCESSORSxTHREADS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Rng {
    /// `torch.randn` with a CPU generator (MT19937).
    TorchCpu,
    /// `torch.randn` with a CUDA generator (Philox 4×32-10) on such a GPU.
    TorchCuda(CudaGrid),
}

impl Rng {
    /// `len` standard normal values, as a fresh generator with this seed gives them.
    pub fn standard_normal(self, seed: u64, len: usize) -> Vec<f32> {
        match self {
            Rng::TorchCpu => mt19937::randn(seed, len),
            Rng::TorchCuda(grid) => philox::randn(seed, len, grid),
        }
    }
}

/// BLAKE3 of the values' little-endian bytes, hexadecimal: what [`NoiseSource::File`] holds.
pub fn fingerprint(values: &[f32]) -> String {
    let mut hasher = blake3::Hasher::new();
    for chunk in values.chunks(4096) {
        let bytes: Vec<u8> = chunk.iter().flat_map(|value| value.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// Not the name of a generator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no random generator `{0}`: use torch-cpu, torch-cuda, or \
     torch-cuda:MULTIPROCESSORS[xTHREADS] for the GPU to imitate (an H100 is 132x2048, an RTX \
     4090 is 128x1536)"
)]
pub struct UnknownRng(String);

impl std::str::FromStr for Rng {
    type Err = UnknownRng;

    fn from_str(text: &str) -> Result<Self, UnknownRng> {
        let unknown = || UnknownRng(text.to_owned());
        let grid = match text.split_once(':') {
            None if text == "torch-cpu" => return Ok(Rng::TorchCpu),
            None if text == "torch-cuda" => CudaGrid::default(),
            Some(("torch-cuda", gpu)) => {
                let (multiprocessors, threads) = gpu.split_once('x').unwrap_or((gpu, "2048"));
                let multiprocessors = multiprocessors.parse().map_err(|_| unknown())?;
                let threads = threads.parse().map_err(|_| unknown())?;
                CudaGrid::new(multiprocessors, threads).ok_or_else(unknown)?
            }
            _ => return Err(unknown()),
        };
        Ok(Rng::TorchCuda(grid))
    }
}

impl Rng {
    /// torch's generator on a GPU of so many multiprocessors, each holding so many threads at most;
    /// `None` where there is no such GPU.
    pub fn of_gpu(multiprocessors: u32, threads: u32) -> Option<Self> {
        CudaGrid::new(multiprocessors, threads).map(Rng::TorchCuda)
    }
}

impl std::fmt::Display for Rng {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rng::TorchCpu => write!(f, "torch-cpu"),
            Rng::TorchCuda(grid) => write!(f, "torch-cuda:{grid}"),
        }
    }
}

impl TryFrom<String> for Rng {
    type Error = UnknownRng;

    fn try_from(text: String) -> Result<Self, UnknownRng> {
        text.parse()
    }
}

impl From<Rng> for String {
    fn from(rng: Rng) -> String {
        rng.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_of_generators_read_back() {
        for text in ["torch-cpu", "torch-cuda:108x2048", "torch-cuda:128x1536"] {
            let rng: Rng = text.parse().unwrap();
            assert_eq!(rng.to_string(), text);
        }
        assert_eq!("torch-cuda:132".parse::<Rng>().unwrap().to_string(), "torch-cuda:132x2048");
    }

    #[test]
    fn other_names_are_refused() {
        for text in ["", "torch", "torch-cuda:", "torch-cuda:0", "torch-cuda:4x100", "torch-cpu:1"]
        {
            assert!(text.parse::<Rng>().is_err(), "{text}");
        }
    }
}
