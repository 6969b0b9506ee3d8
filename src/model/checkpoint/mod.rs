//! An opened checkpoint: where its files are, which layout they are in, and its stored tensors.
//! It knows file formats and nothing of what the networks compute.
//!
//! [`Checkpoint::open`] reads headers only; weights are memory-mapped and stay as they are
//! stored. [`Weights`] finds them by the reference's names whatever the layout calls them, and
//! gives the networks tensors and [`Linear`](super::linear::Linear) layers.

mod error;
mod files;
mod fingerprint;
mod json;
mod layout;
mod map;
mod packed;
mod safetensors;
mod shards;
mod summary;
mod weights;

pub use error::CheckpointError;
pub(in crate::model) use map::{page_in, page_out};
pub use summary::{CheckpointSummary, ComponentSummary, Dimension, FormatSummary};
pub use weights::Weights;

use candle_core::{DType, Device};
use files::Files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use weights::NamedPart;

/// The parts of a checkpoint that hold weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// The Qwen3-VL text encoder (text side only).
    TextEncoder,
    /// The conditional transformer.
    Transformer,
    /// The unconditional transformer.
    UnconditionalTransformer,
    /// The image decoder.
    Vae,
}

impl Component {
    /// All parts, in the order they are used.
    pub const ALL: [Self; 4] =
        [Self::TextEncoder, Self::Transformer, Self::UnconditionalTransformer, Self::Vae];

    /// The folder of the part in a checkpoint.
    pub fn folder(self) -> &'static str {
        match self {
            Self::TextEncoder => "text_encoder",
            Self::Transformer => "transformer",
            Self::UnconditionalTransformer => "unconditional_transformer",
            Self::Vae => "vae",
        }
    }

    /// Names of its weights before `.safetensors`.
    fn stems(self) -> &'static [&'static str] {
        match self {
            Self::TextEncoder => &["model"],
            _ => &["diffusion_pytorch_model", "model"],
        }
    }

    /// A distilled checkpoint may lack the unconditional transformer; nothing else may be absent.
    fn is_optional(self) -> bool {
        self == Self::UnconditionalTransformer
    }
}

const TOKENIZER: &str = "tokenizer/tokenizer.json";
const SETTINGS: &str = "sigmalab.json";

/// `sigmalab.json`: what a checkpoint tells sigmalab about itself; optional.
#[derive(Debug, Default, Deserialize)]
struct Settings {
    /// Width and height in pixels.
    default_size: Option<(u32, u32)>,
}

/// A checkpoint, opened: headers read, weights mapped, nothing widened.
///
/// Its files must not be shortened while it is open: a page that is gone ends the process with
/// SIGBUS. Replacing a file by renaming another over it is harmless.
#[derive(Debug)]
pub struct Checkpoint {
    files: Files,
    parts: BTreeMap<Component, Arc<NamedPart>>,
    configs: BTreeMap<Component, serde_json::Value>,
    settings: Settings,
    fingerprint: OnceLock<String>,
}

impl Checkpoint {
    /// Opens a checkpoint folder (diffusers or reference layout, f32, bf16, fp8 or nf4).
    ///
    /// # Errors
    /// The folder holds no part, a part other than the unconditional transformer is missing, a file is unreadable or
    /// corrupt, or a `config.json` names a quantisation that is not read.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        if !folder.is_dir() {
            return Err(CheckpointError::NoFolder { folder: folder.to_owned() });
        }
        let parts = Component::ALL.map(Component::folder);
        // Without a single part it is no checkpoint that lacks something, but something else.
        if !parts.iter().chain(&["tokenizer"]).any(|part| folder.join(part).exists()) {
            return Err(CheckpointError::NotACheckpoint { folder: folder.to_owned() });
        }
        Self::from_files(Files::Folder(folder.to_owned()))
    }

    /// Opens a checkpoint whose files are in memory, by (path in the folder, bytes).
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn embedded(
        files: &'static [(&'static str, &'static [u8])],
    ) -> Result<Self, CheckpointError> {
        Self::from_files(Files::Memory(files))
    }

    fn from_files(files: Files) -> Result<Self, CheckpointError> {
        let mut parts = BTreeMap::new();
        let mut configs = BTreeMap::new();
        for component in Component::ALL {
            let folder = component.folder();
            if component.is_optional() && !files.has_folder(folder) {
                continue;
            }
            let config_path = format!("{folder}/config.json");
            let place = files.place(&config_path);
            let config = json::parse(&files.read(&config_path)?, &place)?;
            packed::check_config(&config, &place)?;
            let stored = shards::open(&files, folder, component.stems())?;
            let layout = layout::detect(component, &stored);
            parts.insert(component, Arc::new(NamedPart { stored, layout }));
            configs.insert(component, config);
        }
        let settings = if files.has_anything(SETTINGS) {
            json::parse(&files.read(SETTINGS)?, &files.place(SETTINGS))?
        } else {
            Settings::default()
        };
        Ok(Self { files, parts, configs, settings, fingerprint: OnceLock::new() })
    }

    /// A part's `config.json`.
    ///
    /// # Errors
    /// The checkpoint does not have the part.
    pub fn config(&self, component: Component) -> Result<serde_json::Value, CheckpointError> {
        self.configs.get(&component).cloned().ok_or_else(|| self.missing(component))
    }

    /// Whether the checkpoint has the part (a distilled one may lack the unconditional pair).
    pub fn has(&self, component: Component) -> bool {
        self.parts.contains_key(&component)
    }

    /// A part's weights; networks ask for their tensors by the reference's names.
    ///
    /// # Errors
    /// The checkpoint does not have the part.
    pub fn weights(
        &self,
        component: Component,
        dtype: DType,
        device: &Device,
    ) -> Result<Weights, CheckpointError> {
        let part = self.parts.get(&component).ok_or_else(|| self.missing(component))?;
        Ok(Weights::new(Arc::clone(part), dtype, device))
    }

    fn missing(&self, component: Component) -> CheckpointError {
        CheckpointError::MissingFile {
            file: self.files.place(component.folder()),
            looked_for: "config.json and its weights".to_owned(),
        }
    }

    /// The bytes of `tokenizer/tokenizer.json`.
    ///
    /// # Errors
    /// The file is missing or unreadable.
    pub fn tokenizer_json(&self) -> Result<Vec<u8>, CheckpointError> {
        self.files.read(TOKENIZER)
    }

    /// `default_size` of `sigmalab.json`, (width, height) in pixels, where the folder has one.
    pub fn default_size(&self) -> Option<(u32, u32)> {
        self.settings.default_size
    }

    /// A short hash of what the checkpoint is: every part's configuration, tensor names, types,
    /// shapes and a sample of the bytes of every tensor, and the tokenizer. Cheap on 27 GB, and
    /// different for different weights. Computed once.
    pub fn fingerprint(&self) -> String {
        let compute = || {
            let mut texts = Vec::new();
            for component in self.parts.keys() {
                // Key order and spaces count: another file is another checkpoint.
                texts.extend(self.configs.get(component).map(|config| config.to_string()));
            }
            let tokenizer = self.files.read(TOKENIZER).unwrap_or_default();
            let mut texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
            texts.push(&tokenizer);
            fingerprint::fingerprint(&texts, &self.parts)
        };
        self.fingerprint.get_or_init(compute).clone()
    }

    /// Bytes of the weights that the model reads, in all, for progress.
    pub fn weight_bytes(&self) -> u64 {
        self.parts.keys().map(|component| self.component_bytes(*component)).sum()
    }

    /// The same of one part; 0 if the checkpoint does not have it.
    pub fn component_bytes(&self, component: Component) -> u64 {
        let Some(part) = self.parts.get(&component) else { return 0 };
        let used = part.stored.iter().filter(|(name, _)| part.layout.uses(name));
        used.map(|(_, tensor)| tensor.bytes.as_slice().len() as u64).sum()
    }

    /// Whether the transformers are stored in diffusers' layout (else the reference's), which
    /// tells whose conventions the decoder's file follows.
    pub fn is_diffusers(&self) -> bool {
        let part = self.parts.get(&Component::Transformer);
        part.is_some_and(|part| layout::is_diffusers(&part.stored))
    }

    /// What the checkpoint holds, part by part.
    pub fn summary(&self) -> CheckpointSummary {
        let components = self
            .parts
            .iter()
            .map(|(component, part)| summary::summarise(*component, part))
            .collect();
        CheckpointSummary {
            fingerprint: self.fingerprint(),
            default_size: self.default_size(),
            components,
        }
    }
}
