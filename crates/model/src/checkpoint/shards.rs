//! A part's tensors from one safetensors file, or from several with an index.

use super::error::CheckpointError;
use super::files::Files;
use super::json::{self, UniqueKeys};
use super::tensor_file;
use crate::linear::StoredTensor;
use serde::Deserialize;
use sigmalab_files::shared_folder::stays_below;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The stored tensors of one part, by their stored names.
#[derive(Debug, Clone)]
pub(super) struct StoredPart {
    /// What messages name: the file, or the index of the shards.
    pub(super) place: PathBuf,
    pub(super) files: usize,
    /// Tensor and the file it is in, as messages name it.
    tensors: BTreeMap<String, (StoredTensor, usize)>,
    places: Vec<PathBuf>,
    /// What the files say about themselves.
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: UniqueKeys<String>,
}

/// `folder` of the checkpoint, holding `<stem>.safetensors` or `<stem>.safetensors.index.json`
/// and its shards, for one of `stems`.
pub(super) fn open(
    files: &Files,
    folder: &str,
    stems: &[&str],
) -> Result<StoredPart, CheckpointError> {
    for stem in stems {
        let single = format!("{folder}/{stem}.safetensors");
        if files.has(&single) {
            return open_file(files, &single);
        }
        let index = format!("{single}.index.json");
        if files.has(&index) {
            return open_sharded(files, folder, &index);
        }
    }
    let looked_for = stems
        .iter()
        .map(|stem| format!("{stem}.safetensors, {stem}.safetensors.index.json"))
        .collect::<Vec<_>>()
        .join(", ");
    Err(CheckpointError::MissingFile { file: files.place(folder), looked_for })
}

/// Whether [`open`] finds something to open.
pub(super) fn are_there(files: &Files, folder: &str, stems: &[&str]) -> bool {
    stems.iter().any(|stem| {
        let single = format!("{folder}/{stem}.safetensors");
        files.has(&single) || files.has(&format!("{single}.index.json"))
    })
}

pub(super) fn open_file(files: &Files, path: &str) -> Result<StoredPart, CheckpointError> {
    open_files(files, &[path.to_owned()], files.place(path))
}

fn open_sharded(files: &Files, folder: &str, index: &str) -> Result<StoredPart, CheckpointError> {
    let place = files.place(index);
    let fail = |problem: String| CheckpointError::Index { file: place.clone(), problem };
    let Index { weight_map: UniqueKeys(weight_map) } = json::parse(&files.read(index)?, &place)?;
    let weight_map: BTreeMap<String, String> = weight_map.into_iter().collect();
    let mut names = BTreeSet::new();
    // A shard lies beside its index or below it.
    for (tensor, shard) in &weight_map {
        if !stays_below(shard) {
            return Err(fail(format!(
                "tensor {tensor} is said to be in {shard:?}, which is not a file in this folder \
                 or below it"
            )));
        }
        names.insert(shard.as_str());
    }
    if names.is_empty() {
        return Err(fail("it names no tensors".to_owned()));
    }
    let mut paths = Vec::new();
    for name in names {
        let path = format!("{folder}/{name}");
        if !files.has(&path) {
            return Err(fail(format!("the shard {name} that it names is missing")));
        }
        paths.push(path);
    }
    // The index decides: of a tensor that stands in several files, the copy it names counts, and
    // what it leaves out is not part of the model.
    let named = |name: &str, path: &str| {
        let shard = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        weight_map.get(name).map(String::as_str) == shard && shard.is_some()
    };
    let part = open_chosen(files, &paths, place.clone(), named)?;
    for (tensor, shard) in &weight_map {
        if !part.tensors.contains_key(tensor) {
            return Err(fail(format!("tensor {tensor} is not in the shard {shard} it names")));
        }
    }
    Ok(part)
}

/// Several files that are one part; messages call them `place`.
pub(super) fn open_files(
    files: &Files,
    paths: &[String],
    place: PathBuf,
) -> Result<StoredPart, CheckpointError> {
    open_chosen(files, paths, place, |_, _| true)
}

/// The tensors of several files that `wanted` picks by name and path; one that is picked from two
/// files is an error.
fn open_chosen(
    files: &Files,
    paths: &[String],
    place: PathBuf,
    wanted: impl Fn(&str, &str) -> bool,
) -> Result<StoredPart, CheckpointError> {
    let mut tensors: BTreeMap<String, (StoredTensor, usize)> = BTreeMap::new();
    let places: Vec<PathBuf> = paths.iter().map(|path| files.place(path)).collect();
    let mut metadata = BTreeMap::new();
    for (file, path) in paths.iter().enumerate() {
        let here = files.place(path);
        let contents = tensor_file::read(&files.map(path)?, &here)?;
        metadata.extend(contents.metadata);
        for (name, tensor) in contents.tensors {
            if !wanted(&name, path) {
                continue;
            }
            if let Some((_, other)) = tensors.get(&name) {
                let other = places.get(*other).unwrap_or(&place).display();
                return Err(CheckpointError::Corrupt {
                    format: "file of tensors",
                    problem: format!("tensor {name} is also in {other}"),
                    file: here,
                });
            }
            tensors.insert(name, (tensor, file));
        }
    }
    Ok(StoredPart { place, files: paths.len(), tensors, places, metadata })
}

impl StoredPart {
    /// A tensor by its stored name.
    pub(super) fn get(&self, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(name).map(|(tensor, _)| tensor)
    }

    /// What a file says about itself.
    pub(super) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Takes the lengths of 1 off the ends of shapes with more than two axes: a 1×1 convolution
    /// is a matrix.
    pub(super) fn drop_trailing_ones(&mut self, of: impl Fn(&str) -> bool) {
        for (_, (tensor, _)) in self.tensors.iter_mut().filter(|(name, _)| of(name)) {
            while tensor.shape.len() > 2 && tensor.shape.last() == Some(&1) {
                tensor.shape.pop();
            }
        }
    }

    /// All tensors, sorted by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &StoredTensor)> {
        self.tensors.iter().map(|(name, (tensor, _))| (name.as_str(), tensor))
    }

    /// The file that a tensor is in, as messages name it.
    pub(super) fn place_of(&self, name: &str) -> &Path {
        self.tensors.get(name).and_then(|(_, file)| self.places.get(*file)).unwrap_or(&self.place)
    }

    /// The stored tensor, or an error that names it and the nearest name there is.
    pub(super) fn require(&self, name: &str) -> Result<&StoredTensor, CheckpointError> {
        self.get(name).ok_or_else(|| {
            let near = self
                .tensors
                .keys()
                .map(|stored| (strsim::jaro_winkler(stored, name), stored))
                .filter(|(likeness, _)| *likeness > 0.9)
                .max_by(|(a, _), (b, _)| a.total_cmp(b))
                .map(|(_, stored)| stored.clone());
            CheckpointError::MissingTensor {
                file: self.place.clone(),
                tensor: name.to_owned(),
                near,
            }
        })
    }
}

#[cfg(test)]
#[path = "shards_tests.rs"]
mod tests;
