//! An opened checkpoint: where its files are, which layout they are in, and its stored tensors.
//! It knows file formats and nothing of what the networks compute.
//!
//! [`Checkpoint::open`] reads headers only; weights are memory-mapped and stay as they are
//! stored. [`Weights`] finds them by the reference's names whatever the layout calls them, and
//! gives the networks tensors and [`Linear`](super::linear::Linear) layers.

mod contents;
mod error;
mod files;
mod fingerprint;
mod gguf;
mod json;
mod layout;
mod map;
mod packed;
mod safetensors;
mod shards;
mod single_files;
mod summary;
mod tensor_file;
mod weights;

pub use error::CheckpointError;
pub(crate) use gguf::block_number;
pub(crate) use map::{drop_pages, page_in, page_out};
pub use summary::{CheckpointSummary, ComponentSummary, Dimension, FormatSummary};
pub use weights::Weights;

use candle_core::{DType, Device};
use files::Files;
use serde::{Deserialize, Serialize};
use sigmalab_compute::ModelPart;
use single_files::SingleFiles;
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

    /// What progress of loading calls it.
    pub(crate) fn part(self) -> ModelPart {
        match self {
            Self::TextEncoder => ModelPart::TextEncoder,
            Self::Transformer => ModelPart::Transformer,
            Self::UnconditionalTransformer => ModelPart::UnconditionalTransformer,
            Self::Vae => ModelPart::Decoder,
        }
    }

    /// The part in words.
    fn title(self) -> &'static str {
        match self {
            Self::TextEncoder => "text encoder",
            Self::Transformer => "conditional transformer",
            Self::UnconditionalTransformer => "unconditional transformer",
            Self::Vae => "decoder (vae)",
        }
    }

    /// Names of its weights before `.safetensors`.
    fn stems(self) -> &'static [&'static str] {
        match self {
            Self::TextEncoder => &["model"],
            _ => &["diffusion_pytorch_model", "model"],
        }
    }

    /// Whether that is where diffusers and the reference have its weights in one file.
    fn is_usual(self, path: &str) -> bool {
        let name = path.strip_prefix(self.folder()).and_then(|rest| rest.strip_prefix('/'));
        let stem = name.and_then(|name| name.strip_suffix(".safetensors"));
        stem.is_some_and(|stem| self.stems().contains(&stem))
    }

    /// A distilled checkpoint may lack the unconditional transformer; nothing else may be absent.
    fn is_optional(self) -> bool {
        self == Self::UnconditionalTransformer
    }
}

const TOKENIZER: &str = "tokenizer/tokenizer.json";
/// Where single files have it who keep everything in one folder.
const LOOSE_TOKENIZER: &str = "tokenizer.json";
const SETTINGS: &str = "sigmalab.json";
const LATENT_RGB: &str = "latent-rgb.json";

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
    /// Opens a checkpoint folder: the parts in folders of their own (diffusers or reference
    /// layout; f32, bf16, fp8 or nf4), or in single files, found by their contents, in the
    /// folder, in its parts' folders or in ComfyUI's.
    ///
    /// # Errors
    /// The folder holds no part, a part other than the unconditional transformer is missing or may
    /// be one of several files, a file is unreadable or corrupt, or a `config.json` names a
    /// quantisation that is not read.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        if !folder.is_dir() {
            return Err(CheckpointError::NoFolder { folder: folder.to_owned() });
        }
        let parts = Component::ALL.map(Component::folder);
        // Without a single part it is no checkpoint that lacks something, but something else.
        let files = Files::Folder(folder.to_owned());
        if !parts.iter().chain(&["tokenizer"]).any(|part| folder.join(part).exists())
            && !single_files::any(&files)
        {
            return Err(CheckpointError::NotACheckpoint { folder: folder.to_owned() });
        }
        Self::from_files(files)
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
        let mut single_files = None;
        let mut order = Component::ALL;
        if !has_usual_weights(&files, Component::TextEncoder) && single_files::any(&files) {
            // Transformers first: they tell which text encoder fits.
            order.sort_by_key(|component| *component == Component::TextEncoder);
        }
        let mut features = None;
        for component in order {
            let Some((part, config)) = open_part(&files, component, features, &mut single_files)?
            else {
                continue;
            };
            if component == Component::Transformer {
                features = part
                    .stored_names("llm_cond_norm.weight")
                    .first()
                    .and_then(|name| part.stored.get(name)?.shape.first().copied());
            }
            parts.insert(component, Arc::new(part));
            configs.insert(component, config);
        }
        let settings = if files.has_anything(SETTINGS) {
            json::parse(&files.read(SETTINGS)?, &files.place(SETTINGS))?
        } else {
            Settings::default()
        };
        Ok(Self { files, parts, configs, settings, fingerprint: OnceLock::new() })
    }

    /// A part's `config.json`; an empty object where a single file comes without one.
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

    /// The bytes of `tokenizer/tokenizer.json`, or of the `tokenizer.json` beside single files.
    ///
    /// # Errors
    /// The file is missing or unreadable.
    pub fn tokenizer_json(&self) -> Result<Vec<u8>, CheckpointError> {
        if self.files.has_anything(TOKENIZER) {
            return self.files.read(TOKENIZER);
        }
        if self.files.has_anything(LOOSE_TOKENIZER) {
            return self.files.read(LOOSE_TOKENIZER);
        }
        if self.parts.values().any(|part| part.single_file.is_some()) {
            return Err(CheckpointError::NoTokenizer { file: self.files.place(TOKENIZER) });
        }
        self.files.read(TOKENIZER)
    }

    /// `latent-rgb.json`, where the folder has one that can be read: what drafts of its images are
    /// made with before any was decoded. Nothing but drafts depends on it.
    pub fn latent_rgb(&self) -> Option<Vec<u8>> {
        self.files.read(LATENT_RGB).ok()
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
            let tokenizer = self.tokenizer_json().unwrap_or_default();
            let mut texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
            texts.push(&tokenizer);
            fingerprint::fingerprint(&texts, &self.parts)
        };
        self.fingerprint.get_or_init(compute).clone()
    }

    /// The networks are built: weights are read in larger pieces from now on.
    pub(crate) fn built(&self) {
        let parts = self.parts.values();
        parts.flat_map(|part| part.stored.iter()).for_each(|(_, tensor)| {
            map::read_around(&tensor.bytes);
        });
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

    /// Whether the checkpoint is one that diffusers saved (else the reference's, or single files),
    /// which tells whose conventions the decoder's file follows. A decoder in a single file is
    /// FLUX.2's, with FLUX.2's latent statistics.
    pub fn is_diffusers(&self) -> bool {
        let part = self.parts.get(&Component::Transformer);
        let borrowed =
            self.parts.get(&Component::Vae).is_some_and(|part| part.single_file.is_some());
        part.is_some_and(|part| layout::is_diffusers(&part.stored)) && !borrowed
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

/// Whether the part's weights are where diffusers and the reference have them.
fn has_usual_weights(files: &Files, component: Component) -> bool {
    shards::are_there(files, component.folder(), component.stems())
}

/// A part and its configuration; `None` where an optional part is absent.
fn open_part(
    files: &Files,
    component: Component,
    features: Option<usize>,
    single_files: &mut Option<SingleFiles>,
) -> Result<Option<(NamedPart, serde_json::Value)>, CheckpointError> {
    let folder = component.folder();
    let config_path = format!("{folder}/config.json");
    let place = files.place(&config_path);
    let config = || -> Result<serde_json::Value, CheckpointError> {
        let config = json::parse(&files.read(&config_path)?, &place)?;
        packed::check_config(&config, &place)?;
        Ok(config)
    };
    if !has_usual_weights(files, component) && single_files::any(files) {
        let single = single_files.get_or_insert_with(|| SingleFiles::read(files));
        if let Some(part) = single.find(component, features)? {
            let config = if files.has_anything(&config_path) {
                config()?
            } else {
                serde_json::Value::Object(serde_json::Map::new())
            };
            return Ok(Some((part, config)));
        }
        if !component.is_optional() {
            return Err(single.missing(component, files));
        }
        if let Some(error) = single.damaged_unconditional() {
            return Err(error);
        }
    }
    if component.is_optional() && !files.has_folder(folder) {
        return Ok(None);
    }
    let config = config()?;
    let mut stored = shards::open(files, folder, component.stems())?;
    let layout = layout::detect(component, &mut stored);
    Ok(Some((NamedPart { stored, layout, single_file: None }, config)))
}
