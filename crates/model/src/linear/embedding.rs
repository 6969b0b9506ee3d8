//! Rows of a table that stays as it is stored. Only the rows asked for are read: a table of
//! 1.25 GB costs a few pages a prompt.

use super::weight::Weight;
use candle_core::{DType, Device, Result, Tensor, bail};

/// Rows of a table that stays as it is stored, in host memory on every device.
#[derive(Debug)]
pub struct Embedding {
    table: Box<dyn Weight>,
    dtype: DType,
    device: Device,
}

impl Embedding {
    pub(crate) fn new(table: Box<dyn Weight>, dtype: DType, device: &Device) -> Self {
        Self { table, dtype, device: device.clone() }
    }

    /// The rows of `ids`, [ids.len(), width], in the compute dtype. An id that is no row is an
    /// error.
    pub fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        let (rows, width) = (self.table.outputs(), self.table.inputs());
        let mut values = vec![0.0; ids.len() * width];
        for (id, out) in ids.iter().zip(values.chunks_mut(width.max(1))) {
            let row = *id as usize;
            if row >= rows {
                bail!("token id {id} is outside the embedding table of {rows} rows");
            }
            self.table.widen_rows(row..row + 1, out);
            if let Some(scale) = self.table.row_scale().and_then(|scale| scale.get(row)) {
                out.iter_mut().for_each(|value| *value *= scale);
            }
        }
        Tensor::from_vec(values, (ids.len(), width), &Device::Cpu)?
            .to_dtype(self.dtype)?
            .to_device(&self.device)
    }

    /// Bytes as stored.
    pub fn stored_bytes(&self) -> u64 {
        self.table.stored_bytes()
    }
}
