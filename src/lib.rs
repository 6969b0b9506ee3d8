//! sigmalab: a workbench for the samplers of Ideogram 4.
//!
//! The library is a stack of rooms; each imports only rooms below it:
//!
//! | room | subject |
//! | --- | --- |
//! | [`caption`] | structured captions: verify and wrap |
//! | [`schedule`] | steps, presets, the logit-normal schedule, sizes |

pub mod caption;
pub mod schedule;
