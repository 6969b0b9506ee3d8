//! Why a model cannot be loaded or run, in sentences that say what to do.

use super::checkpoint::CheckpointError;

/// Why the model could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A `config.json` holds a value that cannot be used.
    #[error("{file}: `{key}` {problem}")]
    Config {
        /// The file in the checkpoint folder.
        file: String,
        /// The key, dotted where it is nested.
        key: String,
        /// What is wrong with it and what is accepted.
        problem: String,
    },
    #[error(
        "{file}: `{key}` is {configured}, but tensor `{tensor}` says {stored}; the config and \
         the weights belong to different models: take both from one checkpoint"
    )]
    ConfigConflict {
        /// The file in the checkpoint folder.
        file: String,
        /// The key, dotted where it is nested.
        key: String,
        configured: String,
        /// The tensor it was compared with.
        tensor: String,
        /// The value the tensor's shape gives.
        stored: String,
    },
    #[error(
        "{part}: tensor `{tensor}` {problem}; the file is not of this architecture or is damaged"
    )]
    Tensor {
        /// The checkpoint's part (folder).
        part: String,
        tensor: String,
        problem: String,
    },
    #[error("tokenizer/tokenizer.json: {problem}")]
    Tokenizer { problem: String },
    #[error(
        "the prompt has {tokens} tokens with the chat template; the model reads at most {limit}: \
         shorten it"
    )]
    PromptTooLong { tokens: usize, limit: usize },
    #[error(
        "the checkpoint has no unconditional_transformer, as distilled ones do: use guidance \
         weight 1 in every step, which needs none"
    )]
    NoUnconditional,
    /// Number format and device do not go together.
    #[error("{problem}")]
    Options { problem: String },
    #[error(
        "this build cannot use the {device} device: it was built without the feature `{feature}`; \
         use `--device cpu`, or see docs/checkpoints.md for how to build for a GPU"
    )]
    DeviceNotBuilt {
        device: String,
        /// The cargo feature it needs.
        feature: &'static str,
    },
    #[error("the {device} device cannot be used: {problem}; choose another with `--device`")]
    Device { device: String, problem: String },
    #[error(
        "{device} has {available:.1} GiB of memory for it, and this checkpoint takes at least \
         {least:.1} GiB there for an image of that size ({all:.1} GiB without copying layers in each \
         step): use a smaller size, a smaller format such as nf4, a larger --memory-limit, or \
         --device cpu"
    )]
    DeviceMemory {
        device: String,
        /// Its memory in GiB, or what the limit leaves of it.
        available: f64,
        least: f64,
        all: f64,
    },
    #[error(
        "{rows}×{columns} latent tokens of {channels} channels are {expected} numbers, not {found}"
    )]
    LatentLength { rows: usize, columns: usize, channels: usize, expected: usize, found: usize },
    #[error("the computation failed: {}", cause(.0))]
    Compute(#[from] candle_core::Error),
}

/// What a failed operation says of itself. The tensor library's own words end with a call stack where
/// RUST_BACKTRACE is set.
pub(crate) fn cause(error: &candle_core::Error) -> String {
    use candle_core::Error;
    match error {
        Error::WithBacktrace { inner, .. } => cause(inner),
        Error::Context { inner, context } => format!("{context}: {}", cause(inner)),
        #[cfg(feature = "cuda")]
        Error::Cuda(error) => {
            crate::cuda::failure::of_library(error.as_ref()).unwrap_or_else(|| error.to_string())
        }
        other => other.to_string(),
    }
}

impl ModelError {
    /// Whether the checkpoint, the prompt or the choice of device is at fault, not the
    /// computation.
    pub fn is_bad_input(&self) -> bool {
        let of_the_device = matches!(self, ModelError::Checkpoint(CheckpointError::Device { .. }));
        !of_the_device && !matches!(self, ModelError::Compute(_))
    }

    /// Whether another machine may well do what this one could not: its files, its device or its
    /// memory are at fault.
    pub fn is_of_this_machine(&self) -> bool {
        match self {
            ModelError::PromptTooLong { .. }
            | ModelError::NoUnconditional
            | ModelError::LatentLength { .. } => false,
            // Devices say it in their own words.
            ModelError::Compute(error) => {
                let words = cause(error).to_lowercase().replace('_', " ");
                ["out of memory", "cuda error", "no cuda-capable device"]
                    .iter()
                    .any(|known| words.contains(known))
            }
            _ => true,
        }
    }
}
