//! Random checkpoints of any size, for measuring: the architecture and the layout of the
//! reference, weights from a seed, written as a stream. What they draw is noise.

mod shape;
mod tensors;

pub use shape::SynthShape;
pub use tensors::SynthFormat;

use super::checkpoint::Component;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Error, Result, Write};
use std::path::Path;
use tensors::{Tensor, Writer};

/// Writes a checkpoint into `folder`, which is made where it is missing; files of the same names
/// are replaced. `progress` is told the bytes written so far and in all, and stops the writing
/// with `false`.
///
/// # Errors
/// A file cannot be written, or `progress` said stop (of kind `Interrupted`).
pub fn write(
    folder: &Path,
    shape: &SynthShape,
    format: SynthFormat,
    seed: u64,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<()> {
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
        std::fs::create_dir_all(&part)?;
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
                Err(Error::new(std::io::ErrorKind::Interrupted, "stopped"))
            }
        })?;
        done += bytes(component, &tensors);
    }
    std::fs::create_dir_all(folder.join("tokenizer"))?;
    for (name, bytes) in sigmalab_demo::FILES {
        if name.starts_with("tokenizer/") {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    write_json(&folder.join("sigmalab.json"), &json!({ "default_size": [512, 512] }))
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
    use crate::model::checkpoint::Checkpoint;
    use crate::model::{LatentGrid, Model, ModelOptions, ModelTime};

    #[test]
    fn a_small_one_of_every_format_loads_and_computes_finite_numbers() {
        for format in SynthFormat::all() {
            let folder = tempfile::tempdir().unwrap();
            // Rows of the longest blocks.
            let shape = SynthShape { width: 256, ..SynthShape::tiny() };
            write(folder.path(), &shape, format, 1, &mut |_, _| true).unwrap();
            let checkpoint = Checkpoint::open(folder.path()).unwrap();
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
    fn writing_stops_when_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let shape = SynthShape::tiny();
        let result = write(folder.path(), &shape, SynthFormat::Bf16, 1, &mut |_, _| false);
        assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::Interrupted);
    }
}
