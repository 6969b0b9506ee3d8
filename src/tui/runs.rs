//! The run that is going, the last one that ended, and the pinned one. It follows the engine's
//! news and knows nothing of how it is drawn or asked for.

use crate::tui::screens::gallery::labels;
use sigmalab_compute::LoadProgress;
use sigmalab_engine::event::{Event, NfeCount, StepReport};
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::request::{RunOutput, Timings};
use sigmalab_engine::worker::{RunFailure, RunId, RunUpdate};
use sigmalab_image::RgbImage;
use sigmalab_schedule::edit::Column;
use sigmalab_schedule::runs::gw_runs;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A run that is going.
#[derive(Debug)]
pub struct Going {
    /// What is drawn.
    pub recipe: Recipe,
    /// Its number, once the engine took it.
    pub id: Option<RunId>,
    /// What it does at the moment, in words.
    pub stage: String,
    pub reports: Vec<StepReport>,
    /// The newest draft of its picture.
    pub draft: Option<Draft>,
    /// Whether it was asked to stop.
    pub cancelled: bool,
    pub cancelled_at: Option<Instant>,
    /// What is to be said of a worker that says nothing itself.
    pub silence: Option<String>,
}

/// A draft of a picture.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The step it was made after, from 0.
    pub step: usize,
    /// The picture, an eighth as wide and high as the image.
    pub image: Arc<RgbImage>,
}

/// A run that ended with an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// What was drawn.
    pub recipe: Recipe,
    pub image: Arc<RgbImage>,
    /// The final latents, where they are known: `tokens · 128` values.
    pub latents: Option<Arc<[f32]>>,
    pub reports: Vec<StepReport>,
    pub nfe: NfeCount,
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

#[derive(Debug)]
pub enum Ending {
    Done(Arc<Finished>),
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
            cancelled_at: None,
            silence: None,
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
        let draft = self.going.as_ref().and_then(|going| going.draft.as_ref());
        let draft = draft.map(|draft| Arc::clone(&draft.image));
        draft.or_else(|| self.last.as_ref().map(|last| Arc::clone(&last.image)))
    }

    /// A and B, where both are there.
    pub fn pair(&self) -> Option<(&Arc<Finished>, &Arc<Finished>)> {
        self.pinned.as_ref().zip(self.last.as_ref())
    }

    /// Whether A and B are the same run.
    pub fn is_one(&self) -> bool {
        self.pair().is_some_and(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// A becomes B and B becomes A.
    pub fn swap(&mut self) {
        std::mem::swap(&mut self.pinned, &mut self.last);
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
    /// What it does at the moment, in words.
    pub fn words(&self) -> &str {
        self.silence.as_ref().unwrap_or(&self.stage)
    }

    /// Whether it was asked to stop so long ago that asking again may give its worker up: a step
    /// of a small checkpoint is over before, and a second press of the key is no accident.
    pub fn is_stuck(&self, now: Instant) -> bool {
        const PATIENCE: Duration = Duration::from_secs(3);
        self.cancelled_at.is_some_and(|at| now.duration_since(at) > PATIENCE)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Loading(progress) => self.stage = loading(&progress),
            Event::Loaded { .. } => self.stage = "encoding the prompt".to_owned(),
            Event::Encoded { .. } => self.stage = "first step".to_owned(),
            Event::Step(report) => {
                self.stage = progress(&self.reports, &report);
                self.reports.push(report);
            }
            Event::Preview { step, image } => {
                self.draft = Some(Draft { step, image: Arc::new(image) });
            }
            Event::Decoded { .. } => self.stage = "decoded".to_owned(),
        }
    }

    fn finish(self, output: RunOutput) -> Finished {
        Finished {
            recipe: output.recipe,
            image: Arc::new(output.image),
            latents: (!output.latents.is_empty()).then(|| Arc::from(output.latents)),
            reports: self.reports,
            nfe: output.nfe,
            timings: output.timings,
        }
    }
}

/// `reading transformer · 3.1 of 20.1 GB · 512 MB/s · 33 s left`.
fn loading(progress: &LoadProgress) -> String {
    let LoadProgress { stage, bytes_done, bytes_total, bytes_per_second } = progress;
    let mut text = stage.to_string();
    if *bytes_total > 0 {
        text.push_str(&format!(
            " · {} of {}",
            part(*bytes_done, *bytes_total),
            bytes(*bytes_total)
        ));
    }
    if let Some(rate) = bytes_per_second.filter(|rate| *rate > 0) {
        let left = bytes_total.saturating_sub(*bytes_done) as f64 / rate as f64;
        text.push_str(&format!(" · {}/s · {} left", bytes(rate), seconds(left)));
    }
    text
}

/// Bytes in the unit people would use, which is a power of 1000.
fn bytes(bytes: u64) -> String {
    match bytes {
        b if b < 1_000_000 => format!("{:.0} kB", b as f64 / 1e3),
        b if b < 1_000_000_000 => format!("{:.0} MB", b as f64 / 1e6),
        b => format!("{:.1} GB", b as f64 / 1e9),
    }
}

/// Bytes out of so many, in the unit of these and without it.
fn part(of: u64, total: u64) -> String {
    match total {
        t if t < 1_000_000 => format!("{:.0}", of as f64 / 1e3),
        t if t < 1_000_000_000 => format!("{:.0}", of as f64 / 1e6),
        _ => format!("{:.1}", of as f64 / 1e9),
    }
}

/// `step 3/20 · 0.8 s a step · 14 s left · 2 from cache, 4 NFE saved`.
fn progress(before: &[StepReport], report: &StepReport) -> String {
    let done = report.index + 1;
    let times: Vec<f64> =
        before.iter().filter_map(|r| r.ms).chain(report.ms).map(|ms| ms / 1e3).collect();
    let mut text = format!("step {done}/{}", report.steps);
    if done >= report.steps {
        text.push_str(" · decoding");
    } else if let Some(mean) = mean(&times) {
        let left = mean * (report.steps - done) as f64;
        text.push_str(&format!(" · {} a step · {} left", seconds(mean), seconds(left)));
    }
    let reused = before.iter().filter(|r| r.reused).count() + usize::from(report.reused);
    if reused > 0 {
        text.push_str(&format!(" · {reused} from cache"));
    }
    let saved = report.nfe.cond_saved + report.nfe.uncond_saved;
    if saved > 0 {
        text.push_str(&format!(", {saved} NFE saved"));
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
    /// How many evaluations of both networks came from the cache, and how many it is made of.
    pub fn saved(&self) -> (u64, u64) {
        let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved, .. } = self.nfe;
        let saved = cond_saved + uncond_saved;
        (saved, saved + cond_done + uncond_done)
    }

    /// What it was drawn with: its name, and where that is of edited steps, their mu and std too.
    pub fn title(&self) -> String {
        let [mu, std] = [Column::Mu, Column::Std].map(|of| labels::column(&self.recipe, of));
        match &self.recipe.preset {
            Some(preset) => preset.clone(),
            None => format!("{} · mu {mu} · std {std}", self.name()),
        }
    }

    /// Name of its preset, else the runs of its gw: `gw 7x45 2x3`.
    pub fn name(&self) -> String {
        match &self.recipe.preset {
            Some(preset) => preset.clone(),
            None => format!("gw {}", gw_runs(&self.recipe.steps)),
        }
    }

    /// Evaluations of each network that its steps are made of, whether they were done for this
    /// run or taken from the cache: `20+20`.
    pub fn evaluations(&self) -> String {
        let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved, .. } = self.nfe;
        format!("{}+{}", cond_done + cond_saved, uncond_done + uncond_saved)
    }

    /// Seconds from prompt to image, once the checkpoint is loaded.
    pub fn seconds_loaded(&self) -> f64 {
        self.seconds() - self.timings.load_ms / 1e3
    }

    /// Seconds from request to image.
    pub fn seconds(&self) -> f64 {
        self.timings.total_seconds()
    }

    /// What it cost, from the longest way to say it to the shortest.
    pub fn summaries(&self) -> Vec<String> {
        let time = seconds(self.seconds());
        let timed = self.costs().into_iter().map(|cost| format!("{cost} · {time}"));
        timed.chain([time.clone()]).collect()
    }

    /// The same without the time, which may have the loading of the checkpoint in it.
    pub fn costs(&self) -> Vec<String> {
        let (steps, reused) = (self.reports.len(), self.reused());
        let short = match reused {
            0 => format!("{steps} steps"),
            reused => format!("{reused} of {steps} cached"),
        };
        vec![cost(steps, reused, &self.nfe), short]
    }

    fn reused(&self) -> usize {
        self.reports.iter().filter(|report| report.reused).count()
    }

    /// `20 steps · 18 from cache · NFE 2+2, 36 saved · 3.1 s`.
    pub fn summary(&self) -> String {
        summary(self.reports.len(), self.reused(), &self.nfe, &self.timings)
    }
}

/// What a run took: `20 steps · 18 from cache · NFE 2+2, 36 saved · 3.1 s`.
pub fn summary(steps: usize, reused: usize, nfe: &NfeCount, timings: &Timings) -> String {
    format!("{} · {}", cost(steps, reused, nfe), seconds(timings.total_seconds()))
}

/// The same without the time.
fn cost(steps: usize, reused: usize, nfe: &NfeCount) -> String {
    let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved, .. } = nfe;
    let mut text = format!("{steps} steps");
    if reused > 0 {
        text.push_str(&format!(" · {reused} from cache"));
    }
    text.push_str(&format!(" · NFE {cond_done}+{uncond_done}"));
    if cond_saved + uncond_saved > 0 {
        text.push_str(&format!(", {} saved", cond_saved + uncond_saved));
    }
    if nfe.first_block > 0 {
        text.push_str(&format!(", {} of one block", nfe.first_block));
    }
    text
}

/// How a small image with the noise levels of a larger one was drawn, from the longest way to say
/// it to the shortest; empty where it is of its own size.
pub fn proxy_notes(recipe: &Recipe) -> Vec<String> {
    match recipe.sigma_size {
        Some(target) if target != recipe.size => {
            let Recipe { size, .. } = recipe;
            vec![
                format!("drawn at {size} with the σ of {target}"),
                format!("at {size}, σ of {target}"),
                format!("at {size}"),
            ]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigmalab_compute::{LoadStage, ModelPart};

    #[test]
    fn durations_read_like_speech() {
        let texts = [0.0004, 0.25, 0.999, 3.12, 59.9, 119.9, 3600.0].map(seconds);
        assert_eq!(texts, ["0 ms", "250 ms", "1.0 s", "3.1 s", "60 s", "2 min", "60 min"]);
    }

    #[test]
    fn loading_says_what_is_read_how_fast_and_how_long_it_takes_still() {
        let progress = |bytes_done, bytes_total, bytes_per_second| {
            let stage = LoadStage::Reading(ModelPart::Transformer);
            loading(&LoadProgress { stage, bytes_done, bytes_total, bytes_per_second })
        };
        assert_eq!(
            progress(3_140_000_000, 20_060_000_000, Some(512_000_000)),
            "reading transformer · 3.1 of 20.1 GB · 512 MB/s · 33 s left"
        );
        assert_eq!(progress(0, 640_000_000, None), "reading transformer · 0 of 640 MB");
        // A stall has no end that could be told.
        assert_eq!(progress(1, 2_000_000, Some(0)), "reading transformer · 0 of 2 MB");
        assert_eq!(progress(0, 0, None), "reading transformer");
    }
}
