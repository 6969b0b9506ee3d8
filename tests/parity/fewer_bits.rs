//! Computing in fewer bits: in bf16, as the reference does on a GPU, and in bytes. Each has a budget
//! of its own: what was measured, and a third more for processors that sum in another order.

use crate::golden::{Golden, data};
use sigmalab_compute::{ComputeDtype, ModelOptions};
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_model::{Model, ModelTime};

fn load(dtype: ComputeDtype) -> Model {
    let checkpoint = Checkpoint::open(&data("tiny-a/diffusers")).unwrap();
    let options = ModelOptions { dtype, ..ModelOptions::default() };
    Model::load(&checkpoint, options, &mut |_| ()).unwrap()
}

/// ‖a − b‖ / ‖b‖.
fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v) * f64::from(v);
    let error: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
    (error / b.iter().map(|&b| square(b)).sum::<f64>()).sqrt()
}

#[test]
fn the_time_is_rounded_to_bf16_in_bf16_and_never_in_f32() {
    let golden = Golden::open("tiny-a/golden-diffusers.safetensors");
    let (grid, x) = (golden.grid(), golden.f32("noise"));
    let velocities = |dtype| {
        let model = load(dtype);
        let at = |t| model.unconditional(&x, grid, ModelTime(t)).unwrap();
        // Both round to 0.75 in bf16; their fastest sinusoids are 6 radians apart.
        (at(0.75), at(0.7506))
    };
    let (exact, near) = velocities(ComputeDtype::Bf16);
    assert_eq!(exact, near);
    let (exact, near) = velocities(ComputeDtype::F32);
    assert_ne!(exact, near);
}

/// Relative error of the demo's conditional velocity against f32, the largest of three times.
fn demo_velocity_error(dtype: ComputeDtype) -> f64 {
    let golden = Golden::open("demo/golden-0.safetensors");
    let checkpoint = Checkpoint::embedded(sigmalab_demo::FILES).unwrap();
    largest_velocity_error(&checkpoint, &golden, dtype)
}

/// The same of the small random checkpoint, the larger of two formats of its weights.
fn tiny_velocity_error(dtype: ComputeDtype) -> f64 {
    let error = |layout: &str| {
        let golden = Golden::open(&format!("tiny-a/golden-{layout}.safetensors"));
        let checkpoint = Checkpoint::open(&data(&format!("tiny-a/{layout}"))).unwrap();
        largest_velocity_error(&checkpoint, &golden, dtype)
    };
    error("diffusers").max(error("reference-fp8"))
}

fn largest_velocity_error(checkpoint: &Checkpoint, golden: &Golden, dtype: ComputeDtype) -> f64 {
    let velocities = |dtype| {
        let options = ModelOptions { dtype, ..ModelOptions::default() };
        let model = Model::load(checkpoint, options, &mut |_| ()).unwrap();
        let prompt = model.encode(golden.meta("prompt")).unwrap();
        let x = golden.f32("noise");
        // Times that bf16 holds exactly: the difference left is that of the arithmetic.
        [0.125, 0.5, 0.875]
            .map(|t| model.conditional(&x, golden.grid(), ModelTime(t), &prompt).unwrap())
    };
    let (few, exact) = (velocities(dtype), velocities(ComputeDtype::F32));
    few.iter().zip(&exact).map(|(few, exact)| relative_error(few, exact)).fold(0.0, f64::max)
}

#[test]
fn bf16_is_as_far_from_f32_as_eight_bits_of_mantissa_make_it() {
    let (tiny, demo) =
        (tiny_velocity_error(ComputeDtype::Bf16), demo_velocity_error(ComputeDtype::Bf16));
    println!("bf16 against f32: tiny {tiny:.2e}, demo {demo:.2e}");
    assert!(tiny > 1e-4, "bf16 was not used");
    assert!(tiny < 8.5e-3, "{tiny}");
    assert!(demo < 1.25e-2, "{demo}");
}

/// The down projection beside outliers has no budget of its own: it is not to cost what the others do not.
#[test]
fn velocities_in_bytes_stay_within_their_own_budget() {
    let mut errors = Vec::new();
    for dtype in [ComputeDtype::Int8, ComputeDtype::Int8All] {
        let (tiny, demo) = (tiny_velocity_error(dtype), demo_velocity_error(dtype));
        println!("{dtype} against f32: tiny {tiny:.2e}, demo {demo:.2e}");
        assert!(tiny > 1e-4, "bytes were not used");
        assert!(tiny < 3.6e-3, "{dtype}: {tiny}");
        assert!(demo < 2.5e-2, "{dtype}: {demo}");
        errors.push(tiny);
    }
    assert!(errors[0] < errors[1], "bytes were not used in the down projection");
}

/// Root of the mean square of the difference of two pictures, in steps of 1/255.
fn picture_error(a: &[u8], b: &[u8]) -> f64 {
    let square = |(a, b): (&u8, &u8)| (f64::from(*a) - f64::from(*b)).powi(2);
    (a.iter().zip(b).map(square).sum::<f64>() / a.len() as f64).sqrt()
}

#[test]
fn a_whole_run_in_fewer_bits_draws_the_same_picture() {
    let golden = Golden::open("demo/golden-0.safetensors");
    let checkpoint = Checkpoint::embedded(sigmalab_demo::FILES).unwrap();
    let picture = |dtype| {
        let options = ModelOptions { dtype, ..ModelOptions::default() };
        let model = Model::load(&checkpoint, options, &mut |_| ()).unwrap();
        crate::demo::run(&model, &golden).1.pixels
    };
    let exact = picture(ComputeDtype::F32);
    let budgets =
        [(ComputeDtype::Bf16, 5.5), (ComputeDtype::Int8, 11.0), (ComputeDtype::Int8All, 11.0)];
    for (dtype, budget) in budgets {
        let error = picture_error(&picture(dtype), &exact);
        println!("{dtype:?} after 12 steps: {error:.2} of 255");
        assert!(error < budget, "{dtype:?}: {error}");
    }
}
