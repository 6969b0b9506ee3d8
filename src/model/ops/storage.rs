//! From candle's storage to the slice a kernel works on.

use candle_core::{Layout, Result, bail};

/// The values of a contiguous tensor.
pub(super) fn contiguous<'a, T>(op: &str, data: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&data[start..end]),
        None => bail!("{op}: the input has to be contiguous, not {layout:?}"),
    }
}

/// The values of a contiguous tensor, to be changed in place.
pub(super) fn contiguous_mut<'a, T>(
    op: &str,
    data: &'a mut [T],
    layout: &Layout,
) -> Result<&'a mut [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&mut data[start..end]),
        None => bail!("{op}: the input has to be contiguous, not {layout:?}"),
    }
}
