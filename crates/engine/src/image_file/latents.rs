//! Latents files: safetensors with `noise` and `latents`, both [1, tokens, 128] f32. Reading
//! takes one tensor and leaves the rest of the file alone, however large it is.

use crate::recipe::Recipe;
use safetensors::tensor::{Dtype, Metadata, TensorView};
use sigmalab_files::shared_folder::open_plain;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Numbers in a latent token.
const CHANNELS: usize = 128;

/// Most bytes of header that are read; two tensors need two hundred.
const HEADER_LIMIT: u64 = 16 << 20;

/// Why noise or latents cannot be read from a file.
#[derive(Debug, thiserror::Error)]
pub enum LatentsFileError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("`{}` is not a readable safetensors file: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("`{}` has no tensor `{name}`; it has {}", path.display(), available)]
    NoTensor { path: PathBuf, name: &'static str, available: String },
    #[error("tensor `{name}` of `{}` is {found:?}; it must be F32", path.display())]
    NotF32 { path: PathBuf, name: &'static str, found: Dtype },
    #[error(
        "tensor `{name}` of `{}` has shape {found:?}; this image size needs [1, {tokens}, {CHANNELS}]",
        path.display()
    )]
    Shape { path: PathBuf, name: &'static str, found: Vec<usize>, tokens: usize },
    #[error("tensor `{name}` of `{}` has {value} at token {token}, channel {channel}", path.display())]
    NotFinite { path: PathBuf, name: &'static str, value: f32, token: usize, channel: usize },
}

/// Reads `noise`, [1, `tokens`, 128] f32, from a file such as [`write_latents`] writes.
pub fn read_noise(path: &Path, tokens: usize) -> Result<Vec<f32>, LatentsFileError> {
    let file = open_plain(path)
        .map_err(|source| LatentsFileError::Io { path: path.to_owned(), source })?;
    read_tensor(file, path, "noise", tokens)
}

/// Reads `latents`, [1, `tokens`, 128] f32, from an open file such as [`write_latents`] writes,
/// which messages call `path`.
pub fn read_latents(file: File, path: &Path, tokens: usize) -> Result<Vec<f32>, LatentsFileError> {
    read_tensor(file, path, "latents", tokens)
}

fn read_tensor(
    mut file: File,
    path: &Path,
    name: &'static str,
    tokens: usize,
) -> Result<Vec<f32>, LatentsFileError> {
    let io = |source| LatentsFileError::Io { path: path.to_owned(), source };
    let malformed = |reason: String| LatentsFileError::Malformed { path: path.to_owned(), reason };
    let length = file.metadata().map_err(io)?.len();
    let (metadata, data_start) = read_header(&mut file, path)?;
    let Some(info) = metadata.info(name) else {
        let mut names = metadata.offset_keys();
        names.truncate(8);
        let available = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(LatentsFileError::NoTensor { path: path.to_owned(), name, available });
    };
    if info.dtype != Dtype::F32 {
        return Err(LatentsFileError::NotF32 { path: path.to_owned(), name, found: info.dtype });
    }
    if info.shape != [1, tokens, CHANNELS] {
        let found = info.shape.clone();
        return Err(LatentsFileError::Shape { path: path.to_owned(), name, found, tokens });
    }
    let (start, end) = info.data_offsets;
    if data_start.saturating_add(end as u64) > length {
        return Err(malformed(format!("tensor `{name}` is cut short at {length} bytes")));
    }
    file.seek(SeekFrom::Start(data_start + start as u64)).map_err(io)?;
    let mut bytes = Vec::new();
    file.take((end - start) as u64).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() != tokens * CHANNELS * 4 {
        return Err(malformed(format!("tensor `{name}` is cut short")));
    }
    let values: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        let (token, channel) = (at / CHANNELS, at % CHANNELS);
        let value = values.get(at).copied().unwrap_or(f32::NAN);
        return Err(LatentsFileError::NotFinite {
            path: path.to_owned(),
            name,
            value,
            token,
            channel,
        });
    }
    Ok(values)
}

/// The header of a safetensors file that is read from its beginning, and where its data begins.
fn read_header(file: &mut File, path: &Path) -> Result<(Metadata, u64), LatentsFileError> {
    let io = |source| LatentsFileError::Io { path: path.to_owned(), source };
    let malformed = |reason: String| LatentsFileError::Malformed { path: path.to_owned(), reason };
    let length = file.metadata().map_err(io)?.len();
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(|error| malformed(error.to_string()))?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > HEADER_LIMIT.min(length) {
        return Err(malformed(format!("its header claims {header_length} bytes")));
    }
    let mut header = Vec::new();
    file.take(header_length).read_to_end(&mut header).map_err(io)?;
    let metadata = serde_json::from_slice(&header).map_err(|error| malformed(error.to_string()))?;
    Ok((metadata, 8 + header_length))
}

/// Whether the first 9 bytes of a file are those of safetensors: the length of its header, then
/// the header. Eight bytes of text are a length that no file has.
pub(super) fn begins_as_latents(start: &[u8]) -> bool {
    let (Some(prefix), Some(b'{')) = (start.first_chunk::<8>(), start.get(8)) else { return false };
    u64::from_le_bytes(*prefix) <= HEADER_LIMIT
}

/// The JSON text of the recipe in the metadata of a latents file, if it has one.
pub(super) fn recipe_text(mut file: File, path: &Path) -> Result<Option<String>, LatentsFileError> {
    file.rewind().map_err(|source| LatentsFileError::Io { path: path.to_owned(), source })?;
    let (metadata, _) = read_header(&mut file, path)?;
    Ok(metadata.metadata().as_ref().and_then(|held| held.get(super::RECIPE_KEYWORD)).cloned())
}

/// Writes `noise` and `latents`, `tokens · 128` values each, with the recipe in the metadata.
/// The same values and recipe give the same bytes.
pub fn write_latents(
    noise: &[f32],
    latents: &[f32],
    recipe: &Recipe,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let (noise, latents) = (bytes(noise), bytes(latents));
    let view = |bytes| {
        let shape = vec![1, recipe.size.tokens(), CHANNELS];
        TensorView::new(Dtype::F32, shape, bytes).map_err(std::io::Error::other)
    };
    let tensors = [("latents", view(&latents)?), ("noise", view(&noise)?)];
    let recipe = serde_json::to_string(recipe)?;
    // One key only: the order of several would differ from run to run.
    let metadata = HashMap::from([(super::RECIPE_KEYWORD.to_owned(), recipe)]);
    let file = safetensors::serialize(tensors, Some(metadata)).map_err(std::io::Error::other)?;
    out.write_all(&file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::image_file::recipe_text::tests::recipe;
    use proptest::prelude::*;

    const TOKENS: usize = 256;

    fn file_with(noise: &[f32]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latents.safetensors");
        let mut bytes = Vec::new();
        write_latents(noise, &vec![0.5; noise.len()], &recipe("x"), &mut bytes).unwrap();
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn noise() -> Vec<f32> {
        (0..TOKENS * CHANNELS).map(|at| at as f32 * 0.25 - 3.0).collect()
    }

    #[test]
    fn noise_reads_back_bit_for_bit() {
        let (_folder, path) = file_with(&noise());
        assert_eq!(read_noise(&path, TOKENS).unwrap(), noise());
        let file = File::open(&path).unwrap();
        assert_eq!(read_latents(file, &path, TOKENS).unwrap(), [0.5; TOKENS * CHANNELS]);
    }

    #[test]
    fn a_wrong_shape_says_what_is_needed() {
        let (_folder, path) = file_with(&noise());
        let message = read_noise(&path, 64).unwrap_err().to_string();
        assert!(message.contains("[1, 256, 128]") && message.contains("[1, 64, 128]"), "{message}");
    }

    #[test]
    fn nan_is_refused_with_its_place() {
        let mut values = noise();
        values[3 * CHANNELS + 5] = f32::NAN;
        let (_folder, path) = file_with(&values);
        let message = read_noise(&path, TOKENS).unwrap_err().to_string();
        assert!(message.contains("NaN at token 3, channel 5"), "{message}");
    }

    #[test]
    fn a_file_without_noise_or_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let data = [0_u8; 4];
        let view = TensorView::new(Dtype::F32, vec![1], &data).unwrap();
        std::fs::write(&path, safetensors::serialize([("other", view)], None).unwrap()).unwrap();
        let message = read_noise(&path, 1).unwrap_err().to_string();
        assert!(message.contains("no tensor `noise`; it has other"), "{message}");

        let (_folder, path) = file_with(&noise());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = read_noise(&path, TOKENS).unwrap_err();
        assert!(matches!(error, LatentsFileError::Malformed { .. }));
    }

    proptest! {
        #[test]
        fn no_damaged_file_makes_the_reader_panic(
            at in 0..300usize, bytes in proptest::collection::vec(any::<u8>(), 1..10),
        ) {
            let (_folder, path) = file_with(&vec![0.0; TOKENS * CHANNELS]);
            let mut damaged = std::fs::read(&path).unwrap();
            damaged.splice(at..at + bytes.len(), bytes);
            std::fs::write(&path, damaged).unwrap();
            let _ = read_noise(&path, TOKENS);
        }
    }
}
