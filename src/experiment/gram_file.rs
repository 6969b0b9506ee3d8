//! What a reference run left of its trajectory: the Gram matrix in a file of the run directory,
//! a line of JSON and then the values. It knows nothing of what is made of it.

use crate::engine::request::RunGram;
use crate::image_file::{OnCollision, Target, TargetError};
use crate::tune::gram::{Basis, Gram, ReferencePath};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version this build writes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    basis: Basis,
    sigmas: Vec<f64>,
    gw: Vec<f64>,
    /// BLAKE3 of the values.
    blake3: String,
}

/// Writes the file whole.
pub(super) fn write(path: &Path, run: &RunGram) -> Result<(), TargetError> {
    let bytes: Vec<u8> = run.gram.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    let header = Header {
        version: VERSION,
        basis: run.basis,
        sigmas: run.sigmas.clone(),
        gw: run.gw.clone(),
        blake3: blake3::hash(&bytes).to_hex().to_string(),
    };
    let header = serde_json::to_string(&header).unwrap_or_default();
    let draft = Target::check(path)?.draft(|out| {
        out.write_all(format!("{header}\n").as_bytes())?;
        out.write_all(&bytes)
    })?;
    draft.commit(OnCollision::Replace)?;
    Ok(())
}

/// Reads the file; `None` where it is missing or damaged, and has to be made again.
pub(super) fn read(path: &Path) -> Option<ReferencePath> {
    let bytes = std::fs::read(path).ok()?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (header, values) = bytes.split_at_checked(end)?;
    let values = values.get(1..)?;
    let header: Header = serde_json::from_slice(header).ok()?;
    if header.version != VERSION || blake3::hash(values).to_hex().as_str() != header.blake3 {
        return None;
    }
    let (values, []) = values.as_chunks() else { return None };
    let gram = Gram::from_values(values.iter().map(|value| f64::from_le_bytes(*value)).collect())?;
    ReferencePath::new(header.sigmas, header.gw, header.basis, gram)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_matrix_comes_back_and_a_damaged_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gram");
        assert_eq!(read(&path), None);
        let vectors: [&[f32]; 5] =
            [&[1.0, 2.0], &[0.5, -1.0], &[3.0, 1.0], &[0.0, 1.0], &[2.0, 2.0]];
        let run = RunGram {
            basis: Basis::Velocities,
            sigmas: vec![0.9, 0.5, 0.1],
            gw: vec![7.0, 3.0],
            gram: Gram::of(&vectors),
        };
        write(&path, &run).unwrap();
        let found = read(&path).unwrap();
        let made = ReferencePath::new(run.sigmas, run.gw, run.basis, run.gram).unwrap();
        assert_eq!(found, made);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path), None);
    }
}
