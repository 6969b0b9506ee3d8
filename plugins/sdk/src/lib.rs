//! Write samplers for sigmalab as shared libraries, in safe Rust and without dependencies.
//!
//! A sampler takes the latents from one noise level σ to the next, along the velocity dx/dσ that
//! two networks give. This is Heun's method, whole:
//!
//! ```
//! use sigmalab_sampler_sdk::{Error, Host, Info, Sampler, Step, Sum, export};
//!
//! struct Heun;
//!
//! impl Sampler for Heun {
//!     const INFO: Info = Info::new(c"org.lab.heun", c"Heun", c"1.0.0", c"The trapezoid rule.")
//!         .order(2)
//!         .evaluations(2)
//!         .reaches_zero();
//!
//!     fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
//!         let h = step.delta();
//!         // Euler first: x + h·v. The host has evaluated v at (x, σ) already.
//!         Sum::of(1.0, step.x).plus(h, step.v).write(out);
//!         if step.sigma_next == 0.0 {
//!             return Ok(()); // no network is defined there
//!         }
//!         let mut v_next = vec![0.0; out.len()];
//!         host.evaluate(out, step.sigma_next, step.gw, &mut v_next)?;
//!         Sum::of(1.0, step.x).plus(0.5 * h, step.v).plus(0.5 * h, &v_next).write(out);
//!         Ok(())
//!     }
//! }
//!
//! export!(Heun);
//! #
//! # fn main() {
//! # use sigmalab_sampler_sdk::{plugin, testing::assert_order};
//! # assert_order(plugin::<Heun>(), 2, &[20, 40], &[&[]]);
//! # }
//! ```
//!
//! Build it as a `cdylib`, put the library where sigmalab looks for plugins, and measure it with
//! `sigmalab plugins check`. Parameters are constants in the table of [`Info`]; earlier steps come
//! as [`Step::history`]; noise comes from [`Host::gaussian`]. [`testing`] runs a sampler on a flow
//! whose solution is known, without sigmalab.
//!
//! The rules behind this are those of the C header, `include/sigmalab_sampler.h`; [`abi`] mirrors
//! it. The macro [`export!`] catches panics, so that a mistake is one failed run with its words.
#![warn(missing_docs, unreachable_pub, rust_2018_idioms)]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::undocumented_unsafe_blocks
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod abi;
mod error;
mod export;
mod host;
mod info;
pub mod multistep;
mod step;
mod sum;
pub mod testing;
pub mod time;

pub use error::Error;
pub use export::{Sampler, Table, entry, plugin};
pub use host::{Host, Level};
pub use info::{ChoiceName, Info, Param, Params};
pub use step::{Blend, Past, Step};
pub use sum::Sum;
