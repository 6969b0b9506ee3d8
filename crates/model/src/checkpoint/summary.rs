//! What a checkpoint holds, as plain data to print.

use super::Component;
use super::packed;
use super::weights::NamedPart;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckpointSummary {
    pub fingerprint: String,
    /// Its default size, (width, height) in pixels, if it names one.
    pub default_size: Option<(u32, u32)>,
    /// Its parts, in the order they are used.
    pub components: Vec<ComponentSummary>,
}

/// What one part holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComponentSummary {
    pub component: Component,
    pub layout: String,
    pub files: usize,
    /// The file's path in the checkpoint, where it was found by its contents and not by its name.
    pub single_file: Option<String>,
    /// Parameters, counted unpacked.
    pub parameters: u64,
    /// Bytes as stored, scales included.
    pub bytes: u64,
    /// Bytes of stored tensors that the model does not read (a vision tower, say).
    pub unused_bytes: u64,
    /// The formats its tensors are stored in, the most bytes first.
    pub formats: Vec<FormatSummary>,
    /// Its main dimensions, read from the shapes.
    pub dimensions: Vec<Dimension>,
}

/// The tensors of one format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormatSummary {
    /// `f32`, `bf16`, `f16`, `fp8`, `nf4`, `nf4 nested`, a block format (`Q8_0`), or a type that is
    /// not read.
    pub format: String,
    /// Tensors, scales and quantisation states not counted.
    pub tensors: usize,
    /// Bytes, scales and quantisation states counted.
    pub bytes: u64,
}

/// A dimension of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dimension {
    /// What it is the number of, in words.
    pub name: &'static str,
    pub value: usize,
}

pub(super) fn summarise(component: Component, part: &NamedPart) -> ComponentSummary {
    let mut formats: BTreeMap<String, FormatSummary> = BTreeMap::new();
    let (mut parameters, mut bytes, mut unused_bytes) = (0u64, 0, 0);
    for (name, tensor) in part.stored.iter() {
        let size = tensor.bytes.as_slice().len() as u64;
        if !part.layout.uses(name) {
            unused_bytes += size;
            continue;
        }
        bytes += size;
        let owner = packed::companion_of(&part.stored, name);
        let (weight, tensor, counts) = match owner.as_deref() {
            Some(owner) => (owner, part.stored.get(owner).unwrap_or(tensor), false),
            None => (name, tensor, true),
        };
        let format = packed::format(&part.stored, weight, tensor);
        let entry =
            formats.entry(format.clone()).or_insert(FormatSummary { format, tensors: 0, bytes: 0 });
        entry.bytes += size;
        if counts {
            entry.tensors += 1;
            // A quantisation state that cannot be read leaves the packed shape.
            let shape = packed::shape(&part.stored, name).unwrap_or_else(|_| tensor.shape.clone());
            let count =
                shape.iter().fold(1u64, |count, &length| count.saturating_mul(length as u64));
            parameters = parameters.saturating_add(count);
        }
    }
    let mut formats: Vec<FormatSummary> = formats.into_values().collect();
    formats.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.format.cmp(&b.format)));
    ComponentSummary {
        component,
        layout: part.layout_name(),
        files: part.stored.files,
        single_file: part.single_file.clone(),
        parameters,
        bytes,
        unused_bytes,
        formats,
        dimensions: dimensions(component, part),
    }
}

/// Which axis of which tensor is which dimension.
fn dimensions(component: Component, part: &NamedPart) -> Vec<Dimension> {
    let axes: &[(&'static str, &str, usize)] = match component {
        Component::TextEncoder => &[
            ("vocabulary", "embed_tokens.weight", 0),
            ("hidden size", "embed_tokens.weight", 1),
            ("feed-forward size", "layers.0.mlp.gate_proj.weight", 0),
        ],
        Component::Transformer | Component::UnconditionalTransformer => &[
            ("hidden size", "input_proj.weight", 0),
            ("latent channels", "input_proj.weight", 1),
            ("text features", "llm_cond_proj.weight", 1),
            ("head size", "layers.0.attention.norm_q.weight", 0),
            ("feed-forward size", "layers.0.feed_forward.w1.weight", 0),
            ("modulation size", "adaln_proj.weight", 0),
        ],
        Component::Vae => &[
            ("latent channels", "decoder.conv_in.weight", 1),
            ("widest channels", "decoder.conv_in.weight", 0),
            ("narrowest channels", "decoder.conv_out.weight", 1),
        ],
    };
    let mut dimensions: Vec<Dimension> = axes
        .iter()
        .filter_map(|&(name, tensor, axis)| {
            let stored = part.stored_names(tensor);
            let shape = packed::shape(&part.stored, stored.first()?).ok()?;
            Some(Dimension { name, value: *shape.get(axis)? })
        })
        .collect();
    let layers: BTreeSet<&str> = part
        .stored
        .iter()
        .filter(|(name, _)| part.layout.uses(name))
        .filter_map(|(name, _)| {
            // llama.cpp calls a layer a block.
            let (before, after) = name.split_once("layers.").or_else(|| name.split_once("blk."))?;
            (before.is_empty() || before.ends_with('.')).then(|| after.split('.').next())?
        })
        .collect();
    if !layers.is_empty() && component != Component::Vae {
        dimensions.insert(0, Dimension { name: "layers", value: layers.len() });
    }
    dimensions
}
