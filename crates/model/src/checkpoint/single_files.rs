//! Parts that lie in single files, as ComfyUI and stable-diffusion.cpp keep them. A file is what
//! the names of its tensors say; its own name only tells the two transformers apart.

use super::Component;
use super::error::CheckpointError;
use super::files::Files;
use super::layout::{self, Layout};
use super::packed;
use super::shards::{self, StoredPart};
use super::tensor_file::GGUF;
use super::weights::NamedPart;
use std::collections::BTreeSet;

/// Folders in which single files are looked for: the checkpoint itself, the parts' own, and
/// ComfyUI's (with the older names of two).
const FOLDERS: [&str; 9] = [
    "",
    "transformer",
    "unconditional_transformer",
    "text_encoder",
    "vae",
    "diffusion_models",
    "unet",
    "text_encoders",
    "clip",
];

/// Endings of files that may hold a part.
const ENDINGS: [&str; 2] = [".safetensors", GGUF];

/// The single files of a checkpoint, headers read.
#[derive(Debug)]
pub(super) struct SingleFiles {
    files: Vec<SingleFile>,
    /// Files that could not be read, and why: of interest only where a part is not found.
    unreadable: Vec<(String, CheckpointError)>,
}

#[derive(Debug)]
struct SingleFile {
    /// Path in the checkpoint's folder.
    path: String,
    stored: StoredPart,
}

/// A file that may be a part.
struct Candidate<'a> {
    file: &'a SingleFile,
    layout: Box<dyn Layout>,
    component: Component,
    /// Values of a token of the text encoder, where it is one.
    width: usize,
}

/// Whether there is any single file where they are looked for.
pub(super) fn any(files: &Files) -> bool {
    FOLDERS.iter().any(|folder| !list(files, folder).is_empty())
}

/// Paths of the single files of a folder, a split GGUF file by the first of its pieces that is
/// there. Shards of safetensors have an index of their own; weights under their usual name are
/// not single.
fn list(files: &Files, folder: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let mut split = BTreeSet::new();
    for name in files.list(folder) {
        if !ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        if let Some((stem, _, rest)) = pieces(&name)
            && (!name.ends_with(GGUF) || !split.insert(format!("{stem}{rest}")))
        {
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if !Component::ALL.into_iter().any(|component| component.is_usual(&path)) {
            paths.push(path);
        }
    }
    paths
}

/// What `model-00002-of-00005.gguf` is made of: `model-`, `00002` and `-of-00005.gguf`.
fn pieces(name: &str) -> Option<(&str, &str, &str)> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, count) = name.rsplit_once("-of-")?;
    let stem = before.trim_end_matches(|c: char| c.is_ascii_digit());
    let (number, rest) = (before.strip_prefix(stem)?, name.strip_prefix(before)?);
    (stem.ends_with('-') && digits(number) && digits(count.rsplit_once('.')?.0))
        .then_some((stem, number, rest))
}

/// Opens a single file, all pieces of it where it is split.
fn open(files: &Files, path: &str) -> Result<StoredPart, CheckpointError> {
    let Some((stem, number, rest)) = pieces(path) else { return shards::open_file(files, path) };
    let count = rest.trim_start_matches("-of-").split('.').next().and_then(|c| c.parse().ok());
    let width = number.len();
    let piece = |number: usize| format!("{stem}{number:0width$}{rest}");
    let mut paths = Vec::new();
    for number in 1..=count.unwrap_or(1) {
        if !files.has(&piece(number)) {
            return Err(CheckpointError::NoPiece { file: files.place(&piece(number)) });
        }
        paths.push(piece(number));
    }
    shards::open_files(files, &paths, files.place(path))
}

impl SingleFiles {
    /// Reads the header of every single file.
    pub(super) fn read(files: &Files) -> Self {
        let mut single = Self { files: Vec::new(), unreadable: Vec::new() };
        for path in FOLDERS.iter().flat_map(|folder| list(files, folder)) {
            match open(files, &path) {
                Ok(stored) => single.files.push(SingleFile { path, stored }),
                Err(error) => single.unreadable.push((path, error)),
            }
        }
        single
    }

    /// The file that is the part; `None` where no file is. A text encoder has to give as many
    /// `features` as the transformer takes, where that is known.
    ///
    /// # Errors
    /// Several files may be meant.
    pub(super) fn find(
        &self,
        component: Component,
        features: Option<usize>,
    ) -> Result<Option<NamedPart>, CheckpointError> {
        let mut candidates: Vec<Candidate<'_>> = self
            .files
            .iter()
            .flat_map(candidates)
            .filter(|one| one.component == component)
            .collect();
        if let Some(features) = features {
            candidates.retain(|one| component != Component::TextEncoder || one.gives(features));
        }
        // Of one model in several formats, or of two like ones, the one to be used is often clear.
        keep_if_some(&mut candidates, Candidate::is_read);
        keep_if_some(&mut candidates, Candidate::also_sees);
        match candidates.len() {
            0 => Ok(None),
            1 => Ok(candidates.pop().map(Candidate::into_part)),
            _ => Err(CheckpointError::SeveralFiles {
                part: component.title(),
                files: candidates.iter().map(|one| one.file.path.clone()).collect(),
            }),
        }
    }

    /// Why the part is not among the files.
    pub(super) fn missing(&mut self, component: Component, files: &Files) -> CheckpointError {
        let looked_at = self.files.len();
        // A file that cannot be read may be the one.
        let unreadable = self.unreadable.drain(..).next();
        unreadable.map_or_else(
            || CheckpointError::NoSuchPart {
                folder: files.place(""),
                part: component.title(),
                sign: sign(component),
                looked_at,
            },
            |(_, error)| error,
        )
    }

    /// Why the unconditional transformer could not be read, if it is there at all: a damaged one
    /// is not the same as none.
    pub(super) fn damaged_unconditional(&mut self) -> Option<CheckpointError> {
        let at = self.unreadable.iter().position(|(path, _)| says_unconditional(path))?;
        Some(self.unreadable.swap_remove(at).1)
    }
}

/// Keeps what passes the test, unless nothing does.
fn keep_if_some<'a>(candidates: &mut Vec<Candidate<'a>>, test: impl Fn(&Candidate<'a>) -> bool) {
    if candidates.iter().any(&test) {
        candidates.retain(test);
    }
}

/// What a person finds such a file by.
fn sign(component: Component) -> &'static str {
    match component {
        Component::Transformer => "the tensor embed_image_indicator.weight",
        Component::UnconditionalTransformer => {
            "the tensor embed_image_indicator.weight and \"uncond\" in its name"
        }
        Component::TextEncoder => {
            "the embedding table and layers of Qwen3-VL, a 13th as wide as the transformer's text \
             features"
        }
        Component::Vae => "the tensor decoder.conv_in.weight with 32 latent channels",
    }
}

/// The parts that a file may be.
fn candidates(file: &SingleFile) -> Vec<Candidate<'_>> {
    let stored = &file.stored;
    let mut found = Vec::new();
    for prefix in layout::transformer_prefixes(stored) {
        let layout = layout::transformer(stored, prefix);
        let component = which_transformer(file, prefix);
        found.push(Candidate { file, layout, component, width: 0 });
    }
    if let Some((layout, width)) = layout::text_encoder(stored) {
        found.push(Candidate { file, layout, component: Component::TextEncoder, width });
    }
    if layout::is_decoder(stored) {
        let layout = layout::detect(Component::Vae, &mut stored.clone());
        found.push(Candidate { file, layout, component: Component::Vae, width: 0 });
    }
    found
}

/// Whether a path names the unconditional transformer.
fn says_unconditional(path: &str) -> bool {
    path.to_ascii_lowercase().contains("uncond")
}

/// Both transformers have the same tensors. The folder decides, then the prefix, then what the
/// file says about itself, then its name.
fn which_transformer(file: &SingleFile, prefix: &str) -> Component {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let unconditional = match folder {
        "transformer" => false,
        "unconditional_transformer" => true,
        _ if prefix.contains("uncond") => true,
        _ => {
            let says = file.stored.metadata("model_type").unwrap_or_default();
            says == "ideogram4_uncond" || says != "ideogram4_cond" && says_unconditional(&file.path)
        }
    };
    if unconditional { Component::UnconditionalTransformer } else { Component::Transformer }
}

impl Candidate<'_> {
    fn gives(&self, features: usize) -> bool {
        self.width.checked_mul(TAPS) == Some(features)
    }

    /// Whether its first linear layers are in a format that is read.
    fn is_read(&self) -> bool {
        let module = match self.component {
            Component::Transformer | Component::UnconditionalTransformer => {
                "layers.0.attention.qkv"
            }
            Component::TextEncoder => "layers.0.self_attn.q_proj",
            Component::Vae => return true,
        };
        let modules = self.layout.stored_modules(module);
        modules.iter().all(|module| packed::weight(&self.file.stored, module).is_ok())
    }

    /// Whether a text encoder comes with its vision tower: Qwen3 without one is another model
    /// with the same names.
    fn also_sees(&self) -> bool {
        self.component == Component::TextEncoder
            && self.file.stored.iter().any(|(name, _)| name.contains("visual."))
    }

    fn into_part(self) -> NamedPart {
        let mut stored = self.file.stored.clone();
        if self.component == Component::Vae {
            // Its shapes are seen to as well.
            let layout = layout::detect(Component::Vae, &mut stored);
            return NamedPart { stored, layout, single_file: Some(self.file.path.clone()) };
        }
        NamedPart { stored, layout: self.layout, single_file: Some(self.file.path.clone()) }
    }
}

/// Layers of the text encoder whose outputs are features.
const TAPS: usize = 13;
