//! What a reference run left of its trajectory: the Gram matrix in a file of the run directory,
//! a line of JSON and then the values. It knows nothing of what is made of it.

use super::directory::RunDirectory;
use serde::{Deserialize, Serialize};
use sigmalab_engine::request::RunGram;
use sigmalab_files::target::{OnCollision, TargetError};
use sigmalab_tune::gram::{Basis, Gram, ReferencePath};

/// The version this build writes.
const VERSION: u32 = 1;

/// Most bytes of a file that are read: a matrix of five thousand vectors has as many.
const MOST: u64 = 256 << 20;

/// The file of a reference run, which has the folder of the directory in front.
fn file_name(run: &str) -> String {
    format!("gram/{run}.gram")
}

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
pub(super) fn write(
    directory: &RunDirectory,
    name: &str,
    run: &RunGram,
) -> Result<(), TargetError> {
    let bytes: Vec<u8> = run.gram.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    let header = Header {
        version: VERSION,
        basis: run.basis,
        sigmas: run.sigmas.clone(),
        gw: run.gw.clone(),
        blake3: blake3::hash(&bytes).to_hex().to_string(),
    };
    let header = serde_json::to_string(&header).unwrap_or_default();
    directory.put(&file_name(name), OnCollision::Replace, |out| {
        out.write_all(format!("{header}\n").as_bytes())?;
        out.write_all(&bytes)
    })
}

/// Reads the file; `None` where it is missing or damaged, and has to be made again.
pub(super) fn read(directory: &RunDirectory, name: &str) -> Option<ReferencePath> {
    let (shared, file) = (directory.shared().ok()?, file_name(name));
    let (folder, last) = shared.way_to(&file).ok()?;
    let bytes = folder.read(last, MOST).ok()?;
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
        let directory = RunDirectory::at(folder.path());
        assert_eq!(read(&directory, "a"), None);
        std::fs::create_dir(directory.grams()).unwrap();
        let vectors: [&[f32]; 5] =
            [&[1.0, 2.0], &[0.5, -1.0], &[3.0, 1.0], &[0.0, 1.0], &[2.0, 2.0]];
        let made = || RunGram {
            basis: Basis::Velocities,
            sigmas: vec![0.9, 0.5, 0.1],
            gw: vec![7.0, 3.0],
            gram: Gram::of(&vectors),
        };
        let run = made();
        write(&directory, "a", &run).unwrap();
        let found = read(&directory, "a").unwrap();
        let path = ReferencePath::new(run.sigmas, run.gw, run.basis, run.gram).unwrap();
        assert_eq!(found, path);
        let path = directory.grams().join("a.gram");
        let mut bytes = std::fs::read(&path).unwrap();
        for damaged in sigmalab_mutations::Mutations::of(&bytes, 20).take(2000) {
            std::fs::write(&path, damaged).unwrap();
            let _ = read(&directory, "a");
        }
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&directory, "a"), None);
        // A sound one that somebody links to is not this run's.
        write(&directory, "b", &made()).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("b.gram", &path).unwrap();
        assert!(read(&directory, "b").is_some());
        assert_eq!(read(&directory, "a"), None);
    }
}
