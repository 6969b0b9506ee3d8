//! How a checkpoint's transformers are kept in a device's memory: what is free there, what the
//! checkpoint's headers say they need, and which images there is room for then. It copies nothing.

use super::checkpoint::{Checkpoint, Component};
use super::config::Part;
use super::device_memory::{DeviceNeed, DevicePlan};
use super::error::ModelError;
use super::latents::LatentGrid;
use super::linear::Placement;
use super::ops::banded::PATCH_VALUES;
use super::ops::quantised::E4M3_WORKSPACE;
use super::transformer::{NetworkSize, Transformer};
use candle_core::{DType, Device};
use sigmalab_compute::{ComputeDtype, ModelOptions};
use std::sync::Arc;

/// Tokens of a prompt of usual length, by which the least memory is told.
pub(super) const DEFAULT_TOKENS: usize = 300;

/// What a model may take of an accelerator's memory, and for what.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeviceRoom {
    /// The most bytes, where somebody set a limit.
    pub limit: Option<u64>,
    /// The image that is to be drawn; one of 1024² where nothing is known.
    pub grid: Option<LatentGrid>,
}

/// How the transformers are kept.
#[derive(Debug)]
pub(super) struct Kept {
    sizes: Vec<NetworkSize>,
    /// Bytes of computing that were planned for, and those that are left beside; `None` where all
    /// that there is is the host's memory.
    room: Option<[u64; 2]>,
    /// Where weights are that are not copied for every use.
    pub(super) placement: Placement,
    /// For each layer of both transformers whether it is copied for every use.
    pub(super) streamed: [Arc<[bool]>; 2],
}

impl Kept {
    /// Decides by what is free on the device; refuses what does not fit there.
    pub(super) fn plan(
        checkpoint: &Checkpoint,
        options: ModelOptions,
        dtype: DType,
        device: &Device,
        room: DeviceRoom,
    ) -> Result<Self, ModelError> {
        let none = || -> Arc<[bool]> { Arc::new([]) };
        let Some(free) = free_memory(device)? else {
            let placement = Placement::usual(device);
            let streamed = [none(), none()];
            return Ok(Self { sizes: Vec::new(), room: None, placement, streamed });
        };
        let available = room.limit.map_or(free, |limit| limit.min(free));
        let side = 1024 / 16;
        let grid = room.grid.unwrap_or(LatentGrid { rows: side, columns: side });
        let (mut sizes, mut networks) = (Vec::new(), Vec::new());
        for component in [Component::Transformer, Component::UnconditionalTransformer] {
            if !checkpoint.has(component) {
                networks.push(Vec::new());
                continue;
            }
            let weights = checkpoint.weights(component, dtype, device)?;
            let part = Part::open(checkpoint, component, &weights)?;
            let size = Transformer::size(&part, dtype)?;
            let layer = checkpoint.component_bytes(component) / size.layers.max(1) as u64;
            networks.push(vec![layer; size.layers]);
            sizes.push(size);
        }
        let in_fp8 = options.dtype == ComputeDtype::Fp8;
        let working = working_bytes(&sizes, grid);
        let need = DeviceNeed {
            // The decoder is stored in half the bytes that it is computed in.
            fixed: 2 * checkpoint.component_bytes(Component::Vae)
                + sizes.iter().map(NetworkSize::modulation_bytes).sum::<u64>()
                + if in_fp8 { E4M3_WORKSPACE as u64 } else { 0 },
            working,
            layers: networks.concat(),
            widened: sizes.iter().map(NetworkSize::widened_bytes).sum(),
        };
        let gib = |bytes: u64| bytes as f64 / f64::from(1u32 << 30);
        // What is multiplied in fp8 stays as it is stored.
        let plan = need.plan(available, room.limit.is_none() && !in_fp8);
        let DevicePlan { widened, streamed, spare } =
            plan.ok_or_else(|| ModelError::DeviceMemory {
                device: options.device.to_string(),
                available: gib(available),
                least: gib(need.least()),
                all: gib(need.all()),
            })?;
        let (first, second) = streamed.split_at(networks.first().map_or(0, Vec::len));
        Ok(Self {
            sizes,
            room: Some([working, spare]),
            placement: if widened { Placement::Widened } else { Placement::Resident },
            streamed: [first.into(), second.into()],
        })
    }

    /// Whether an image of `grid` can be made beside what is kept.
    pub(super) fn has_room_for(&self, grid: LatentGrid) -> bool {
        self.room.is_none_or(|[planned, spare]| {
            working_bytes(&self.sizes, grid) <= planned.saturating_add(spare)
        })
    }
}

/// The most bytes that are computed with beside weights: by a network, or by the decoder.
fn working_bytes(sizes: &[NetworkSize], grid: LatentGrid) -> u64 {
    let tokens = DEFAULT_TOKENS + grid.tokens();
    let denoising = sizes.iter().map(|size| size.device_bytes(tokens)).max().unwrap_or(0);
    let pixels = grid.tokens() as u64 * 256;
    // Three images of the widest stage in f32, and the patches of some of its rows.
    denoising.max(pixels * 256 * 4 * 3 + 4 * PATCH_VALUES as u64)
}

/// Free bytes of a device's memory; `None` where all that there is is the host's.
fn free_memory(device: &Device) -> Result<Option<u64>, ModelError> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return Ok(Some(super::cuda::free_memory(device)?));
    }
    let _ = device;
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::path::Path;

    #[test]
    fn a_larger_image_than_was_planned_for_needs_what_is_spare() {
        let grid = |side: usize| LatentGrid { rows: side / 16, columns: side / 16 };
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tiny-a");
        let checkpoint = Checkpoint::open(&data.join("reference-fp8")).unwrap();
        let weights =
            checkpoint.weights(Component::Transformer, DType::BF16, &Device::Cpu).unwrap();
        let part = Part::open(&checkpoint, Component::Transformer, &weights).unwrap();
        let size = Transformer::size(&part, DType::BF16).unwrap();
        // Its weights have a byte a number, and its norms, biases and scales some more.
        let stored = checkpoint.component_bytes(Component::Transformer);
        assert!((stored..3 * stored).contains(&size.widened_bytes()), "{stored} {size:?}");
        let planned = working_bytes(&[size], grid(512));
        let more = working_bytes(&[size], grid(1024)) - planned;
        let kept = |spare| Kept {
            sizes: vec![size],
            room: Some([planned, spare]),
            placement: Placement::Widened,
            streamed: [Arc::new([]), Arc::new([])],
        };
        assert!(kept(0).has_room_for(grid(512)) && kept(0).has_room_for(grid(256)));
        assert!(!kept(more - 1).has_room_for(grid(1024)) && kept(more).has_room_for(grid(1024)));
        let on_cpu = Kept { room: None, ..kept(0) };
        assert!(on_cpu.has_room_for(grid(2048)));
    }
}
