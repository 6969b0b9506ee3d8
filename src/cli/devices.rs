//! `sigmalab device`: where networks can run on this machine; and whether a device that was asked
//! for can be used, before anything is loaded for it.

use super::device_list::DeviceList;
use super::failure::Failure;
use super::print;
use clap::Args;
use serde::Serialize;
use sigmalab_compute::{Device, DeviceChoice};
use sigmalab_engine::worker::cuda::{CudaWorker, Missing};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab device
  sigmalab device --json
  sigmalab generate --device cuda:1 --prompt \"a red circle on a blue background\" --output out.png

GPUs have a worker of their own, sigmalab-worker-cuda: see docs/checkpoints.md, Accelerators.
Without one the exit code is 0 all the same.")]
pub(crate) struct DeviceCommand {
    /// Print JSON: `cpu`, `cuda` with `devices`, and `missing` where there is no GPU to be used
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listing {
    cpu: Processor,
    cuda: Option<Cuda>,
    missing: Option<String>,
}

#[derive(Serialize)]
struct Processor {
    cores: usize,
    kernels: String,
}

#[derive(Serialize)]
struct Cuda {
    worker: PathBuf,
    kernels: String,
    driver: Option<String>,
    devices: Vec<Device>,
}

/// Lists the devices.
pub(crate) fn run(arguments: &DeviceCommand) -> Result<(), Failure> {
    let cpu = Processor {
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        kernels: format!("{:?}", sigmalab_kernels::InstructionSet::chosen()).to_lowercase(),
    };
    let (cuda, missing) = match CudaWorker::find() {
        Ok(CudaWorker { program, report }) => {
            let (kernels, driver, devices) = (report.kernels, report.driver, report.devices);
            (Some(Cuda { worker: program, kernels, driver, devices }), None)
        }
        Err(missing) => (None, Some(missing.to_string())),
    };
    let listing = Listing { cpu, cuda, missing };
    if arguments.json {
        return print::json(&listing);
    }
    print::result(&in_words(&listing))
}

fn in_words(listing: &Listing) -> String {
    let Processor { cores, kernels } = &listing.cpu;
    let mut text = format!("cpu     {}, kernels for {kernels}\n", print::counted(*cores, "core"));
    if let Some(cuda) = &listing.cuda {
        for device in &cuda.devices {
            text.push_str(&format!("{device}\n"));
        }
        let driver = cuda.driver.as_deref().unwrap_or("unknown");
        let worker = cuda.worker.display();
        text.push_str(&format!("        driver for CUDA {driver}, worker {worker}\n"));
    }
    if let Some(missing) = &listing.missing {
        text.push_str(&format!("cuda    none: {missing}\n"));
    }
    text
}

/// Refuses a device that cannot be used, with what is missing.
pub(crate) fn check(device: DeviceChoice) -> Result<(), Failure> {
    card(device).map(|_| ())
}

/// The same, with what the GPU is where it is one.
pub(crate) fn card(device: DeviceChoice) -> Result<Option<Device>, Failure> {
    let DeviceChoice::Cuda(number) = device else { return Ok(None) };
    let found = CudaWorker::find().and_then(|worker| worker.device(number).cloned());
    found.map(Some).map_err(|missing| {
        Failure::bad_input(format_args!("--device {device}: {missing}")).way_out("--device cpu")
    })
}

/// Refuses a list of devices of which one cannot be used.
pub(crate) fn check_all(devices: &DeviceList) -> Result<(), Failure> {
    let refused = |missing: Missing| {
        Failure::bad_input(format_args!("--devices {devices}: {missing}")).way_out("--device cpu")
    };
    let numbers = devices.all().iter().filter_map(|device| match device {
        DeviceChoice::Cuda(number) => Some(*number),
        DeviceChoice::Cpu | DeviceChoice::Metal => None,
    });
    let mut numbers = numbers.peekable();
    if numbers.peek().is_none() {
        return Ok(());
    }
    let worker = CudaWorker::find().map_err(refused)?;
    numbers.try_for_each(|number| worker.device(number).map(|_| ()).map_err(refused))
}
