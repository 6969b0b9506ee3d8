//! The gated activation of the feed-forward layers.

use super::storage::contiguous;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use sigmalab_kernels::{Real, swiglu as kernel};

/// silu(gate) · up.
pub(crate) fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if gate.device().is_cpu() { gate.apply_op2_no_bwd(up, &SwiGlu) } else { composed(gate, up) }
}

fn composed(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.silu()?.mul(up)
}

struct SwiGlu;

impl SwiGlu {
    fn apply<T: Real>(
        &self,
        gate: (&[T], &Layout),
        up: (&[T], &Layout),
        zero: T,
    ) -> Result<(Vec<T>, Shape)> {
        let shape = gate.1.shape().clone();
        let gate = contiguous(self.name(), gate.0, gate.1)?;
        let up = contiguous(self.name(), up.0, up.1)?;
        if gate.len() != up.len() {
            bail!("{}: {} gates for {} values", self.name(), gate.len(), up.len());
        }
        let mut out = vec![zero; gate.len()];
        kernel::swiglu(gate, up, &mut out);
        Ok((out, shape))
    }
}

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        gate_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        match (gate, up) {
            (CpuStorage::F32(gate), CpuStorage::F32(up)) => {
                let (out, shape) = self.apply((gate, gate_layout), (up, up_layout), 0.0)?;
                Ok((CpuStorage::F32(out), shape))
            }
            (CpuStorage::BF16(gate), CpuStorage::BF16(up)) => {
                let zero = half::bf16::ZERO;
                let (out, shape) = self.apply((gate, gate_layout), (up, up_layout), zero)?;
                Ok((CpuStorage::BF16(out), shape))
            }
            _ => bail!("swiglu: only f32 and bf16, both alike"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::testing::{far_apart, numbers};

    #[test]
    fn the_processor_s_gate_equals_that_of_an_accelerator() {
        let (gate, up) = (numbers(&[7, 33]), numbers(&[7, 33]).affine(-0.3, 0.1).unwrap());
        assert!(!far_apart(&swiglu(&gate, &up).unwrap(), &composed(&gate, &up).unwrap()));
    }
}
