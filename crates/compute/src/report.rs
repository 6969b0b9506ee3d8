//! What a worker that was built with CUDA says of itself and of the devices it finds.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A worker's answer to the question what it can do, as JSON on its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Version of the program.
    pub version: String,
    pub kernels: String,
    /// The newest CUDA that the driver knows, such as `13.0`; absent where it does not answer.
    #[serde(default)]
    pub driver: Option<String>,
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Why there are none, in the driver's own words.
    #[serde(default)]
    pub problem: Option<String>,
}

/// A CUDA device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its number, as in `cuda:0`.
    pub number: usize,
    pub name: String,
    pub memory_bytes: u64,
    /// What of that is free.
    pub free_bytes: u64,
    /// Major and minor number of what it can do.
    pub compute_capability: [u32; 2],
    pub multiprocessors: u32,
    /// Threads that one of them holds at most; 0 where a worker does not say.
    #[serde(default)]
    pub threads_per_multiprocessor: u32,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: u64| bytes as f64 / f64::from(1u32 << 30);
        let [major, minor] = self.compute_capability;
        write!(
            f,
            "cuda:{}  {}, {:.1} GiB of {:.1} free, compute capability {major}.{minor}, {} \
             multiprocessors",
            self.number,
            self.name,
            gib(self.free_bytes),
            gib(self.memory_bytes),
            self.multiprocessors
        )
    }
}
