//! Computing in bf16, as the reference does on a GPU.

use crate::golden::{Golden, data};
use sigmalab::model::checkpoint::Checkpoint;
use sigmalab::model::{ComputeDtype, Model, ModelOptions, ModelTime};

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
fn bf16_is_as_far_from_f32_as_eight_bits_of_mantissa_make_it() {
    let golden = Golden::open("tiny-a/golden-diffusers.safetensors");
    let (grid, x) = (golden.grid(), golden.f32("noise"));
    // A time that bf16 holds exactly: the difference left is that of the arithmetic.
    let velocity = |dtype| {
        let model = load(dtype);
        let prompt = model.encode(golden.meta("prompt")).unwrap();
        model.conditional(&x, grid, ModelTime(0.5), &prompt).unwrap()
    };
    let error = relative_error(&velocity(ComputeDtype::Bf16), &velocity(ComputeDtype::F32));
    println!("bf16 against f32: {error:.1e}");
    assert!(error > 1e-4, "bf16 was not used");
    assert!(error < 2e-2, "{error}");
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

#[test]
fn products_of_bytes_stay_within_their_own_budget() {
    let golden = Golden::open("tiny-a/golden-diffusers.safetensors");
    let (grid, x) = (golden.grid(), golden.f32("noise"));
    let velocity = |dtype| {
        let model = load(dtype);
        let prompt = model.encode(golden.meta("prompt")).unwrap();
        model.conditional(&x, grid, ModelTime(0.5), &prompt).unwrap()
    };
    let error = relative_error(&velocity(ComputeDtype::Int8), &velocity(ComputeDtype::F32));
    println!("int8 against f32: {error:.1e}");
    assert!(error > 1e-4, "bytes were not used");
    assert!(error < 3e-2, "{error}");
}
