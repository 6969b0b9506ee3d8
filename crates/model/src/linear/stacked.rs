//! Layers that share their input, as one product of a device: their outputs follow one another, and
//! their weights stay where each layer's are. It knows nothing of what the layers are for.

use super::layer::{DEVICE_PANEL_BYTES, Placement, for_one_use, row_scales, upload};
use super::weight::{DeviceWeight, Weight};
use crate::ops::products::{Product, finish, product};
use candle_core::{DType, Device, Result, Tensor, bail};
use std::ops::Range;
use std::sync::Arc;

/// y = x·Wᵀ + b, where W is the weights of all layers under one another.
///
/// Which layers are multiplied together follows from their shapes alone and not from where their
/// weights are, so that the result has the same bits wherever that is.
#[derive(Debug)]
pub(crate) struct Stacked {
    layers: Vec<Layer>,
    /// The layers of each panel.
    panels: Vec<Range<usize>>,
    /// The panels themselves, where all weights stay widened.
    widened: Vec<Tensor>,
    bias: Tensor,
    scale: Option<Tensor>,
    inputs: usize,
    outputs: usize,
    dtype: DType,
    device: Device,
}

/// A weight, with its copy where one stays on the device as it is stored.
#[derive(Debug)]
struct Layer {
    weight: Box<dyn Weight>,
    uploaded: Option<Arc<dyn DeviceWeight>>,
}

impl Stacked {
    /// `weights` are placed on `device` as it is said of each; `bias` is that of all their outputs.
    pub(crate) fn new(
        weights: Vec<(Box<dyn Weight>, Placement)>,
        bias: &[f32],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let (weights, placements): (Vec<_>, Vec<_>) = weights.into_iter().unzip();
        let inputs = weights.first().map_or(0, |weight| weight.inputs());
        let outputs = weights.iter().map(|weight| weight.outputs()).sum();
        if weights.iter().any(|weight| weight.inputs() != inputs) || bias.len() != outputs {
            bail!("layers of {inputs} inputs and {outputs} outputs in all do not fit one another");
        }
        let scale = row_scales(&weights).map(|scale| Tensor::new(scale, device)).transpose()?;
        let keep_widened =
            !placements.is_empty() && placements.iter().all(|p| *p == Placement::Widened);
        let layers = weights
            .into_iter()
            .zip(placements)
            .map(|(weight, placement)| {
                let uploaded = match placement {
                    _ if keep_widened => None,
                    Placement::Host | Placement::Streamed => None,
                    Placement::Resident | Placement::Widened => {
                        Some(upload(weight.as_ref(), dtype, device)?)
                    }
                };
                Ok(Layer { weight, uploaded })
            })
            .collect::<Result<Vec<_>>>()?;
        let panels = panels(&layers, inputs);
        let (bias, device) = (Tensor::new(bias, device)?, device.clone());
        let widened = Vec::new();
        let mut stacked =
            Self { layers, panels, widened, bias, scale, inputs, outputs, dtype, device };
        if keep_widened {
            let panels = stacked.panels.iter().cloned();
            stacked.widened = panels.map(|of| stacked.widen(of)).collect::<Result<_>>()?;
        }
        Ok(stacked)
    }

    /// `x` [rows, inputs] in the compute dtype → [rows, outputs of all layers] in it.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if x.dims2()?.1 != self.inputs {
            bail!("layers of {} inputs got {:?}", self.inputs, x.shape());
        }
        let x = x.to_dtype(self.dtype)?.contiguous()?;
        let panels = self.panels.iter().cloned().enumerate();
        let panels = panels.map(|(at, of)| match self.widened.get(at) {
            Some(kept) => Ok(kept.clone()),
            None => self.widen(of),
        });
        let values = product(&x, self.outputs, panels)?;
        let (scale, row_scale) = (self.scale.clone(), None);
        finish(&Product { values, scale, row_scale }, Some(&self.bias), self.dtype)
    }

    /// The weights of some layers under one another, widened.
    fn widen(&self, layers: Range<usize>) -> Result<Tensor> {
        let layers = self.layers.get(layers).unwrap_or_default();
        let widened = layers.iter().map(|layer| {
            let weight = match &layer.uploaded {
                Some(resident) => Arc::clone(resident),
                None => for_one_use(layer.weight.as_ref(), self.dtype, &self.device)?,
            };
            weight.widen_rows(0..layer.weight.outputs())
        });
        let widened = widened.collect::<Result<Vec<_>>>()?;
        match widened.as_slice() {
            [one] => Ok(one.clone()),
            many => Tensor::cat(many, 0),
        }
    }
}

/// Whole layers one after the other, as many as a panel holds; one at least.
fn panels(layers: &[Layer], inputs: usize) -> Vec<Range<usize>> {
    let most = DEVICE_PANEL_BYTES / (inputs * DType::F32.size_in_bytes()).max(1);
    let (mut panels, mut rows) = (Vec::<Range<usize>>::new(), 0);
    for (at, layer) in layers.iter().enumerate() {
        rows += layer.weight.outputs();
        match panels.last_mut() {
            Some(panel) if rows <= most => panel.end = at + 1,
            _ => {
                panels.push(at..at + 1);
                rows = layer.weight.outputs();
            }
        }
    }
    panels
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::linear::{Dense, Fp8, Linear, StoredBytes, StoredTensor, StoredType};

    fn fp8(outputs: usize, inputs: usize, seed: usize) -> Box<dyn Weight> {
        let codes: Vec<u8> =
            (0..outputs * inputs).map(|i| ((i * 37 + seed * 11) % 251) as u8 & !0x08).collect();
        let shape = vec![outputs, inputs];
        let bytes = StoredBytes::new(Arc::new(codes));
        let tensor = StoredTensor { dtype: StoredType::F8E4M3, shape, bytes };
        let scale = (0..outputs).map(|i| 0.01 + (i % 7) as f32 / 300.0).collect();
        Box::new(Fp8::new(&tensor, scale).unwrap())
    }

    fn plain(outputs: usize, inputs: usize) -> Box<dyn Weight> {
        let values = (0..outputs * inputs).map(|i| ((i * 53) % 97) as f32 / 97.0 - 0.5);
        let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        let (shape, bytes) = (vec![outputs, inputs], StoredBytes::new(Arc::new(bytes)));
        Box::new(Dense::new(&StoredTensor { dtype: StoredType::F32, shape, bytes }).unwrap())
    }

    fn weights() -> [Box<dyn Weight>; 4] {
        [fp8(24, 40, 1), fp8(24, 40, 2), plain(8, 40), fp8(24, 40, 3)]
    }

    fn bits(tensor: &Tensor) -> Vec<u32> {
        let values = tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
        values.to_vec1::<f32>().unwrap().iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn layers_in_one_product_give_what_each_gives_wherever_its_weight_is() {
        use Placement::{Resident, Streamed, Widened};
        let bias: Vec<f32> = (0..80).map(|i| i as f32 / 80.0).collect();
        let x: Vec<f32> = (0..40).map(|i| ((i * 29) % 31) as f32 / 31.0 - 0.5).collect();
        for (dtype, allowed) in [(DType::F32, 1e-6), (DType::BF16, 1e-2)] {
            let x = Tensor::from_slice(&x, (1, 40), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let mut first = 0;
            let apart: Vec<Tensor> = weights()
                .into_iter()
                .map(|weight| {
                    let of = first..first + weight.outputs();
                    first = of.end;
                    let bias = Some(bias[of].to_vec());
                    let layer = Linear::new(vec![weight], bias, dtype, &Device::Cpu, Resident);
                    layer.unwrap().forward(&x).unwrap()
                })
                .collect();
            let expected = Tensor::cat(&apart, 1).unwrap().to_dtype(DType::F32).unwrap();
            let together = |placements: [Placement; 4]| {
                let weights = weights().into_iter().zip(placements).collect();
                let stacked = Stacked::new(weights, &bias, dtype, &Device::Cpu).unwrap();
                stacked.forward(&x).unwrap()
            };
            let resident = together([Resident; 4]);
            let apart = (resident.to_dtype(DType::F32).unwrap() - expected).unwrap().abs().unwrap();
            let most = apart.max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(most <= allowed, "{dtype:?}: {most}");
            for placements in
                [[Widened; 4], [Streamed; 4], [Resident, Streamed, Resident, Streamed]]
            {
                assert_eq!(bits(&together(placements)), bits(&resident), "{placements:?}");
            }
        }
    }

    #[test]
    fn panels_hold_whole_layers_and_one_at_least() {
        // Rows of 64 MiB as f32: four to a panel.
        let wide = 16 << 20;
        let layer = |outputs: usize| {
            let bytes = StoredBytes::new(Arc::new(vec![0; outputs * 2]));
            let (dtype, shape) = (StoredType::F8E4M3, vec![outputs, 2]);
            let weight = Fp8::new(&StoredTensor { dtype, shape, bytes }, vec![1.0]).unwrap();
            Layer { weight: Box::new(weight), uploaded: None }
        };
        let ranges = |rows: &[usize], inputs| {
            let layers: Vec<Layer> = rows.iter().map(|rows| layer(*rows)).collect();
            panels(&layers, inputs)
        };
        let (limit, inputs) = (DEVICE_PANEL_BYTES / 4 / wide, wide);
        assert_eq!(limit, 4);
        assert_eq!(ranges(&[1, 3, 1, 2, 9, 1], inputs), [0..2, 2..4, 4..5, 5..6]);
        assert_eq!(ranges(&[], inputs), Vec::<Range<usize>>::new());
    }

    #[test]
    fn layers_that_do_not_fit_one_another_are_refused() {
        let new = |weights: Vec<(Box<dyn Weight>, Placement)>, bias: usize| {
            Stacked::new(weights, &vec![0.0; bias], DType::F32, &Device::Cpu).is_err()
        };
        let resident = Placement::Resident;
        assert!(new(vec![(plain(8, 40), resident), (plain(8, 41), resident)], 16));
        assert!(new(vec![(plain(8, 40), resident)], 7));
    }
}
