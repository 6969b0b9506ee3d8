//! The run that is going, the last one that ended, and the pinned one. It follows the engine's
//! news and knows nothing of how it is drawn or asked for.

use crate::engine::event::{Event, NfeCount, StepReport};
use crate::engine::recipe::Recipe;
use crate::engine::request::{RunOutput, Timings};
use crate::engine::worker::{RunFailure, RunId, RunUpdate};
use crate::model::RgbImage;
use std::sync::Arc;

/// A run that is going.
#[derive(Debug)]
pub struct Going {
    /// What is drawn.
    pub recipe: Recipe,
    /// Its number, once the engine took it.
    pub id: Option<RunId>,
    /// What it does at the moment, in words.
    pub stage: String,
    /// The steps so far.
    pub reports: Vec<StepReport>,
    /// The newest draft of its picture.
    pub draft: Option<Arc<RgbImage>>,
    /// Whether it was asked to stop.
    pub cancelled: bool,
}

/// A run that ended with an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// What was drawn.
    pub recipe: Recipe,
    /// The image.
    pub image: Arc<RgbImage>,
    /// What its steps did.
    pub reports: Vec<StepReport>,
    /// Network evaluations.
    pub nfe: NfeCount,
    /// Where the time went.
    pub timings: Timings,
}

/// The runs on the screen.
#[derive(Debug, Default)]
pub struct Runs {
    /// The one that is going.
    pub going: Option<Going>,
    /// The last one with an image, B in a comparison.
    pub last: Option<Arc<Finished>>,
    /// The pinned one, A in a comparison.
    pub pinned: Option<Arc<Finished>>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ending {
    /// With an image.
    Done(Arc<Finished>),
    /// Without.
    Failed(RunFailure),
}

impl Runs {
    /// A run was asked for.
    pub fn start(&mut self, recipe: Recipe) {
        let stage = "waiting for the worker".to_owned();
        self.going = Some(Going {
            recipe,
            id: None,
            stage,
            reports: Vec::new(),
            draft: None,
            cancelled: false,
        });
    }

    /// Takes the engine's news. Gives how the run ended, when it has. News of a run that is no
    /// longer the one that is going change nothing.
    pub fn take(&mut self, update: RunUpdate) -> Option<Ending> {
        let going = self.going.as_mut()?;
        match update {
            RunUpdate::Event(id, event) if going.id == Some(id) => {
                going.take(event);
                None
            }
            RunUpdate::Finished(id, result) if going.id == Some(id) => {
                let going = self.going.take()?;
                Some(match result {
                    Ok(output) => {
                        let finished = Arc::new(going.finish(*output));
                        self.last = Some(Arc::clone(&finished));
                        Ending::Done(finished)
                    }
                    Err(failure) => Ending::Failed(failure),
                })
            }
            _ => None,
        }
    }

    /// The picture to show: a draft of the run that is going, else the last image.
    pub fn picture(&self) -> Option<Arc<RgbImage>> {
        let draft = self.going.as_ref().and_then(|going| going.draft.clone());
        draft.or_else(|| self.last.as_ref().map(|last| Arc::clone(&last.image)))
    }

    /// The steps to show: of the run that is going, else of the last one.
    pub fn reports(&self) -> &[StepReport] {
        match (&self.going, &self.last) {
            (Some(going), _) => &going.reports,
            (None, Some(last)) => &last.reports,
            (None, None) => &[],
        }
    }
}

impl Going {
    fn take(&mut self, event: Event) {
        match event {
            Event::Loading(loading) => {
                let part = |bytes: u64| bytes as f64 / 1e6;
                self.stage = format!(
                    "loading {} · {:.0} of {:.0} MB",
                    loading.stage,
                    part(loading.bytes_done),
                    part(loading.bytes_total)
                );
            }
            Event::Loaded { .. } => self.stage = "encoding the prompt".to_owned(),
            Event::Encoded { .. } => self.stage = "first step".to_owned(),
            Event::Step(report) => {
                self.stage = progress(&self.reports, &report);
                self.reports.push(report);
            }
            Event::Preview { image, .. } => self.draft = Some(Arc::new(image)),
            Event::Decoded { .. } => self.stage = "decoded".to_owned(),
        }
    }

    fn finish(self, output: RunOutput) -> Finished {
        Finished {
            recipe: output.recipe,
            image: Arc::new(output.image),
            reports: self.reports,
            nfe: output.nfe,
            timings: output.timings,
        }
    }
}

/// `step 3/20 · 0.8 s a step · 14 s left`.
fn progress(before: &[StepReport], report: &StepReport) -> String {
    let done = report.index + 1;
    let times: Vec<f64> =
        before.iter().filter_map(|r| r.ms).chain(report.ms).map(|ms| ms / 1e3).collect();
    let mut text = format!("step {done}/{}", report.steps);
    if let Some(mean) = mean(&times) {
        let left = mean * (report.steps - done.min(report.steps)) as f64;
        text.push_str(&format!(" · {} a step · {} left", seconds(mean), seconds(left)));
    }
    let reused = before.iter().filter(|r| r.reused).count() + usize::from(report.reused);
    if reused > 0 {
        text.push_str(&format!(" · {reused} from cache"));
    }
    text
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// A duration in the unit people would use.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.995 => format!("{:.0} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 119.5 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

impl Finished {
    /// `20 steps · 18 from cache · NFE 2+2, 36 saved · 3.1 s`.
    pub fn summary(&self) -> String {
        let reused = self.reports.iter().filter(|report| report.reused).count();
        summary(self.reports.len(), reused, &self.nfe, &self.timings)
    }
}

/// What a run took: `20 steps · 18 from cache · NFE 2+2, 36 saved · 3.1 s`.
pub fn summary(steps: usize, reused: usize, nfe: &NfeCount, timings: &Timings) -> String {
    let total = timings.load_ms + timings.encode_ms + timings.denoise_ms + timings.decode_ms;
    let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved } = nfe;
    let mut text = format!("{steps} steps");
    if reused > 0 {
        text.push_str(&format!(" · {reused} from cache"));
    }
    text.push_str(&format!(" · NFE {cond_done}+{uncond_done}"));
    if cond_saved + uncond_saved > 0 {
        text.push_str(&format!(", {} saved", cond_saved + uncond_saved));
    }
    text.push_str(&format!(" · {}", seconds(total / 1e3)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        let texts = [0.0004, 0.25, 0.999, 3.12, 59.9, 119.9, 3600.0].map(seconds);
        assert_eq!(texts, ["0 ms", "250 ms", "1.0 s", "3.1 s", "60 s", "2 min", "60 min"]);
    }
}
