//! Pins every size and offset of the ABI. `layout.c` holds the same numbers for the header.

use sigmalab_sampler_sdk::abi::*;
use std::mem::{align_of, offset_of, size_of};
use std::process::Command;

macro_rules! offsets {
    ($type:ty, $($field:ident: $offset:expr),* $(,)?) => {
        $(assert_eq!(
            offset_of!($type, $field), $offset, "{}.{}", stringify!($type), stringify!($field)
        );)*
    };
}

#[test]
fn the_mirror_has_the_pinned_sizes_and_offsets() {
    offsets!(ErrorBuffer, struct_size: 0, capacity: 4, message: 8);
    offsets!(
        Param, struct_size: 0, id: 4, kind: 8, flags: 12, key: 16, label: 24, help: 32, min: 40,
        max: 48, default_value: 56, increment: 64, choices: 72, n_choices: 80, reserved: 84,
    );
    offsets!(
        History, struct_size: 0, reserved: 4, sigma: 8, gw: 16, x: 24, v: 32, v_cond: 40,
        v_uncond: 48,
    );
    offsets!(
        Step, struct_size: 0, index: 4, sigma: 8, sigma_next: 16, gw: 24, len: 32, x: 40, v: 48,
        v_cond: 56, v_uncond: 64, params: 72, n_params: 80, n_history: 84, history: 88, out: 96,
    );
    offsets!(
        Host, struct_size: 0, abi_major: 4, abi_minor: 6, ctx: 8, eval: 16, eval_split: 24,
        gauss: 32, cancelled: 40, log: 48,
    );
    offsets!(
        Plugin, struct_size: 0, abi_major: 4, abi_minor: 6, id: 8, name: 16, version: 24, doc: 32,
        flags: 40, order: 44, max_evals_per_step: 48, history_len: 52, n_params: 56, reserved: 60,
        params: 64, step: 72, check: 80,
    );
    let sizes = [
        size_of::<ErrorBuffer>(),
        size_of::<Param>(),
        size_of::<History>(),
        size_of::<Step>(),
        size_of::<Host>(),
        size_of::<Plugin>(),
    ];
    assert_eq!(sizes, [16, 88, 56, 104, 56, 88]);
    let least = [
        ERROR_MIN_SIZE,
        PARAM_MIN_SIZE,
        HISTORY_MIN_SIZE,
        STEP_MIN_SIZE,
        HOST_MIN_SIZE,
        PLUGIN_MIN_SIZE,
    ];
    assert_eq!(least, [16, 88, 56, 104, 48, 80]);
    assert_eq!(align_of::<Plugin>(), 8);
}

/// Compiles `layout.c`, whose static assertions hold the same numbers, as each language that the
/// header promises.
fn compiles(compiler: &str, flags: &[&str]) {
    let root = env!("CARGO_MANIFEST_DIR");
    let run = Command::new(compiler)
        .args(flags)
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"])
        .arg(format!("-I{root}/include"))
        .arg(format!("{root}/tests/layout.c"))
        .output()
        .expect("a C compiler is needed to build sigmalab, and so to test it");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn the_header_has_the_pinned_sizes_and_offsets_in_c99() {
    compiles("cc", &["-std=c99"]);
}

#[test]
fn the_header_has_the_pinned_sizes_and_offsets_in_c11() {
    compiles("cc", &["-std=c11"]);
}

#[test]
fn the_header_has_the_pinned_sizes_and_offsets_in_cpp11() {
    compiles("cc", &["-x", "c++", "-std=c++11"]);
}

/// `#define NAME value` of the header.
fn defined(name: &str) -> String {
    let header = include_str!("../include/sigmalab_sampler.h");
    let line = header.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
    line.unwrap_or_else(|| panic!("the header defines no {name}")).trim().to_owned()
}

#[test]
fn constants_have_the_values_of_the_header() {
    assert_eq!(defined("SIGMALAB_ABI_MAJOR"), ABI_MAJOR.to_string());
    assert_eq!(defined("SIGMALAB_ABI_MINOR"), ABI_MINOR.to_string());
    for (name, code) in [
        ("OK", OK),
        ("CANCELLED", CANCELLED),
        ("E_ARGUMENT", E_ARGUMENT),
        ("E_EVALUATION", E_EVALUATION),
        ("E_PANIC", E_PANIC),
        ("E_NUMERIC", E_NUMERIC),
        ("E_REFUSED", E_REFUSED),
    ] {
        let value = defined(&format!("SIGMALAB_{name}"));
        assert_eq!(value.trim_matches(['(', ')']), code.to_string(), "{name}");
    }
    for (name, value) in [
        ("F64", KIND_F64),
        ("I64", KIND_I64),
        ("FLAG", KIND_FLAG),
        ("CHOICE", KIND_CHOICE),
        ("LOG_DEBUG", LOG_DEBUG),
        ("LOG_INFO", LOG_INFO),
        ("LOG_WARNING", LOG_WARNING),
    ] {
        assert_eq!(defined(&format!("SIGMALAB_{name}")), format!("{value}u"), "{name}");
    }
    for (name, value) in [
        ("PARAM_LOG_SCALE", PARAM_LOG_SCALE),
        ("PARAM_TUNABLE", PARAM_TUNABLE),
        ("STOCHASTIC", STOCHASTIC),
        ("SIGMA_ZERO", SIGMA_ZERO),
        ("SPLIT", SPLIT),
    ] {
        let shift = format!("(1u << {})", value.trailing_zeros());
        assert_eq!(defined(&format!("SIGMALAB_{name}")), shift, "{name}");
    }
}
