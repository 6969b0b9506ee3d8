//! Compiles `ralston.c` the way `build.sh` does, so that a build of the workspace leaves it beside
//! the other samplers.

fn main() {
    println!("cargo::rerun-if-changed=ralston.c");
    println!("cargo::rerun-if-changed=../sdk/include/sigmalab_sampler.h");
    cc::Build::new()
        .file("ralston.c")
        .include("../sdk/include")
        .std("c99")
        .flag_if_supported("-ffp-contract=off")
        .flag_if_supported("-fvisibility=hidden")
        .opt_level(2)
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        // A Rust library exports its own functions only: it passes this one on under its name.
        .define("sigmalab_plugin_entry", "ralston_plugin_entry")
        .compile("ralston");
}
