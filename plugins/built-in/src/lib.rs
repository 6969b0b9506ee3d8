//! The samplers that ship, as a part of the program: the very files of the plugins, with entries
//! that have no name to collide by. Whoever opens a plugin's entry opens these in the same way.
//!
//! A plugin's source names the SDK `sigmalab_sampler_sdk` and exports itself with the SDK's macro
//! `export!`, whose symbol a program can have only once. Here that name means this crate: the SDK
//! with another `export!`, which makes a plain function.

// The name that the plugins' sources know the SDK by.
extern crate self as sigmalab_sampler_sdk;

pub(crate) use sdk::*;

macro_rules! entry {
    ($sampler:ty) => {
        pub(crate) extern "C" fn entry(major: u32, minor: u32) -> *const sdk::abi::Plugin {
            sdk::entry::<$sampler>(major, minor)
        }
    };
}
pub(crate) use entry as export;

#[path = "../../ab2/src/lib.rs"]
mod ab2;
#[path = "../../ab3/src/lib.rs"]
mod ab3;
#[path = "../../dpmpp-2m/src/lib.rs"]
mod dpmpp_2m;
#[path = "../../euler-ancestral/src/lib.rs"]
mod euler_ancestral;
#[path = "../../heun/src/lib.rs"]
mod heun;
#[path = "../../midpoint/src/lib.rs"]
mod midpoint;
#[path = "../../res-2s/src/lib.rs"]
mod res_2s;
#[path = "../../unipc-2/src/lib.rs"]
mod unipc_2;

/// The sampler that is written in C.
#[allow(unsafe_code)] // A foreign function is passed on.
mod ralston {
    use sdk::abi;

    unsafe extern "C" {
        fn sigmalab_built_in_ralston(major: u32, minor: u32) -> *const abi::Plugin;
    }

    pub(crate) extern "C" fn entry(major: u32, minor: u32) -> *const abi::Plugin {
        // SAFETY: it takes two numbers and returns static data or null.
        unsafe { sigmalab_built_in_ralston(major, minor) }
    }
}

/// The entries of all of them, by the ids of their samplers.
pub const ENTRIES: [(&str, sdk::abi::EntryFn); 9] = [
    ("ab2", ab2::entry),
    ("ab3", ab3::entry),
    ("dpmpp-2m", dpmpp_2m::entry),
    ("euler-ancestral", euler_ancestral::entry),
    ("heun", heun::entry),
    ("midpoint", midpoint::entry),
    ("ralston", ralston::entry),
    ("res-2s", res_2s::entry),
    ("unipc-2", unipc_2::entry),
];
