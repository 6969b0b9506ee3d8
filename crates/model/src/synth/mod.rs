//! Random checkpoints of any size, for measuring: the architecture and the layout of the
//! reference, weights from a seed, written as a stream. What they draw is noise.

mod shape;
mod tensors;
mod writer;

pub use shape::SynthShape;
pub use tensors::SynthFormat;

use super::checkpoint::Component;
use serde_json::{Value, json};
use sigmalab_files::unfinished;
use std::fs::{File, Permissions};
use std::io::{BufWriter, Error, ErrorKind, Result, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tensors::Tensor;
use writer::Writer;

/// Writes a checkpoint as the folder `folder`, which appears once it is whole: until then its
/// files are in a hidden folder beside it, which is removed where writing ends early. `progress`
/// is told the bytes written so far and in all, and stops the writing with `false`.
///
/// # Errors
/// There is something of that name (of kind `AlreadyExists`), a file cannot be written, or
/// `progress` said stop (of kind `Interrupted`).
pub fn write(
    folder: &Path,
    shape: &SynthShape,
    format: SynthFormat,
    seed: u64,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<()> {
    if folder.symlink_metadata().is_ok() {
        return Err(Error::new(ErrorKind::AlreadyExists, "something of that name exists already"));
    }
    let parent = match folder.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(Error::new(ErrorKind::InvalidInput, "is not a folder name")),
    };
    std::fs::create_dir_all(parent)?;
    unfinished::clear(parent);
    let draft = tempfile::Builder::new()
        .prefix(unfinished::PREFIX)
        .suffix(unfinished::SUFFIX)
        // As any new folder: the process's umask applies.
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(parent)?;
    let _held = unfinished::hold_folder(draft.path())?;
    write_files(draft.path(), shape, format, seed, progress)?;
    std::fs::rename(draft.path(), folder)?;
    // There is nothing left to remove.
    let _ = draft.keep();
    Ok(())
}

/// Weights come last: a folder whose writing was cut off lacks some, and does not open.
fn write_files(
    folder: &Path,
    shape: &SynthShape,
    format: SynthFormat,
    seed: u64,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<()> {
    std::fs::create_dir(folder.join("tokenizer"))?;
    for (name, bytes) in sigmalab_demo::FILES {
        if name.starts_with("tokenizer/") {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    write_json(&folder.join("sigmalab.json"), &json!({ "default_size": [512, 512] }))?;
    let parts = [
        (Component::TextEncoder, "model", shape.text_encoder_config(), shape.text_encoder()),
        (Component::Transformer, WEIGHTS, shape.transformer_config(), shape.transformer(true)),
        (
            Component::UnconditionalTransformer,
            WEIGHTS,
            shape.transformer_config(),
            shape.transformer(false),
        ),
        (Component::Vae, WEIGHTS, shape.decoder_config(), shape.decoder()),
    ];
    // Blocks are for transformers, in GGUF files; the rest lies beside them in bf16.
    let format_of = |component: Component| match (component, format) {
        (Component::TextEncoder | Component::Vae, SynthFormat::Blocks(_)) => SynthFormat::Bf16,
        _ => format,
    };
    let bytes = |component, tensors: &[Tensor]| tensors::bytes(tensors, format_of(component));
    let total: u64 = parts.iter().map(|(component, .., tensors)| bytes(*component, tensors)).sum();
    let mut done = 0;
    for (i, (component, stem, config, tensors)) in parts.into_iter().enumerate() {
        let part = folder.join(component.folder());
        std::fs::create_dir(&part)?;
        write_json(&part.join("config.json"), &config)?;
        let format = format_of(component);
        let name = match format {
            SynthFormat::Blocks(block) => format!("ideogram4-{}.gguf", block.name()),
            _ => format!("{stem}.safetensors"),
        };
        let file = BufWriter::new(File::create(part.join(name))?);
        let seed = seed.wrapping_add(i as u64 * 0x9e37_79b9);
        let mut writer = Writer::new(file, format, seed);
        writer.write(&tensors, &mut |bytes| {
            if progress(done + bytes, total) {
                Ok(())
            } else {
                Err(Error::new(ErrorKind::Interrupted, "stopped"))
            }
        })?;
        done += bytes(component, &tensors);
    }
    Ok(())
}

const WEIGHTS: &str = "diffusion_pytorch_model";

fn write_json(file: &Path, value: &Value) -> Result<()> {
    let mut file = BufWriter::new(File::create(file)?);
    serde_json::to_writer_pretty(&mut file, value)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::{LatentGrid, Model, ModelTime};
    use sigmalab_compute::ModelOptions;

    #[test]
    fn a_small_one_of_every_format_loads_and_computes_finite_numbers() {
        for format in SynthFormat::all() {
            let place = tempfile::tempdir().unwrap();
            let folder = place.path().join("new/random");
            // Rows of the longest blocks.
            let shape = SynthShape { width: 256, ..SynthShape::tiny() };
            write(&folder, &shape, format, 1, &mut |_, _| true).unwrap();
            let checkpoint = Checkpoint::open(&folder).unwrap();
            if let SynthFormat::Blocks(block) = format {
                let summary = checkpoint.summary();
                let formats = summary.components.iter().flat_map(|part| &part.formats);
                assert!(formats.clone().any(|found| found.format == block.name()), "{block:?}");
            }
            let model = Model::load(&checkpoint, ModelOptions::default(), &mut |_| ()).unwrap();
            let grid = LatentGrid { rows: 2, columns: 3 };
            let x: Vec<f32> = (0..grid.tokens() * 128).map(|i| (i % 7) as f32 - 3.0).collect();
            let prompt = model.encode("a red circle on a blue background").unwrap();
            let v = model.conditional(&x, grid, ModelTime(0.5), &prompt).unwrap();
            assert!(v.iter().all(|v| v.is_finite()), "{format:?}");
            let spread = v.iter().map(|v| v * v).sum::<f32>() / v.len() as f32;
            assert!(spread > 1e-4 && spread < 1e4, "{format:?} {spread}");
            model.decode(&x, grid).unwrap();
        }
    }

    #[test]
    fn writing_that_is_stopped_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("random");
        let mut calls = 0;
        let result = write(&folder, &SynthShape::tiny(), SynthFormat::Bf16, 1, &mut |_, _| {
            calls += 1;
            calls < 20
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(place.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let result =
            write(place.path(), &SynthShape::tiny(), SynthFormat::Fp8, 1, &mut |_, _| true);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(place.path().read_dir().unwrap().count(), 0);
    }

    /// What a process that is killed leaves behind: its hidden folder, at any point.
    #[test]
    fn a_part_of_one_is_never_taken_for_one() {
        for format in SynthFormat::all() {
            let place = tempfile::tempdir().unwrap();
            let shape = SynthShape { layers: 0, text_layers: 1, ..SynthShape::tiny() };
            for pieces in 1.. {
                let folder = place.path().join(pieces.to_string());
                std::fs::create_dir(&folder).unwrap();
                let (mut left, mut is_whole) = (pieces, false);
                let _ = write_files(&folder, &shape, format, 1, &mut |done, total| {
                    left -= 1;
                    is_whole = done == total;
                    left > 0
                });
                let opened = Checkpoint::open(&folder);
                assert_eq!(opened.is_ok(), is_whole, "{format:?}, {pieces} pieces: {opened:?}");
                if is_whole {
                    assert!(pieces > 50, "{format:?}, {pieces} pieces");
                    break;
                }
                std::fs::remove_dir_all(&folder).unwrap();
            }
        }
    }
}
