//! What a sweep found: a contact sheet, a page of its own, and a summary in words. Made of the
//! records alone; it runs nothing.

mod canvas;
mod columns;
mod comparison;
mod effects;
mod finding;
mod html;
mod page;
mod plot;
mod sheet;
mod summary;
mod tune;
pub mod wilcoxon;

pub use comparison::{Comparison, ComparisonError, Group, compare};
pub use finding::{Better, Finding, METRICS, Metric, digits, short};
pub use plot::Plot;
pub use summary::summary;
pub use tune::{sampler_of, tune_summary, tuned};

use super::sweep::Sweep;
use sigmalab_files::target::{OnCollision, TargetError};
use std::path::PathBuf;

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("no trial has succeeded yet: there is nothing to report")]
    Nothing,
    #[error("the tune is not finished: there is nothing to report")]
    NotJudged,
    #[error(transparent)]
    Write(#[from] TargetError),
}

/// The files of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The contact sheet; `None` where no trial kept its picture.
    pub sheet: Option<PathBuf>,
    pub page: PathBuf,
}

/// Writes contact sheet and page into the run directory.
pub fn write(sweep: &Sweep) -> Result<Written, ReportError> {
    if sweep.experiment.spec.tune.is_some() {
        let verdict = tuned(sweep).ok_or(ReportError::NotJudged)?;
        return Ok(Written { sheet: None, page: tune::write(sweep, &verdict)? });
    }
    let finding = Finding::of(sweep);
    if finding.trials.is_empty() {
        return Err(ReportError::Nothing);
    }
    let directory = &sweep.directory;
    let sheet = match sheet::draw(&finding, directory) {
        Some(sheet) => {
            const SHEET: &str = "contact-sheet.png";
            directory.put(SHEET, OnCollision::Replace, |out| canvas::write_png(&sheet, out))?;
            Some(directory.path().join(SHEET))
        }
        None => None,
    };
    const PAGE: &str = "report.html";
    let page = page::page(&finding, directory);
    directory.put(PAGE, OnCollision::Replace, |out| out.write_all(page.as_bytes()))?;
    Ok(Written { sheet, page: directory.path().join(PAGE) })
}
