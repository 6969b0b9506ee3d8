//! Finding a schedule: what a reference run says about others, and which one to try next. Gram
//! matrices, dynamic programmes, grids, local search, optimisers and the judgement of what was
//! found, each a function on numbers. This room knows nothing of networks, files and processes.

pub mod cma_es;
pub mod costs;
mod draws;
pub mod gram;
pub mod grid;
pub mod halving;
pub mod judgement;
pub mod local;
pub mod plain;
pub mod programme;
pub mod rollout;
pub mod sign_flip;
pub mod split;
pub mod tpe;
pub mod weights;

#[cfg(any(test, feature = "flow"))]
pub mod flow;
