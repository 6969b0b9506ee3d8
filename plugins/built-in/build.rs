//! Compiles the sampler that is written in C, as its own package does.

fn main() {
    println!("cargo::rerun-if-changed=../ralston-c/ralston.c");
    println!("cargo::rerun-if-changed=../sdk/include/sigmalab_sampler.h");
    cc::Build::new()
        .file("../ralston-c/ralston.c")
        .include("../sdk/include")
        .std("c99")
        .flag_if_supported("-ffp-contract=off")
        .flag_if_supported("-fvisibility=hidden")
        .opt_level(2)
        // A program has many entries: each needs a name of its own.
        .define("sigmalab_plugin_entry", "sigmalab_built_in_ralston")
        .compile("sigmalab_built_in_ralston");
}
