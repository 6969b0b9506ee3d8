//! What every stored format can do: tell its size, and widen some of its rows.

use super::stored::StoredBytes;
use candle_core::{DType, Device, Result, Tensor};
use sigmalab_kernels::Matrix;
use std::fmt::Debug;
use std::ops::Range;

/// A weight matrix [`outputs`, `inputs`] in the format it is stored in.
///
/// A weight may be given without its row scale; the product is then multiplied by it:
/// `y = scale · (x·Wᵀ)`. That costs less than scaling the weight, and rounds once less.
pub(crate) trait Weight: Debug + Send + Sync {
    /// The format in a word: `f32`, `bf16`, `fp8`, `nf4`, `Q8_0`.
    fn format(&self) -> &'static str;

    /// Rows: outputs of the layer.
    fn outputs(&self) -> usize;

    /// Columns: inputs of the layer.
    fn inputs(&self) -> usize;

    /// Bytes as stored, scales included.
    fn stored_bytes(&self) -> u64;

    /// Where the stored values are, but for scales that were copied.
    fn stored(&self) -> Vec<StoredBytes>;

    /// The stored values, and what each output is multiplied by, as the kernels read them.
    fn matrix(&self) -> Matrix<'_>;

    /// What each output is multiplied by.
    fn row_scale(&self) -> Option<&[f32]> {
        self.matrix().scale
    }

    /// Widens `rows` into `out`, which has `rows.len() · inputs` elements.
    fn widen_rows(&self, rows: Range<usize>, out: &mut [f32]) {
        let inputs = self.inputs();
        self.matrix().values.widen(rows.start * inputs..rows.end * inputs, out);
    }

    /// Copies the weight to an accelerator, still in its stored format, to be widened there to
    /// `dtype`.
    fn upload(&self, dtype: DType, device: &Device) -> Result<Box<dyn DeviceWeight>>;
}

/// A weight in its stored format on an accelerator.
pub(crate) trait DeviceWeight: Debug + Send + Sync {
    /// Rows that [`Self::widen_rows`] can start at are multiples of this.
    fn row_step(&self) -> usize {
        1
    }

    /// The address of the codes, where they are e4m3 in the memory of a CUDA device.
    #[cfg(feature = "cuda")]
    fn e4m3(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// `rows` as [rows, inputs], without the row scale, by the device's own operations.
    fn widen_rows(&self, rows: Range<usize>) -> Result<Tensor>;
}
