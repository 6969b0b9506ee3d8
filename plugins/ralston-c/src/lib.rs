//! The wrapping that makes Cargo build `ralston.c` as a shared library like the others. The sampler
//! is all there, in C; `build.sh` builds it without Cargo.
#![allow(unsafe_code)] // A foreign function is passed on.

use sigmalab_sampler_sdk::abi;

unsafe extern "C" {
    fn ralston_plugin_entry(host_major: u32, host_minor: u32) -> *const abi::Plugin;
}

/// The entry of the plugin: what it is.
// SAFETY: the name belongs to the interface; a library defines it once.
#[unsafe(no_mangle)]
pub extern "C" fn sigmalab_plugin_entry(host_major: u32, host_minor: u32) -> *const abi::Plugin {
    // SAFETY: it takes two numbers and returns static data or null.
    unsafe { ralston_plugin_entry(host_major, host_minor) }
}

#[cfg(test)]
mod tests;
