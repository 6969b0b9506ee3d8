//! Sweeps: from an experiment file to trials, a plan that shares what trials have in common, a
//! run directory that survives anything, tables and reports. This room knows nothing of
//! terminals.

pub mod built_in;
pub mod control;
pub mod difference;
pub mod directory;
pub mod generation;
mod gram_file;
pub mod inputs;
pub mod journal;
pub mod launch;
pub mod lease;
pub mod ledger;
mod measure;
pub mod openings;
pub mod plan;
pub mod process;
pub mod prompts;
pub mod record;
pub mod report;
mod resolve;
mod run_files;
pub mod runner;
pub mod search;
pub mod spec;
pub mod status;
pub mod summary;
pub mod sweep;
pub mod tables;
pub mod template;
pub mod trial;
pub mod workers;
mod writing;

pub use resolve::ResolveError;
