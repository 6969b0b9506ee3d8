//! Frames on the worker's pipe: a JSON header and a block of raw values, each with its length in
//! front. It knows nothing of what they mean.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};

/// Longest header taken, in bytes.
const HEADER_LIMIT: u32 = 64 << 20;
/// Longest block taken, in bytes: images and latents of the largest size need under 64 MiB.
const BLOCK_LIMIT: u32 = 1 << 30;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("the pipe broke: {0}")]
    Io(#[from] io::Error),
    #[error("a message could not be read: {0}")]
    Header(#[from] serde_json::Error),
    #[error("a message of {0} bytes is beyond the limit")]
    TooLong(u64),
}

pub(super) fn write<M: Serialize>(
    pipe: &mut impl Write,
    message: &M,
    block: &[u8],
) -> Result<(), FrameError> {
    let header = serde_json::to_vec(message)?;
    let mut frame = Vec::with_capacity(8 + header.len() + block.len());
    for part in [&header[..], block] {
        let length =
            u32::try_from(part.len()).map_err(|_| FrameError::TooLong(part.len() as u64))?;
        frame.extend_from_slice(&length.to_le_bytes());
    }
    frame.extend_from_slice(&header);
    frame.extend_from_slice(block);
    pipe.write_all(&frame)?;
    Ok(())
}

/// Reads one frame; `None` where the other end closed the pipe between two frames.
pub(super) fn read<M: DeserializeOwned>(
    pipe: &mut impl Read,
) -> Result<Option<(M, Vec<u8>)>, FrameError> {
    let Some(header) = read_length(pipe, HEADER_LIMIT)? else { return Ok(None) };
    let Some(block) = read_length(pipe, BLOCK_LIMIT)? else {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    };
    let header = read_bytes(pipe, header)?;
    let block = read_bytes(pipe, block)?;
    Ok(Some((serde_json::from_slice(&header)?, block)))
}

fn read_length(pipe: &mut impl Read, limit: u32) -> Result<Option<u32>, FrameError> {
    let mut bytes = Vec::with_capacity(4);
    pipe.take(4).read_to_end(&mut bytes)?;
    let length = match bytes.try_into() {
        Ok(bytes) => u32::from_le_bytes(bytes),
        Err(bytes) if bytes.is_empty() => return Ok(None),
        Err(_) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    };
    if length > limit {
        return Err(FrameError::TooLong(u64::from(length)));
    }
    Ok(Some(length))
}

fn read_bytes(pipe: &mut impl Read, length: u32) -> Result<Vec<u8>, FrameError> {
    // Read through `take`, so that a false length cannot make us allocate what never comes.
    let mut bytes = Vec::new();
    pipe.take(u64::from(length)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != u64::from(length) {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_read_back(text in ".{0,60}", block in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut pipe = Vec::new();
            write(&mut pipe, &text, &block).unwrap();
            write(&mut pipe, &text, &[]).unwrap();
            let mut pipe = &pipe[..];
            prop_assert_eq!(read::<String>(&mut pipe).unwrap(), Some((text.clone(), block)));
            prop_assert_eq!(read::<String>(&mut pipe).unwrap(), Some((text, Vec::new())));
            prop_assert!(read::<String>(&mut pipe).unwrap().is_none());
        }

        #[test]
        fn a_frame_cut_short_is_an_error(cut in 1_usize..20) {
            let mut pipe = Vec::new();
            write(&mut pipe, &"a message", &[1, 2, 3]).unwrap();
            let mut pipe = &pipe[..pipe.len() - cut];
            prop_assert!(read::<String>(&mut pipe).is_err() || pipe.is_empty());
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read::<String>(&mut &bytes[..]);
        }
    }
}
