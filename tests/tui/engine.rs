//! Events as the engine sends them, for pictures and numbers that are the same everywhere.

use crate::keys::Workbench;
use sigmalab::tui::app::Effect;
use sigmalab_engine::event::{Event, NfeCount, StepReport};
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::request::{RunOutput, Timings};
use sigmalab_engine::worker::{RunFailure, RunId, RunUpdate};
use sigmalab_image::RgbImage;
use sigmalab_metrics::trajectory::StepMetrics;

impl Workbench {
    /// The recipe of the run that was asked for last, which is taken with this number.
    pub(crate) fn take_run(&mut self, run: u64) -> Recipe {
        let asked = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Run(recipe) => Some((**recipe).clone()),
            _ => None,
        });
        self.app.run_answered(Ok(RunId(run)));
        asked.unwrap()
    }

    /// The first `done` steps of a run, of which the first `reused` come from the cache.
    pub(crate) fn report_steps(&mut self, run: u64, recipe: &Recipe, done: usize, reused: usize) {
        for report in reports(recipe, reused).into_iter().take(done) {
            self.app.engine(RunUpdate::Event(RunId(run), Event::Step(report)));
        }
    }

    /// A run to its end, with a picture of that colour.
    pub(crate) fn finish_run(&mut self, run: u64, reused: usize, colour: [u8; 3]) {
        let recipe = self.take_run(run);
        self.report_steps(run, &recipe, recipe.steps.len(), reused);
        let nfe = reports(&recipe, reused).last().map(|report| report.nfe).unwrap_or_default();
        let timings =
            Timings { load_ms: 310.0, encode_ms: 12.0, denoise_ms: 2650.0, decode_ms: 140.0 };
        let latents = colour.map(f32::from).to_vec();
        let output = output(recipe, picture(256, colour), latents);
        self.end_run(run, RunOutput { nfe, timings, ..output });
    }

    pub(crate) fn end_run(&mut self, run: u64, output: RunOutput) {
        let effects = self.app.engine(RunUpdate::Finished(RunId(run), Ok(Box::new(output))));
        self.effects.extend(effects);
    }

    /// A run that ends without a picture.
    pub(crate) fn fail_run(&mut self, run: u64, failure: RunFailure) {
        self.take_run(run);
        self.app.engine(RunUpdate::Finished(RunId(run), Err(failure)));
    }
}

/// What came of a run that took no time.
pub(crate) fn output(recipe: Recipe, image: RgbImage, latents: Vec<f32>) -> RunOutput {
    let (noise, nfe, timings) = Default::default();
    let (clip_fraction, peak_memory, gram) = (0.0, None, None);
    RunOutput { recipe, image, noise, latents, nfe, timings, clip_fraction, peak_memory, gram }
}

/// A square of one colour that gets darker downwards.
pub(crate) fn picture(side: u32, [red, green, blue]: [u8; 3]) -> RgbImage {
    let row = |y: u32| {
        let fade = |value: u8| (u32::from(value) * (2 * side - y) / (2 * side)) as u8;
        [fade(red), fade(green), fade(blue)].repeat(side as usize)
    };
    RgbImage { width: side, height: side, pixels: (0..side).flat_map(row).collect() }
}

/// What steps report, by smooth formulas.
fn reports(recipe: &Recipe, reused: usize) -> Vec<StepReport> {
    let steps = recipe.steps.len();
    let mut nfe = NfeCount::default();
    let mut report = |index: usize| {
        let at = index as f64 / steps as f64;
        let reused = index < reused;
        match reused {
            true => (nfe.cond_saved, nfe.uncond_saved) = (nfe.cond_saved + 1, nfe.uncond_saved + 1),
            false => (nfe.cond_done, nfe.uncond_done) = (nfe.cond_done + 1, nfe.uncond_done + 1),
        }
        StepReport {
            index,
            steps,
            sigma: 1.0 - at,
            sigma_next: 1.0 - at - 1.0 / steps as f64,
            gw: recipe.steps[index].gw,
            reused,
            ms: (!reused).then_some(132.0),
            metrics: StepMetrics {
                local_error: None,
                v_cond_norm: 180.0 - 40.0 * at,
                v_uncond_norm: Some(176.0 - 38.0 * at),
                guidance_norm: Some(20.0 + 30.0 * at * (1.0 - at)),
                cosine: Some(0.99 - 0.1 * at * at),
                step_length: 12.0 - 8.0 * at,
                x0_drift: (index > 0).then_some(30.0 * (1.0 - at)),
            },
            nfe,
        }
    };
    (0..steps).map(&mut report).collect()
}
