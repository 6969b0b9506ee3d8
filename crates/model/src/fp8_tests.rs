//! What is refused, and how far velocities in fp8 are from those in f32: the device's way through the
//! blocks, with the tensor library in place of kernels and cuBLASLt. Its products of e4m3 are exact and summed in
//! f32, as a card's are but for the last bits.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use super::*;
use crate::config::Part;
use crate::latents::LatentGrid;
use crate::linear::Placement;
use crate::options::activation_dtype;
use crate::residency::Residency;
use crate::text_encoder::TextEncoder;
use crate::tokenizer::PromptTokenizer;
use crate::transformer::Transformer;
use candle_core::Tensor;
use safetensors::SafeTensors;
use sigmalab_compute::DeviceChoice;
use std::path::{Path, PathBuf};

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(path)
}

fn options() -> ModelOptions {
    ModelOptions { dtype: ComputeDtype::Fp8, device: DeviceChoice::Cuda(2) }
}

#[test]
fn a_card_that_is_too_old_is_told_what_would_do() {
    let refusal = refusal_of_card(options(), (8, 6));
    for words in ["cuda:2", "8.6", "8.9", "--dtype bf16"] {
        assert!(refusal.contains(words), "{refusal}");
    }
}

#[test]
fn weights_that_are_not_in_fp8_are_refused_and_nothing_else_asks_for_them() {
    let open = |folder: &str| Checkpoint::open(&data(folder)).unwrap();
    for (folder, format) in [("tiny-a/diffusers", "f32"), ("tiny-a/reference-nf4", "nf4")] {
        let refused = check(&open(folder), options(), &Device::Cpu).unwrap_err();
        assert!(refused.is_bad_input());
        let refusal = refused.to_string();
        for words in [format, "stored in fp8", "checkpoint's transformer", "--dtype bf16"] {
            assert!(refusal.contains(words), "{refusal}");
        }
        let bf16 = ModelOptions { dtype: ComputeDtype::Bf16, ..options() };
        assert!(check(&open(folder), bf16, &Device::Cpu).is_ok());
    }
    assert!(check(&open("tiny-a/reference-fp8"), options(), &Device::Cpu).is_ok());
    let demo = Checkpoint::embedded(sigmalab_demo::FILES).unwrap();
    assert!(check(&demo, options(), &Device::Cpu).is_ok());
}

/// What velocities are asked with.
struct Asked {
    checkpoint: Checkpoint,
    grid: LatentGrid,
    noise: Vec<f32>,
    features: Tensor,
}

impl Asked {
    fn of(checkpoint: Checkpoint, golden: &str) -> Self {
        let bytes = std::fs::read(data(golden)).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        let tokens = |key: &str| metadata[key].parse::<usize>().unwrap() / 16;
        let grid = LatentGrid { rows: tokens("height"), columns: tokens("width") };
        let noise = SafeTensors::deserialize(&bytes).unwrap().tensor("noise").unwrap();
        let noise = noise.data().chunks_exact(4).map(|v| f32::from_le_bytes(v.try_into().unwrap()));
        let noise = noise.collect();

        let tokenizer = PromptTokenizer::from_json(&checkpoint.tokenizer_json().unwrap()).unwrap();
        let ids = tokenizer.encode(&metadata["prompt"]).unwrap();
        let (component, dtype) = (Component::TextEncoder, DType::F32);
        let weights = checkpoint.weights(component, dtype, &Device::Cpu).unwrap();
        let part = Part::open(&checkpoint, component, &weights).unwrap();
        let encoder = TextEncoder::new(&part, dtype, &Device::Cpu).unwrap();
        let residency = Residency::new(encoder.stored_layers(), Vec::new(), Vec::new(), 0);
        let features = encoder.features(&ids, residency.encoder()).unwrap();
        drop(part);
        Self { checkpoint, grid, noise, features }
    }

    /// The conditional network's answers at three times that bf16 holds exactly.
    fn answers(&self, dtype: ComputeDtype, placement: Placement) -> Vec<Vec<f32>> {
        let (component, activations) = (Component::Transformer, activation_dtype(dtype));
        let weights = self.checkpoint.weights(component, activations, &Device::Cpu).unwrap();
        let weights = weights.in_bytes_of(dtype).placed(placement);
        let part = Part::open(&self.checkpoint, component, &weights).unwrap();
        let width = self.features.dim(1).unwrap();
        let network = Transformer::conditional(&part, width, activations, &Device::Cpu).unwrap();
        let residency = Residency::new(Vec::new(), network.stored_layers(), Vec::new(), 0);
        let shape = (self.grid.tokens(), network.channels());
        let x = Tensor::from_slice(&self.noise, shape, &Device::Cpu).unwrap();
        let text = network.project_text(&self.features).unwrap();
        [0.125, 0.5, 0.875]
            .map(|t| {
                let prepared = network.prepare(self.grid, t, Some(&text)).unwrap();
                let turns = residency.conditional();
                let out = network.forward(&x, &prepared, Some(&text), turns, None).unwrap();
                out.flatten_all().unwrap().to_vec1().unwrap()
            })
            .to_vec()
    }

    /// ‖a − b‖ / ‖b‖ against f32, the largest of the times.
    fn error(&self, dtype: ComputeDtype, placement: Placement) -> f64 {
        let exact = self.answers(ComputeDtype::F32, Placement::Host);
        let square = |v: f32| f64::from(v) * f64::from(v);
        let of = |(found, exact): (&Vec<f32>, &Vec<f32>)| {
            let apart: f64 = found.iter().zip(exact).map(|(a, b)| square(a - b)).sum();
            (apart / exact.iter().map(|b| square(*b)).sum::<f64>()).sqrt()
        };
        self.answers(dtype, placement).iter().zip(&exact).map(of).fold(0.0, f64::max)
    }
}

#[test]
fn velocities_in_fp8_stay_within_their_own_budget() {
    let tiny = Asked::of(
        Checkpoint::open(&data("tiny-a/reference-fp8")).unwrap(),
        "tiny-a/golden-reference-fp8.safetensors",
    );
    let demo = Checkpoint::embedded(sigmalab_demo::FILES).unwrap();
    let demo = Asked::of(demo, "demo/golden-0.safetensors");
    // What was measured, and a third more for processors that sum in another order.
    for (name, asked, most) in [("tiny", &tiny, 1.65e-2), ("demo", &demo, 2e-2)] {
        let error = asked.error(ComputeDtype::Fp8, Placement::Resident);
        let bf16 = asked.error(ComputeDtype::Bf16, Placement::Resident);
        println!("fp8 against f32: {name} {error:.2e}, bf16 {bf16:.2e}");
        assert!(error > 1.5 * bf16, "{name}: fp8 was not used: {error}");
        assert!(error < most, "{name}: {error}");
    }
}

#[test]
fn weights_that_are_sent_for_each_use_give_the_same_bits_in_fp8() {
    let tiny = Asked::of(
        Checkpoint::open(&data("tiny-a/reference-fp8")).unwrap(),
        "tiny-a/golden-reference-fp8.safetensors",
    );
    let answers = |placement| tiny.answers(ComputeDtype::Fp8, placement);
    assert_eq!(answers(Placement::Streamed), answers(Placement::Resident));
    // Weights that were widened are multiplied in bf16: another way, which is why fp8 keeps them as they are.
    assert_ne!(answers(Placement::Widened), answers(Placement::Resident));
}
