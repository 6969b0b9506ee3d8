//! Why a file is no plugin, or one that cannot be used: each in one line that follows the file's
//! name.

use sigmalab_sampler_sdk::abi;
use std::io;

/// Why a file cannot be used as a plugin.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is larger than a plugin may be ({limit} MB)")]
    TooLarge { limit: u64 },
    #[error("it is not a plugin: it does not export `sigmalab_plugin_entry`")]
    NoPlugin,
    #[error("the system cannot load it: {0}")]
    Unloadable(String),
    #[error(
        "loading it changes how floating-point numbers are computed (as -ffast-math does): build \
         it without"
    )]
    FloatingPoint,
    #[error(
        "it says that it cannot work with version {}.{} of the interface, which this build has",
        abi::ABI_MAJOR,
        abi::ABI_MINOR
    )]
    Refuses,
    #[error(
        "it was built for version {major}.{minor} of the interface, and this build has {}.{}: \
         build it again with this version's header or SDK",
        abi::ABI_MAJOR,
        abi::ABI_MINOR
    )]
    Version { major: u16, minor: u16 },
    #[error("its {what} says that it has {found} bytes, and {least} are needed")]
    TooSmall { what: String, found: u32, least: u32 },
    #[error("its {0} is a null pointer")]
    Null(String),
    #[error("its {0} is not aligned")]
    Misaligned(String),
    /// Text that cannot be used.
    #[error("its {what} {problem}")]
    Text { what: String, problem: String },
    #[error("its {what} is {found}, and {least} to {most} are allowed")]
    Range { what: &'static str, found: u64, least: u64, most: u64 },
    /// A parameter that makes no sense.
    #[error("its parameter {which} {problem}")]
    Param {
        /// The parameter: its key in quotes, or its number.
        which: String,
        problem: String,
    },
}
