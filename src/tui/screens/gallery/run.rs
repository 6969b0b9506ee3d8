//! One run of the gallery: what the list and the lines beside the picture say. Knows nothing of
//! where it is on the screen.

use crate::history::{Entry, EntryId};
use crate::tui::runs::{self, Finished};
use sigmalab_engine::event::NfeCount;
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::request::Timings;
use sigmalab_image::RgbImage;
use sigmalab_metrics::image::ImageMetrics;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

/// How actions name a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RunName {
    /// A run of this session by its number, from 1: a record that names it so does the same when
    /// it is played.
    Session(usize),
    /// Any other run, by its name in the history.
    Earlier(EntryId),
}

/// A text that names no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no run `{0}`: write the number of a run of this session, or its name in the history"
)]
pub struct NoRunName(String);

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunName::Session(number) => write!(f, "{number}"),
            RunName::Earlier(id) => write!(f, "{id}"),
        }
    }
}

impl FromStr for RunName {
    type Err = NoRunName;

    fn from_str(text: &str) -> Result<Self, NoRunName> {
        let text = text.trim();
        match text.parse() {
            Ok(number) => Ok(RunName::Session(number)),
            Err(_) => text.parse().map(RunName::Earlier).map_err(|_| NoRunName(text.to_owned())),
        }
    }
}

/// Whether a run is in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    Writing,
    /// It is there.
    As {
        id: EntryId,
        /// The file of its picture.
        picture: PathBuf,
    },
    /// It could not be written, and why.
    Not(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct GalleryRun {
    pub name: RunName,
    /// Whether it is in the history.
    pub kept: Kept,
    pub finished: SystemTime,
    pub recipe: Arc<Recipe>,
    /// How many of its steps came from the trajectory cache.
    pub reused: usize,
    pub nfe: NfeCount,
    pub timings: Timings,
    /// Measures of the picture; `None` until it is written.
    pub metrics: Option<ImageMetrics>,
    /// Why its picture cannot be read.
    pub problem: Option<String>,
}

impl GalleryRun {
    /// A run that ended just now, the `number`th of this session.
    pub fn of_this_session(number: usize, run: &Finished, finished: SystemTime) -> Self {
        GalleryRun {
            name: RunName::Session(number),
            kept: Kept::Writing,
            finished,
            recipe: Arc::new(run.recipe.clone()),
            reused: run.reports.iter().filter(|report| report.reused).count(),
            nfe: run.nfe,
            timings: run.timings,
            metrics: None,
            problem: None,
        }
    }

    /// What the history says of a run. Reports of its steps are left out: thousands of runs fit
    /// into the memory without.
    pub fn of_entry(entry: Entry, picture: PathBuf) -> Self {
        GalleryRun {
            name: RunName::Earlier(entry.id.clone()),
            finished: entry.finished(),
            reused: entry.steps.iter().filter(|report| report.reused).count(),
            nfe: entry.nfe,
            timings: entry.timings,
            metrics: Some(entry.metrics),
            kept: Kept::As { id: entry.id, picture },
            recipe: Arc::new(entry.recipe),
            problem: None,
        }
    }

    /// Its name in the history, once it has one.
    pub fn id(&self) -> Option<&EntryId> {
        match &self.kept {
            Kept::As { id, .. } => Some(id),
            Kept::Writing | Kept::Not(_) => None,
        }
    }

    /// How it is called in messages.
    pub fn title(&self) -> String {
        match &self.name {
            RunName::Session(number) => format!("run {number}"),
            RunName::Earlier(_) => {
                format!("the run of {}", crate::tui::screens::gallery::when::date(self.finished))
            }
        }
    }

    /// `20 steps · 18 from cache · NFE 2+2, 36 saved · 3.1 s`.
    pub fn summary(&self) -> String {
        runs::summary(self.recipe.steps.len(), self.reused, &self.nfe, &self.timings)
    }

    /// Whether each of `words`, which are lower case, is in its prompt or in what else it was
    /// drawn with.
    pub fn holds(&self, words: &[String]) -> bool {
        if words.is_empty() {
            return true;
        }
        let recipe = &self.recipe;
        let preset = recipe.preset.as_deref().unwrap_or_default();
        let drawn = crate::tui::screens::gallery::labels::drawn(recipe);
        let text = format!("{} {preset} {drawn}", recipe.prompt).to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    }

    /// Whether `run` is this one.
    pub fn is(&self, run: &Finished) -> bool {
        self.nfe == run.nfe && self.timings == run.timings && *self.recipe == run.recipe
    }
}

/// A run whose picture was read from the history.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRun {
    /// What the list says of it.
    pub run: GalleryRun,
    /// The run as it was.
    pub finished: Arc<Finished>,
}

impl ReadRun {
    /// From what the history has of it.
    pub fn of_entry(entry: Entry, picture: PathBuf, image: RgbImage) -> Self {
        let finished = Arc::new(Finished {
            recipe: entry.recipe.clone(),
            image: Arc::new(image),
            reports: entry.steps.clone(),
            nfe: entry.nfe,
            timings: entry.timings,
            latents: None,
        });
        ReadRun { run: GalleryRun::of_entry(entry, picture), finished }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_name_runs_of_this_session_and_other_names_those_of_the_history() {
        for (text, session) in [("3", true), (" 12 ", true), ("01764000000000-0a1b2c3d", false)] {
            let name: RunName = text.parse().unwrap();
            assert_eq!(matches!(name, RunName::Session(_)), session, "{text}");
            assert_eq!(name.to_string(), text.trim());
        }
        let error = "../x".parse::<RunName>().unwrap_err().to_string();
        assert!(error.contains("`../x`"), "{error}");
    }
}
