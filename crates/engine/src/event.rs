//! What a run reports while it goes. Plain data, as it crosses the worker's pipe.

use serde::{Deserialize, Serialize};
use sigmalab_compute::LoadProgress;
use sigmalab_image::RgbImage;
use sigmalab_metrics::trajectory::StepMetrics;
use sigmalab_model::profile::ProfileEntry;
use std::ops::AddAssign;

/// Something that happened in a run. A run ends with its result, which is no event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A file of the checkpoint is being downloaded, or weights are being read.
    Loading(LoadProgress),
    Loaded {
        ms: f64,
    },
    Encoded {
        /// Text tokens, chat template included.
        tokens: usize,
        ms: f64,
        /// Whether the features were in the cache.
        cached: bool,
    },
    Step(StepReport),
    /// A draft of the image, an eighth of its size along each side: the estimate of the clean
    /// latents after step `step`, in colours. Only where [`RunRequest::previews`] asks for it.
    /// It comes before that step's own report, or after it where the step was reused. Its pixels
    /// travel beside the message.
    ///
    /// [`RunRequest::previews`]: super::request::RunRequest::previews
    #[serde(skip)]
    Preview {
        /// Number of the step, sampling order, from 0.
        step: usize,
        image: RgbImage,
    },
    Decoded {
        ms: f64,
        /// Where the networks' time went in this run, the longest first.
        #[serde(default)]
        profile: Vec<ProfileEntry>,
        /// The most bytes of a GPU's memory that were in use in this run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peak_device_bytes: Option<u64>,
    },
}

/// One step, done or taken from the trajectory cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Number of the step, sampling order, from 0.
    pub index: usize,
    /// Number of steps of the run.
    pub steps: usize,
    /// Noise level it started at.
    pub sigma: f64,
    /// Noise level it ended at.
    pub sigma_next: f64,
    pub gw: f64,
    /// Whether it was taken from the cache as a whole.
    pub reused: bool,
    /// Milliseconds it took; `None` where reused.
    pub ms: Option<f64>,
    pub metrics: StepMetrics,
    /// Evaluations of this run so far.
    pub nfe: NfeCount,
}

/// Network evaluations, the two networks counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NfeCount {
    pub cond_done: u64,
    pub uncond_done: u64,
    /// Conditional evaluations taken from the trajectory cache.
    pub cond_saved: u64,
    /// Unconditional evaluations taken from the trajectory cache.
    pub uncond_saved: u64,
    /// Of the evaluations done by both networks, those that ended after the first block, where the recipe
    /// has a first-block cache.
    #[serde(default, skip_serializing_if = "is_none")]
    pub first_block: u64,
}

impl AddAssign for NfeCount {
    fn add_assign(&mut self, more: Self) {
        self.cond_done += more.cond_done;
        self.uncond_done += more.uncond_done;
        self.cond_saved += more.cond_saved;
        self.uncond_saved += more.uncond_saved;
        self.first_block += more.first_block;
    }
}

fn is_none(count: &u64) -> bool {
    *count == 0
}
