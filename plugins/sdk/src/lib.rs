//! Write samplers for sigmalab as shared libraries.

pub mod abi;
