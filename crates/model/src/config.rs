//! Reading `config.json` files: values under either of their names, and every dimension
//! compared with the tensors that have it. Knows nothing of what the values mean.

use super::checkpoint::{Checkpoint, Component, Weights};
use super::error::ModelError;
use serde_json::Value;

/// A part's tensors and its `config.json`, side by side.
pub(super) struct Part<'a> {
    pub(super) weights: &'a Weights,
    folder: &'static str,
    config: Value,
}

/// A value of the config and the key it was found under.
pub(super) struct Found<T> {
    pub(super) key: String,
    pub(super) value: T,
}

impl<'a> Part<'a> {
    /// The part `component`, whose tensors are `weights`.
    pub(super) fn open(
        checkpoint: &Checkpoint,
        component: Component,
        weights: &'a Weights,
    ) -> Result<Self, ModelError> {
        let config = checkpoint.config(component)?;
        Ok(Self { weights, folder: component.folder(), config })
    }

    /// The shape of a tensor of `N` dimensions, none of them 0.
    pub(super) fn shape<const N: usize>(&self, tensor: &str) -> Result<[usize; N], ModelError> {
        let shape = self.weights.shape(tensor)?;
        match <[usize; N]>::try_from(shape.as_slice()) {
            Ok(dims) if !dims.contains(&0) => Ok(dims),
            _ => {
                Err(self.bad_tensor(tensor, format!("has shape {shape:?}, not {N} sizes above 0")))
            }
        }
    }

    /// `whole / part`, which the architecture needs to be a whole number.
    pub(super) fn divide(
        &self,
        tensor: &str,
        whole: usize,
        part: usize,
    ) -> Result<usize, ModelError> {
        if part == 0 || !whole.is_multiple_of(part) {
            return Err(
                self.bad_tensor(tensor, format!("has {whole} rows, not a multiple of {part}"))
            );
        }
        Ok(whole / part)
    }

    /// How many tensors `name(0)`, `name(1)`, … there are.
    pub(super) fn count(&self, name: impl Fn(usize) -> String) -> usize {
        (0..).take_while(|&i| self.weights.has(&name(i))).count()
    }

    pub(super) fn bad_tensor(&self, tensor: &str, problem: String) -> ModelError {
        ModelError::Tensor { part: self.folder.to_owned(), tensor: tensor.to_owned(), problem }
    }

    pub(super) fn bad_config(&self, key: &str, problem: impl Into<String>) -> ModelError {
        ModelError::Config { file: self.file(), key: key.to_owned(), problem: problem.into() }
    }

    fn file(&self) -> String {
        format!("{}/config.json", self.folder)
    }

    /// The first of the dotted `keys` that is set; null counts as not set.
    pub(super) fn find(&self, keys: &[&str]) -> Option<Found<&Value>> {
        keys.iter().find_map(|key| {
            let value = key.split('.').try_fold(&self.config, |value, name| value.get(name))?;
            (!value.is_null()).then(|| Found { key: (*key).to_owned(), value })
        })
    }

    /// A whole number above 0.
    pub(super) fn size(&self, keys: &[&str]) -> Result<Option<Found<usize>>, ModelError> {
        let Some(found) = self.find(keys) else { return Ok(None) };
        match found.value.as_u64().and_then(|n| usize::try_from(n).ok()) {
            Some(value) if value > 0 => Ok(Some(Found { key: found.key, value })),
            _ => Err(self.unusable(&found, "a whole number above 0")),
        }
    }

    /// A finite number above 0, or `default` where none of the keys is set.
    pub(super) fn positive(&self, keys: &[&str], default: f64) -> Result<f64, ModelError> {
        let Some(found) = self.find(keys) else { return Ok(default) };
        match found.value.as_f64() {
            Some(value) if value.is_finite() && value > 0.0 => Ok(value),
            _ => Err(self.unusable(&found, "a number above 0")),
        }
    }

    /// A list of whole numbers.
    pub(super) fn sizes(&self, keys: &[&str]) -> Result<Option<Found<Vec<usize>>>, ModelError> {
        let Some(found) = self.find(keys) else { return Ok(None) };
        let list: Option<Vec<usize>> = found.value.as_array().and_then(|list| {
            list.iter().map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok())).collect()
        });
        match list {
            Some(value) => Ok(Some(Found { key: found.key, value })),
            None => Err(self.unusable(&found, "a list of whole numbers")),
        }
    }

    /// That a value, where it is set, is the only one this program computes with.
    pub(super) fn require(&self, keys: &[&str], only: &Value) -> Result<(), ModelError> {
        match self.find(keys) {
            Some(found) if found.value != only => Err(self.unusable(&found, &only.to_string())),
            _ => Ok(()),
        }
    }

    /// That a dimension of the config, where it is set, is the one `tensor` has.
    pub(super) fn agree(
        &self,
        keys: &[&str],
        tensor: &str,
        stored: usize,
    ) -> Result<(), ModelError> {
        match self.size(keys)? {
            Some(found) if found.value != stored => {
                Err(self.conflict(&found.key, found.value, tensor, stored))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn conflict(
        &self,
        key: &str,
        configured: impl ToString,
        tensor: &str,
        stored: impl ToString,
    ) -> ModelError {
        ModelError::ConfigConflict {
            file: self.file(),
            key: key.to_owned(),
            configured: configured.to_string(),
            tensor: tensor.to_owned(),
            stored: stored.to_string(),
        }
    }

    fn unusable(&self, found: &Found<&Value>, wanted: &str) -> ModelError {
        self.bad_config(&found.key, format!("is {}; this program needs {wanted}", found.value))
    }
}
