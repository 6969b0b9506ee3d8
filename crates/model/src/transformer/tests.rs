#![allow(clippy::unwrap_used)]

use super::*;
use crate::checkpoint::{Checkpoint, Component};
use crate::linear::Placement;
use crate::residency::Residency;
use std::path::Path;

/// The network's answer in a checkpoint of the tests, with its layers placed so.
fn answer(folder: &str, dtype: DType, placement: Option<Placement>) -> Vec<f32> {
    answers(folder, dtype, placement, None).1
}

/// Its answers at two times near each other, with a first-block cache of that threshold.
fn answers(
    folder: &str,
    dtype: DType,
    placement: Option<Placement>,
    threshold: Option<f64>,
) -> (Vec<f32>, Vec<f32>) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tiny-a");
    let checkpoint = Checkpoint::open(&data.join(folder)).unwrap();
    let component = Component::Transformer;
    let weights = checkpoint.weights(component, dtype, &Device::Cpu).unwrap();
    let weights = match placement {
        Some(placement) => weights.placed(placement),
        // Some layers of each kind.
        None => weights.placed(Placement::Resident).streaming(Arc::new([false, true])),
    };
    let part = Part::open(&checkpoint, component, &weights).unwrap();
    let [features] = part.shape("llm_cond_norm.weight").unwrap();
    let network = Transformer::conditional(&part, features, dtype, &Device::Cpu).unwrap();
    let residency = Residency::new(Vec::new(), network.stored_layers(), Vec::new(), 0);
    let numbers = |count: usize, step: usize| -> Vec<f32> {
        (0..count).map(|i| ((i * step) % 2003) as f32 / 500.0 - 2.0).collect()
    };
    let grid = LatentGrid { rows: 3, columns: 5 };
    let x = numbers(grid.tokens() * network.channels(), 7919);
    let x = Tensor::from_vec(x, (grid.tokens(), network.channels()), &Device::Cpu).unwrap();
    let text = Tensor::from_vec(numbers(7 * features, 6841), (7, features), &Device::Cpu);
    let text = network.project_text(&text.unwrap()).unwrap();
    let mut cache = threshold.map(FirstBlockCache::new);
    let [before, after] = [0.25, 0.3].map(|t| {
        let (turns, text) = (residency.conditional(), Some(&text));
        let prepared = network.prepare(grid, t, text).unwrap();
        let out = network.forward(&x, &prepared, text, turns, cache.as_mut()).unwrap();
        out.flatten_all().unwrap().to_vec1().unwrap()
    });
    if let Some(cache) = cache {
        assert_eq!(cache.reused(), u64::from(threshold == Some(1.0)), "at {threshold:?}");
    }
    (before, after)
}

/// ‖a − b‖ / ‖b‖.
fn error(found: &[f32], expected: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v) * f64::from(v);
    let apart = found.iter().zip(expected).map(|(a, b)| square(a - b));
    let size: f64 = expected.iter().map(|b| square(*b)).sum();
    (apart.sum::<f64>() / size).sqrt()
}

#[test]
fn a_first_block_cache_leaves_blocks_out_and_changes_nothing_where_it_does_not() {
    let host = Some(Placement::Host);
    let of = |placement, threshold| answers("diffusers", DType::F32, placement, threshold);
    let whole = of(host, None);
    // No answer is that near another.
    assert_eq!(of(host, Some(1e-9)), whole);
    let (first, second) = of(host, Some(1.0));
    assert_eq!(first, whole.0, "nothing was evaluated before");
    let off = error(&second, &whole.1);
    assert!((1e-6..0.5).contains(&off), "{off}");
    // A device leaves out the same.
    assert!(error(&of(Some(Placement::Resident), Some(1.0)).1, &second) < 1e-5);
}

#[test]
fn a_device_s_way_through_a_block_gives_what_the_processor_s_gives() {
    for folder in ["diffusers", "reference-fp8", "reference-nf4"] {
        for (dtype, allowed) in [(DType::F32, 1e-5), (DType::BF16, 1e-2)] {
            let expected = answer(folder, dtype, Some(Placement::Host));
            for placement in [
                Some(Placement::Resident),
                Some(Placement::Widened),
                Some(Placement::Streamed),
                None,
            ] {
                let found = answer(folder, dtype, placement);
                let resident = answer(folder, dtype, Some(Placement::Resident));
                assert_eq!(
                    found, resident,
                    "{folder} {dtype:?}: the same bits, wherever weights are"
                );
                let error = error(&found, &expected);
                assert!(error <= allowed, "{folder} {dtype:?} {placement:?}: {error}");
            }
        }
    }
}

#[test]
fn a_profile_of_a_device_s_way_has_every_operation_of_a_block() {
    crate::profile::take();
    answer("reference-fp8", DType::F32, Some(Placement::Resident));
    let counted: Vec<String> =
        crate::profile::take().into_iter().map(|entry| entry.operation).collect();
    for operation in [
        "attention projections",
        "query and key norms, rotary",
        "attention",
        "feed-forward products",
        "feed-forward gates",
        "norms and residuals",
        "modulation",
        "input and output projections",
    ] {
        assert!(counted.iter().any(|name| name == operation), "{operation}: {counted:?}");
    }
}
