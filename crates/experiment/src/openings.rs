//! A note of every time that held-out prompts were opened for a judgement: a second tune on the
//! same prompts holds out others. One file for all run directories of a user, a line an opening.

use super::generation::{Generation, Stage};
use super::inputs::Inputs;
use super::spec::Prompt;
use super::sweep::Sweep;
use serde::{Deserialize, Serialize};
use sigmalab_files::lock::Lock;
use sigmalab_files::shared_folder::{append_to_private, make_private_folder, read_plain};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file's name in the data folder.
pub const FILE: &str = "tune-openings.jsonl";

#[derive(Debug, Serialize, Deserialize)]
struct Opening {
    /// Hash of the checkpoint and the prompts, whatever their order.
    of: String,
    directory: PathBuf,
    /// Hash of the finalist and what it was judged on.
    judgement: String,
    /// Ids of the prompts that were opened.
    prompts: Vec<String>,
}

/// What openings are counted by: the checkpoint and the prompts.
fn key(fingerprint: &str, prompts: &[Prompt]) -> String {
    let mut texts: Vec<&str> = prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    texts.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for text in [fingerprint].into_iter().chain(texts) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Most bytes of the file that are read.
const MOST: u64 = 64 << 20;

fn read(file: &Path) -> Vec<Opening> {
    let text = read_plain(file, MOST).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    // A line that is none was written by halves, or by a later build: it counts for nobody.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// How often prompts of these were opened for a judgement, by runs in other directories.
pub fn count(file: &Path, fingerprint: &str, prompts: &[Prompt], directory: &Path) -> u64 {
    let of = key(fingerprint, prompts);
    let here = absolute(directory);
    let known = read(file);
    known.iter().filter(|opening| opening.of == of && opening.directory != here).count() as u64
}

fn absolute(directory: &Path) -> PathBuf {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}

/// Notes that the prompts of a sweep's judgement are opened, if there is one and it is not noted.
/// Where that cannot be written the tune goes on: its run directory says the same.
pub(super) fn note(file: &Path, sweep: &Sweep) {
    let judged = sweep.generations.iter().find(|generation| generation.stage == Stage::Judgement);
    if let Some(judged) = judged {
        let _ = append(file, &sweep.experiment.inputs, sweep.directory.path(), judged);
    }
}

fn append(
    file: &Path,
    inputs: &Inputs,
    directory: &Path,
    judged: &Generation,
) -> std::io::Result<()> {
    let text = serde_json::to_string(judged)?;
    let judgement = blake3::hash(text.as_bytes()).to_hex().to_string();
    if let Some(folder) = file.parent() {
        make_private_folder(folder)?;
    }
    let _lock = Lock::of(file).map_err(std::io::Error::other)?;
    if read(file).iter().any(|opening| opening.judgement == judgement) {
        return Ok(());
    }
    let mut prompts: Vec<String> = Vec::new();
    let instances = judged.proposals.iter().flat_map(|proposal| &proposal.instances);
    for prompt in instances.filter_map(|instance| inputs.prompts.get(instance.prompt)) {
        if !prompts.contains(&prompt.id) {
            prompts.push(prompt.id.clone());
        }
    }
    let of = key(&inputs.fingerprint, &inputs.prompts);
    let opening = Opening { of, directory: absolute(directory), judgement, prompts };
    let line = serde_json::to_string(&opening)? + "\n";
    append_to_private(file)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::trial::tests::experiment;

    #[test]
    fn an_opening_is_noted_once_and_counts_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/openings.jsonl");
        let inputs = experiment("").inputs;
        let draft = crate::generation::Draft {
            stage: Stage::Judgement,
            proposals: Vec::new(),
            note: serde_json::Value::Null,
        };
        let judged = Generation::of(draft, 3, String::new(), 0, 0);
        let here = folder.path().join("a");
        append(&file, &inputs, &here, &judged).unwrap();
        append(&file, &inputs, &here, &judged).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&file).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        let count = |directory: &str, prompts: &[Prompt]| {
            count(&file, &inputs.fingerprint, prompts, &folder.path().join(directory))
        };
        assert_eq!(count("a", &inputs.prompts), 0, "the tune itself goes on");
        assert_eq!(count("b", &inputs.prompts), 1);
        let mut turned = inputs.prompts.clone();
        turned.reverse();
        assert_eq!(count("b", &turned), 1, "the order of prompts is nothing");
        assert_eq!(count("b", &turned[..1]), 0);
    }
}
