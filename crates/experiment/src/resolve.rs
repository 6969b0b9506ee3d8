//! A preset with changes: the steps, terminal and sampler of a trial. The number of steps is
//! settled first, then what holds for every step, then slices in the order of the file.

use super::spec::{Path, PathError, Slice, Value};
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_sampler::{SamplerChoiceError, Samplers};
use sigmalab_schedule::free::{Guidance, Overrides, ParameterError};
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::{Preset, Step};
use sigmalab_schedule::terminal::{Terminal, TerminalError};

/// What a trial runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resolved {
    pub(super) steps: Vec<Step>,
    pub(super) terminal: Terminal,
    pub(super) sampler: SamplerRef,
    pub(super) first_block_cache: Option<f64>,
}

/// Why changes do not fit a preset.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ResolveError {
    /// The schedule does not have such steps.
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A terminal rule that does not exist.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// A sampler, or a value of its parameter by name, that does not exist.
    #[error(transparent)]
    Sampler(#[from] SamplerChoiceError),
    #[error("`{path}` is given {given} values and names {steps} steps: give one value a step")]
    ListLength { path: String, given: usize, steps: usize },
    /// A value of another kind than the parameter's.
    #[error("`{path}` cannot be `{value}`")]
    Kind { path: String, value: String },
}

/// The preset with `base` changes and the `point` of a trial over them.
pub(super) fn resolve(
    preset: &Preset,
    base: &[(Path, Value)],
    point: &[(Path, Value)],
    samplers: &Samplers,
) -> Result<Resolved, ResolveError> {
    let unswept = base.iter().filter(|(path, _)| !point.iter().any(|(swept, _)| swept == path));
    let changes: Vec<&(Path, Value)> = unswept.chain(point).collect();
    let mut overrides = Overrides::default();
    let mut sampler = SamplerRef {
        id: "euler".to_owned(),
        version: None,
        file_hash: None,
        params: std::collections::BTreeMap::new(),
    };
    if let Some((_, id)) = changes.iter().rev().find(|(path, _)| *path == Path::Sampler) {
        sampler.id = id.to_string();
    }
    let mut first_block_cache = None;
    for (path, value) in &changes {
        let kind = || ResolveError::Kind { path: path.to_string(), value: value.to_string() };
        match path {
            Path::Count => {
                let Value::Whole(steps) = value else { return Err(kind()) };
                overrides.num_steps = Some(usize::try_from(*steps).unwrap_or(usize::MAX));
            }
            Path::Terminal => overrides.terminal = Some(value.to_string().parse::<Terminal>()?),
            Path::FirstBlockCache => {
                let threshold = value.number().ok_or_else(kind)?;
                first_block_cache = (threshold != 0.0).then_some(threshold);
            }
            Path::SamplerParam(key) => {
                let number = match value {
                    Value::Text(name) => samplers.read_value(&sampler.id, key, name)?,
                    _ => value.number().ok_or_else(kind)?,
                };
                sampler.params.insert(key.clone(), number);
            }
            Path::Sampler
            | Path::Steps(..)
            | Path::Seed
            | Path::Prompt
            | Path::Size
            | Path::Candidate => {}
        }
    }
    let mut settled = preset.with_overrides(&overrides)?;
    let every_step = |path: &Path| matches!(path, Path::Steps(_, Slice::All));
    let some_steps = |path: &Path| matches!(path, Path::Steps(_, slice) if *slice != Slice::All);
    for (path, value) in changes.iter().filter(|(path, _)| every_step(path)) {
        set(&mut settled.steps, path, value)?;
    }
    for (path, value) in changes.iter().filter(|(path, _)| some_steps(path)) {
        set(&mut settled.steps, path, value)?;
    }
    // The same words for the same mistakes as flags get.
    settled.with_overrides(&Overrides {
        guidance: Some(Guidance::Sampling(settled.steps.iter().map(|step| step.gw).collect())),
        ..Overrides::default()
    })?;
    let Preset { steps: SamplingOrder(steps), terminal, .. } = settled;
    Ok(Resolved { steps, terminal, sampler, first_block_cache })
}

fn set(steps: &mut SamplingOrder<Step>, path: &Path, value: &Value) -> Result<(), ResolveError> {
    let (Path::Steps(column, _), Some(range)) = (path, path.steps(steps.len())?) else {
        return Ok(());
    };
    let count = range.end() + 1 - range.start();
    let values = match value {
        Value::List(list) if list.len() == count => list.clone(),
        Value::List(list) => {
            let (path, given) = (path.to_string(), list.len());
            return Err(ResolveError::ListLength { path, given, steps: count });
        }
        _ => {
            let kind = || ResolveError::Kind { path: path.to_string(), value: value.to_string() };
            vec![value.number().ok_or_else(kind)?; count]
        }
    };
    for (step, value) in steps.0.iter_mut().skip(*range.start()).zip(values) {
        *column.of_mut(step) = value;
    }
    Ok(())
}
