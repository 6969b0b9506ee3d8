//! sigmalab: a workbench for the samplers of Ideogram 4.
//!
//! The library is a stack of rooms; each imports only rooms below it:
//!
//! | room | subject |
//! | --- | --- |
//! | [`kernels`] | arithmetic on plain slices |
//! | [`caption`] | structured captions: verify and wrap |
//! | [`schedule`] | steps, presets, the logit-normal schedule, sizes |

pub mod caption;
pub mod kernels;
pub mod schedule;
