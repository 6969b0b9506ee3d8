//! Linear layers over weights that stay as they are stored: one file a format, one type for the
//! networks. Knows nothing of where the bytes come from or what the layer is for.

mod dense;
mod embedding;
mod fp8;
mod ggml;
mod layer;
mod nf4;
mod stacked;
mod stored;
mod weight;

pub use embedding::Embedding;
pub use layer::Linear;
pub use stored::{BytesOwner, StoredBytes, StoredTensor, StoredType};

pub(crate) use dense::{Dense, widen_all};
pub(crate) use fp8::Fp8;
pub(crate) use ggml::Ggml;
pub(crate) use layer::{Bytes, DEVICE_PANEL_BYTES, Placement};
pub(crate) use nf4::{BlockScales, Nf4};
pub(crate) use stacked::Stacked;
pub(crate) use weight::{DeviceWeight, Weight};
