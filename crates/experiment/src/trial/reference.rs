//! From a trial to its reference run.

use super::{Experiment, Trial, TrialError, TrialId, identity};
use crate::inputs::FrozenPreset;
use crate::resolve::{ResolveError, resolve};
use crate::spec::tune::Target;
use sigmalab_engine::recipe::Recipe;
use sigmalab_schedule::free::{FREE, Overrides};
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use sigmalab_tune::gram::gw_at;
use sigmalab_tune::grid::levels_of;
use std::sync::Arc;

/// A reference run: what trials of one prompt, seed and size are measured against.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Hash of its recipe.
    pub id: TrialId,
    pub prompt_id: String,
    pub seed: u64,
    /// Everything it depends on.
    pub recipe: Arc<Recipe>,
    pub decode: bool,
    /// Steps between the nodes of its Gram matrix, where that is kept.
    pub gram: Option<usize>,
}

impl Experiment {
    /// The preset of reference runs, its changes made: of a tune towards the limit, in very many
    /// steps.
    pub(crate) fn reference_preset(&self) -> Result<Option<FrozenPreset>, TrialError> {
        let (Some(settings), Some(preset)) = (&self.spec.reference, &self.inputs.reference) else {
            return Ok(None);
        };
        let resolved = resolve(&preset.preset(), &settings.changes, &[], &self.samplers)?;
        let (steps, terminal) = (resolved.steps, resolved.terminal);
        Ok(Some(FrozenPreset { name: preset.name.clone(), steps, terminal }))
    }

    fn is_towards_the_limit(&self) -> bool {
        self.spec.tune.as_ref().is_some_and(|tune| tune.target == Target::Exact)
    }

    /// The reference run of a trial, if the experiment has one.
    pub fn reference(&self, trial: &Trial) -> Result<Option<Reference>, TrialError> {
        let (Some(settings), Some(preset)) = (&self.spec.reference, &self.inputs.reference) else {
            return Ok(None);
        };
        let mut resolved = resolve(&preset.preset(), &settings.changes, &[], &self.samplers)?;
        let Recipe { prompt, size, .. } = trial.recipe.as_ref();
        let mut gram = None;
        if self.is_towards_the_limit() {
            let few = resolved.steps.len();
            resolved.steps = very_many(&resolved.steps, *size, resolved.terminal)?;
            gram = Some(resolved.steps.len() / few.max(1));
        }
        let gram = self.spec.tune.as_ref().map(|_| gram.unwrap_or(1));
        let recipe = self.recipe(preset, resolved, prompt.clone(), trial.seed, *size)?;
        let (id, seed) = (identity(&recipe)?, trial.seed);
        let (prompt_id, decode) = (trial.prompt_id.clone(), trial.decode);
        let recipe = Arc::new(recipe);
        Ok(Some(Reference { id, prompt_id, seed, recipe, decode, gram }))
    }
}

/// Steps of a reference that stands for the limit.
pub(crate) const VERY_MANY: usize = 192;

/// The least multiple of the steps of a schedule that is at least [`VERY_MANY`], with gw as a
/// function of σ.
pub(crate) fn very_many(
    steps: &[Step],
    size: Size,
    terminal: Terminal,
) -> Result<Vec<Step>, TrialError> {
    let preset = FrozenPreset { name: FREE.to_owned(), steps: steps.to_vec(), terminal }.preset();
    let count = VERY_MANY.div_ceil(steps.len().max(1)) * steps.len();
    let overrides = Overrides { num_steps: Some(count), ..Overrides::default() };
    let many = preset.with_overrides(&overrides).map_err(ResolveError::from)?;
    let (few, gw) = (levels_of(steps, size, terminal), steps.iter().map(|step| step.gw));
    let gw: Vec<f64> = gw.collect();
    let levels = levels_of(&many.steps.0, size, terminal);
    let with_gw = |(step, level): (&Step, &f64)| Step { gw: gw_at(&few, &gw, *level), ..*step };
    Ok(many.steps.iter().zip(&levels).map(with_gw).collect())
}
