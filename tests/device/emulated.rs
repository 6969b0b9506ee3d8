//! The emulated device, and runs of the program on it.

use crate::support::program::{Outcome, Place, outcome};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Orders in which streams are worked off: each shows other mistakes.
pub(crate) const ORDERS: [&str; 5] = ["late", "early", "others", "7", "8"];

/// The worker for it; `None` where it was not built.
pub(crate) fn worker() -> Option<PathBuf> {
    let worker = std::env::var_os("SIGMALAB_EMULATED_WORKER").map(PathBuf::from);
    if worker.is_none() {
        println!("skipped: SIGMALAB_EMULATED_WORKER names no worker, see .ci/emulated-device");
    }
    worker
}

/// A folder in which the program finds the emulated device.
pub(crate) struct Bench {
    place: Place,
    worker: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Option<Self> {
        Some(Self { place: Place::new(), worker: worker()? })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The program with a device of these settings.
    pub(crate) fn command(&self, device: &str, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.env("SIGMALAB_WORKER_CUDA", &self.worker);
        command.env("SIGMALAB_EMULATED_DEVICE", device).env("RUST_BACKTRACE", "1");
        command
    }

    pub(crate) fn run(&self, device: &str, arguments: &[&str]) -> Outcome {
        outcome(self.command(device, arguments))
    }

    /// Draws `name`.png and gives its latents and the noise that it began from.
    pub(crate) fn draw(&self, device: &str, name: &str, more: &[&str]) -> Latents {
        let outcome = self.try_to_draw(device, name, more);
        assert_eq!(outcome.code, Some(0), "{name}: {outcome:?}");
        Latents::read(&self.place.path(&format!("{name}.safetensors")))
    }

    pub(crate) fn try_to_draw(&self, device: &str, name: &str, more: &[&str]) -> Outcome {
        let (picture, latents) = (format!("{name}.png"), format!("{name}.safetensors"));
        let mut arguments = vec!["generate", "--prompt", "a red circle", "--seed", "7"];
        arguments.extend(["--output", &picture, "--save-latents", &latents]);
        arguments.extend(["--width", "256", "--height", "256"]);
        arguments.extend(more);
        self.run(device, &arguments)
    }
}

/// The least memory that a refusal names, in GiB; it is said in tenths.
pub(crate) fn least_memory(refused: &Outcome) -> f64 {
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let after = refused.stderr.split("at least ").nth(1).and_then(|rest| rest.split(' ').next());
    after.unwrap_or_else(|| panic!("{refused:?}")).parse().unwrap()
}

/// What a run left.
#[derive(Debug, PartialEq)]
pub(crate) struct Latents {
    pub(crate) noise: Vec<f32>,
    pub(crate) latents: Vec<f32>,
}

impl Latents {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let values = |name| {
            let bytes = tensors.tensor(name).unwrap().data();
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
        };
        Self { noise: values("noise"), latents: values("latents") }
    }

    /// How far what the steps added is from what they added there, relative to it.
    pub(crate) fn error_of_velocity(&self, expected: &Self) -> f64 {
        assert!(self.noise == expected.noise && !self.noise.is_empty());
        let added = |run: &Self| -> Vec<f64> {
            let pairs = run.latents.iter().zip(&run.noise);
            pairs.map(|(after, before)| f64::from(after - before)).collect()
        };
        let (found, expected) = (added(self), added(expected));
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let apart = norm(&mut found.iter().zip(&expected).map(|(a, b)| a - b));
        apart / norm(&mut expected.iter().copied())
    }
}
