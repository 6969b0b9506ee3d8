//! The tensors of one part, by the reference's names.

use super::error::CheckpointError;
use super::layout::Layout;
use super::packed;
use super::shards::StoredPart;
use super::tensor_file::GGUF;
use crate::linear::{Bytes, Embedding, Linear, Placement, Stacked, Weight, widen_all};
use candle_core::{DType, Device, Tensor};
use sigmalab_compute::ComputeDtype;
use std::sync::Arc;

/// One part of a checkpoint: its stored tensors and how they are named.
#[derive(Debug)]
pub(super) struct NamedPart {
    pub(super) stored: StoredPart,
    pub(super) layout: Box<dyn Layout>,
    /// Its path in the checkpoint, where it is a single file that was found by its contents.
    pub(super) single_file: Option<String>,
}

impl NamedPart {
    pub(super) fn layout_name(&self) -> String {
        let names = self.layout.name();
        match &self.single_file {
            Some(path) if path.ends_with(GGUF) => format!("GGUF file, {names}"),
            Some(_) => format!("ComfyUI single file, {names}"),
            None => names,
        }
    }

    /// The stored names of a tensor: those of the modules that make it up, with its last word.
    pub(super) fn stored_names(&self, name: &str) -> Vec<String> {
        match name.rsplit_once('.') {
            Some((module, leaf)) => self
                .layout
                .stored_modules(module)
                .into_iter()
                .map(|module| format!("{module}.{leaf}"))
                .collect(),
            None => vec![name.to_owned()],
        }
    }
}

/// The tensors of one part, found by the reference's names whatever the layout calls them:
/// `layers.0.attention.qkv` is one stored tensor in the reference layout and three in diffusers'.
/// The text encoder's names are given without the prefix before `layers.` / `embed_tokens`; the
/// decoder's are diffusers' (`decoder.up_blocks.0.resnets.0.conv1.weight`, `bn.running_mean`).
#[derive(Debug, Clone)]
pub struct Weights {
    part: Arc<NamedPart>,
    dtype: DType,
    device: Device,
    placement: Placement,
    /// Layers that are copied to the device for every use; those behind its end stay there.
    streamed: Arc<[bool]>,
    /// The products of layers that bear bytes, and of those that bear them beside outliers.
    bytes: [Bytes; 2],
}

impl Weights {
    pub(super) fn new(part: Arc<NamedPart>, dtype: DType, device: &Device) -> Self {
        let (device, placement) = (device.clone(), Placement::usual(device));
        let (streamed, bytes) = (Arc::new([]), [Bytes::None; 2]);
        Self { part, dtype, device, placement, streamed, bytes }
    }

    /// The same, whose linear layers are placed so.
    pub(crate) fn placed(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    /// The same, whose layers are streamed to the device where `streamed` says so.
    pub(crate) fn streaming(self, streamed: Arc<[bool]>) -> Self {
        Self { streamed, ..self }
    }

    /// The same for what belongs to layer `index` of a network.
    pub(crate) fn of_layer(&self, index: usize) -> Self {
        let streamed = self.streamed.get(index).copied().unwrap_or(false);
        let of_layer = self.clone();
        if streamed { of_layer.placed(Placement::Streamed) } else { of_layer }
    }

    /// Whether products are made by the device's operations, on whatever device.
    pub(crate) fn by_device(&self) -> bool {
        self.placement != Placement::Host
    }

    /// The same, whose [`Self::linear_in_bytes`] and [`Self::linear_beside_outliers`] multiply bytes where
    /// the number format does.
    pub(crate) fn in_bytes_of(self, dtype: ComputeDtype) -> Self {
        let bytes = match dtype {
            ComputeDtype::F32 | ComputeDtype::Bf16 => [Bytes::None; 2],
            ComputeDtype::Int8 => [Bytes::All, Bytes::None],
            ComputeDtype::Int8All => [Bytes::All, Bytes::BesideOutliers],
            ComputeDtype::Fp8 => [Bytes::E4m3; 2],
        };
        Self { bytes, ..self }
    }

    /// Whether a tensor of that name is stored.
    pub fn has(&self, name: &str) -> bool {
        self.part.stored_names(name).iter().all(|name| self.part.stored.get(name).is_some())
    }

    /// The stored shape of a tensor (for a packed format the shape it unpacks to).
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, CheckpointError> {
        let shapes = self
            .part
            .stored_names(name)
            .iter()
            .map(|name| packed::shape(&self.part.stored, name))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(stack(&shapes))
    }

    /// The format of a layer's weight in a word, as [`Weight::format`] gives it.
    pub(crate) fn format(&self, module: &str) -> Result<&'static str, CheckpointError> {
        let stored = self.part.layout.stored_modules(module);
        let module = stored.first().map_or(module, String::as_str);
        Ok(packed::weight(&self.part.stored, module)?.format())
    }

    /// A small dense tensor (norm, bias, convolution), widened to the compute dtype on the
    /// device; its shape is checked.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, CheckpointError> {
        self.widened(name, shape, self.dtype)
    }

    /// The same, widened to f32 whatever the compute dtype is.
    pub fn tensor_f32(&self, name: &str, shape: &[usize]) -> Result<Tensor, CheckpointError> {
        self.widened(name, shape, DType::F32)
    }

    fn widened(
        &self,
        name: &str,
        shape: &[usize],
        dtype: DType,
    ) -> Result<Tensor, CheckpointError> {
        let values = self.values(name, shape)?;
        Tensor::from_vec(values, shape, &Device::Cpu)
            .and_then(|tensor| tensor.to_dtype(dtype)?.to_device(&self.device))
            .map_err(|source| self.device_error(name, source))
    }

    /// The values of a dense tensor of that shape.
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let names = self.part.stored_names(name);
        let mut values = Vec::new();
        let mut shapes = Vec::new();
        for name in &names {
            let tensor = self.part.stored.require(name)?;
            let widened =
                widen_all(tensor).ok_or_else(|| CheckpointError::UnknownQuantisation {
                    quantisation: format!("{} (tensor {name})", tensor.dtype),
                    file: self.part.stored.place_of(name).to_owned(),
                })?;
            values.extend(widened);
            shapes.push(tensor.shape.clone());
        }
        self.check_shape(&names, shape, stack(&shapes))?;
        Ok(values)
    }

    /// The linear layer `module` (`module.weight`, scales beside it, `module.bias` if `bias`),
    /// weights left as stored. y = x·Wᵀ + b with W of shape [`outputs`, `inputs`].
    pub fn linear(
        &self,
        module: &str,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Linear, CheckpointError> {
        let modules = self.part.layout.stored_modules(module);
        let expected = [outputs / modules.len().max(1), inputs];
        let weights = modules
            .iter()
            .map(|module| self.matrix(module, expected))
            .collect::<Result<Vec<_>, _>>()?;
        let bias = bias.then(|| self.values(&format!("{module}.bias"), &[outputs])).transpose()?;
        Linear::new(weights, bias, self.dtype, &self.device, self.placement)
            .map_err(|source| self.device_error(&format!("{module}.weight"), source))
    }

    /// The layers `modules` with their biases as one product of a device, each in the layer of the network
    /// that its place says, and where that layer is.
    pub(crate) fn stacked_layers(
        &self,
        modules: &[String],
        inputs: usize,
        outputs: usize,
    ) -> Result<Stacked, CheckpointError> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for (index, module) in modules.iter().enumerate() {
            let placement = self.of_layer(index).placement;
            let stored = self.part.layout.stored_modules(module);
            let expected = [outputs / stored.len().max(1), inputs];
            for module in &stored {
                weights.push((self.matrix(module, expected)?, placement));
            }
            biases.extend(self.values(&format!("{module}.bias"), &[outputs])?);
        }
        Stacked::new(weights, &biases, self.dtype, &self.device)
            .map_err(|source| self.device_error(modules.first().map_or("", String::as_str), source))
    }

    /// As [`Self::linear`] without a bias, for a layer whose outputs bear bytes.
    pub(crate) fn linear_in_bytes(
        &self,
        module: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear, CheckpointError> {
        let [all, _] = self.bytes;
        Ok(self.linear(module, inputs, outputs, false)?.in_bytes(all))
    }

    /// The same for a layer whose inputs have outliers that bytes do not bear.
    pub(crate) fn linear_beside_outliers(
        &self,
        module: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear, CheckpointError> {
        let [_, beside_outliers] = self.bytes;
        Ok(self.linear(module, inputs, outputs, false)?.in_bytes(beside_outliers))
    }

    /// The embedding table `module.weight` of shape [`rows`, `width`], left as stored.
    pub fn embedding(
        &self,
        module: &str,
        rows: usize,
        width: usize,
    ) -> Result<Embedding, CheckpointError> {
        // A table is never split: a layout names one module for it.
        let modules = self.part.layout.stored_modules(module);
        let module = modules.first().map_or(module, String::as_str);
        let table = self.matrix(module, [rows, width])?;
        Ok(Embedding::new(table, self.dtype, &self.device))
    }

    fn matrix(
        &self,
        stored_module: &str,
        expected: [usize; 2],
    ) -> Result<Box<dyn Weight>, CheckpointError> {
        let weight = packed::weight(&self.part.stored, stored_module)?;
        let name = format!("{stored_module}.weight");
        self.check_shape(&[name], &expected, vec![weight.outputs(), weight.inputs()])?;
        Ok(weight)
    }

    fn check_shape(
        &self,
        stored_names: &[String],
        expected: &[usize],
        found: Vec<usize>,
    ) -> Result<(), CheckpointError> {
        if found == expected {
            return Ok(());
        }
        let tensor = stored_names.join(" + ");
        let first = stored_names.first().map_or("", String::as_str);
        Err(CheckpointError::WrongShape {
            file: self.part.stored.place_of(first).to_owned(),
            tensor,
            expected: expected.to_vec(),
            found,
        })
    }

    pub(crate) fn device_error(&self, tensor: &str, source: candle_core::Error) -> CheckpointError {
        let file = self.part.stored.place.clone();
        CheckpointError::Device { file, tensor: tensor.to_owned(), source: Box::new(source) }
    }
}

/// The shape of tensors put one after the other along their first axis.
fn stack(shapes: &[Vec<usize>]) -> Vec<usize> {
    let mut stacked = shapes.first().cloned().unwrap_or_default();
    if let ([_, rest @ ..], Some(first)) = (shapes, stacked.first_mut()) {
        *first = rest
            .iter()
            .filter_map(|shape| shape.first())
            .fold(*first, |sum, length| sum.saturating_add(*length));
    }
    stacked
}
