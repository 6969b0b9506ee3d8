//! What an evaluation takes here: a few steps that are run to find out, with the threads, the memory
//! and the signals of the command that asks. It knows recipes, not plans and budgets.

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use sigmalab_engine::memory_size::MemorySize;
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::request::{RunRequest, Wanted};
use sigmalab_engine::worker::{Engine, EngineOptions, RunFailure};
use sigmalab_sampler::Samplers;

/// With what it is measured.
pub(crate) struct Measuring<'a> {
    /// Compute threads, every core where `None`.
    pub(crate) threads: Option<usize>,
    /// Memory that model and cache may take.
    pub(crate) memory_limit: Option<MemorySize>,
    pub(crate) interrupt: &'a Interrupt,
}

/// What was measured, in milliseconds.
pub(super) struct Measured {
    /// An evaluation of one network, on average over both.
    pub(super) evaluation: f64,
    /// Latents to pixels; 0 where no picture was wanted.
    pub(super) decode: f64,
    /// Loading the checkpoint.
    pub(super) load: f64,
}

impl Measuring<'_> {
    /// Runs a recipe, whose steps are few, twice: the first run loads the checkpoint and warms up,
    /// tables of its size and pages of its weights.
    pub(super) fn measure(
        &self,
        recipe: Recipe,
        samplers: &Samplers,
        picture: bool,
    ) -> Result<Measured, Failure> {
        let mut engine = Engine::new(EngineOptions {
            threads: self.threads,
            memory_limit: self.memory_limit,
            // The second run is to compute what the first one did.
            cache_bytes: Some(0),
            samplers: samplers.clone(),
            ..EngineOptions::default()
        });
        self.interrupt.become_polite();
        let wanted = Wanted { picture, gram: None };
        let request = RunRequest { recipe, noise: None, previews: false, wanted };
        let mut run = || {
            let result = engine.run(&request, &mut |_| !self.interrupt.requested());
            result.map_err(|failure| match failure {
                _ if self.interrupt.requested() => Failure::interrupted(),
                RunFailure::BadInput(message)
                | RunFailure::OfMachine { message, bad_input: true } => Failure::bad_input(message),
                other => Failure::failed(other),
            })
        };
        let load = run()?.timings.load_ms;
        let output = run()?;
        let evaluations = (output.nfe.cond_done + output.nfe.uncond_done).max(1) as f64;
        Ok(Measured {
            evaluation: output.timings.denoise_ms / evaluations,
            decode: output.timings.decode_ms,
            load,
        })
    }
}
