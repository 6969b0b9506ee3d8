//! What a journal says of one run: everything that tables and reports need, so that they can be
//! made of journals alone. Plain data; knows nothing of files.

use super::run_files::{is_latents, is_picture};
use super::spec::{MOST_TRIALS, Value};
use super::trial::{Reference, Trial, TrialId};
use serde::{Deserialize, Serialize};
use sigmalab_engine::event::{NfeCount, StepReport};
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::request::Timings;
use sigmalab_metrics::image::ImageMetrics;
use sigmalab_schedule::fault::MAX_STEPS;
use std::sync::Arc;

/// The version this build writes.
pub const VERSION: u32 = 1;

/// More evaluations than a run makes: sums of a hundred thousand of them still fit.
const MOST_EVALUATIONS: u64 = 1 << 32;

/// One run that came to an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub version: u32,
    pub kind: Kind,
    pub id: TrialId,
    /// The trial's number in the experiment; 0 of a reference run.
    pub number: usize,
    /// Swept values by path, in the order of the experiment file.
    pub point: Vec<(String, Value)>,
    pub prompt_id: String,
    pub seed: u64,
    /// Its recipe, resolved.
    #[serde(with = "shared")]
    pub recipe: Arc<Recipe>,
    /// Identity of the reference run it was measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<TrialId>,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// Which holder of its part it came from, from 1: where two recorded it all the same, the
    /// later one counts, for the earlier one had lost the part before.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub holder: u32,
    /// When it ended, in milliseconds since 1970 (UTC).
    pub finished_ms: u64,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A recipe that others hold too is written and read as any.
mod shared {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use sigmalab_engine::recipe::Recipe;
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(
        recipe: &Arc<Recipe>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Recipe::serialize(recipe, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Recipe>, D::Error> {
        Recipe::deserialize(deserializer).map(Arc::new)
    }
}

fn first() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's form
fn is_first(holder: &u32) -> bool {
    *holder == 1
}

/// What was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Trial,
    Reference,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Outcome {
    Done(Box<Measured>),
    Failed { error: String },
}

/// What a finished run was measured to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Network evaluations done and saved.
    pub nfe: NfeCount,
    pub timings: Timings,
    /// Most memory of the worker, in bytes.
    pub peak_memory: Option<u64>,
    /// Share of the decoded colour values that were clamped.
    pub clip_fraction: f64,
    /// Measures of the picture; `None` where the run was not decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<ImageMetrics>,
    /// Distance between the trajectory's ends over its length.
    pub straightness: f64,
    /// Measures against the reference run, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// What each step did, sampling order. A ledger leaves it in the journals where it may: there
    /// it is empty.
    pub steps: Vec<StepReport>,
    /// The picture's file in the run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The latents' file in the run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latents: Option<String>,
}

/// Measures against the reference run of the same prompt, seed and size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// Root of the mean squared difference of the latents.
    pub latent_rmse: f64,
    /// Peak signal-to-noise ratio in dB; `None` where the pictures are equal, and it infinite, or
    /// where there is none.
    pub psnr: Option<f64>,
    /// Structural similarity; `None` where the run was not decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssim: Option<f64>,
}

impl Record {
    pub fn of_trial(trial: &Trial, reference: Option<&Reference>) -> Started {
        Started {
            kind: Kind::Trial,
            id: trial.id.clone(),
            number: trial.number,
            point: trial
                .point
                .iter()
                .map(|(path, value)| (path.to_string(), value.clone()))
                .collect(),
            prompt_id: trial.prompt_id.clone(),
            seed: trial.seed,
            recipe: Arc::clone(&trial.recipe),
            reference: reference.map(|reference| reference.id.clone()),
        }
    }

    /// The record of a reference run.
    pub fn of_reference(reference: &Reference) -> Started {
        Started {
            kind: Kind::Reference,
            id: reference.id.clone(),
            number: 0,
            point: Vec::new(),
            prompt_id: reference.prompt_id.clone(),
            seed: reference.seed,
            recipe: Arc::clone(&reference.recipe),
            reference: None,
        }
    }

    /// Whether this program could have written it: files by their own names in the run directory,
    /// numbers that fit each other. What a stranger writes into a journal may be anything.
    pub fn is_sound(&self) -> bool {
        let (kind, name) = (self.kind, self.id.short());
        let mut ids = std::iter::once(&self.id).chain(&self.reference);
        let sound = ids.all(TrialId::is_hash)
            && self.number <= MOST_TRIALS
            && self.recipe.steps.len() <= MAX_STEPS;
        sound
            && self.measured().is_none_or(|measured| {
                let (image, latents) = (&measured.image, &measured.latents);
                let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved, first_block } =
                    measured.nfe;
                image.as_ref().is_none_or(|file| is_picture(file, kind, name))
                    && latents.as_ref().is_none_or(|file| is_latents(file, kind, name))
                    && [cond_done, uncond_done, cond_saved, uncond_saved, first_block]
                        .iter()
                        .all(|count| *count <= MOST_EVALUATIONS)
                    && measured.steps.len() <= self.recipe.steps.len()
                    && measured
                        .steps
                        .iter()
                        .all(|step| step.steps <= MAX_STEPS && step.index < step.steps)
            })
    }

    /// What was measured, if the run ended well.
    pub fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Done(measured) => Some(measured),
            Outcome::Failed { .. } => None,
        }
    }
}

/// A run that has not ended: a record without its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    pub kind: Kind,
    pub id: TrialId,
    number: usize,
    point: Vec<(String, Value)>,
    prompt_id: String,
    seed: u64,
    pub recipe: Arc<Recipe>,
    reference: Option<TrialId>,
}

impl Started {
    /// The record, once the run has ended.
    pub fn ended(self, attempt: u32, finished_ms: u64, outcome: Outcome) -> Record {
        self.ended_under(1, attempt, finished_ms, outcome)
    }

    /// The same by a holder of its part that was not the first.
    pub fn ended_under(
        self,
        holder: u32,
        attempt: u32,
        finished_ms: u64,
        outcome: Outcome,
    ) -> Record {
        let Started { kind, id, number, point, prompt_id, seed, recipe, reference } = self;
        let version = VERSION;
        Record {
            version,
            kind,
            id,
            number,
            point,
            prompt_id,
            seed,
            recipe,
            reference,
            attempt,
            holder,
            finished_ms,
            outcome,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The end of a run that went well, with its files.
    pub(in super::super) fn done(id: &TrialId) -> Outcome {
        let name = id.short();
        let measured = serde_json::json!({
            "status": "done",
            "nfe": { "cond_done": 4, "uncond_done": 4, "cond_saved": 0, "uncond_saved": 0 },
            "timings": Timings::default(),
            "peak_memory": 1,
            "clip_fraction": 0.0,
            "picture": {
                "clip_fraction": 0.0, "saturation": 0.1, "contrast": 0.2, "sharpness": 0.3,
                "colourfulness": 0.4,
            },
            "straightness": 0.9,
            "steps": [],
            "image": format!("images/{name}.png"),
            "latents": format!("latents/{name}.safetensors"),
        });
        serde_json::from_value(measured).unwrap_or(Outcome::Failed { error: String::new() })
    }
}
