//! Generations: what a search proposed, one file a generation, made once and by one process. A
//! generation is a function of what is frozen and of the complete generations before it, so that
//! it does not matter who writes it, nor when. Plain data and its files; what is proposed is for
//! searches to say.

use super::directory::RunDirectory;
use super::spec::Value;
use serde::{Deserialize, Serialize};
use sigmalab_files::target::{OnCollision, TargetError};
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// The version this build writes.
const VERSION: u32 = 1;

/// Most bytes of a file that are read: one with a hundred thousand trials has a tenth.
const MOST: u64 = 256 << 20;

/// What is run next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    pub version: u32,
    /// Its number, from 0.
    pub number: usize,
    pub stage: Stage,
    /// Hash of the records of the generations before it.
    pub from: String,
    /// Evaluations of both networks that it takes one process that has computed nothing before.
    pub charge: u64,
    /// The same of this and all generations before it.
    pub spent: u64,
    pub proposals: Vec<Proposal>,
    /// What the search has to remember or to tell of it.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub note: serde_json::Value,
}

/// What a generation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Points of a sweep's search.
    Search,
    References,
    /// Candidates on few samples, then fewer on more.
    Race,
    /// Small moves about the best.
    Refine,
    /// One finalist on held-out prompts. It is frozen with this file.
    Judgement,
    /// Other numbers of steps, on held-out prompts.
    Ladder,
    /// The finalist at other sizes.
    Sizes,
}

impl Stage {
    pub fn in_words(self) -> &'static str {
        match self {
            Stage::Search => "search",
            Stage::References => "reference runs",
            Stage::Race => "race",
            Stage::Refine => "refinement",
            Stage::Judgement => "judgement",
            Stage::Ladder => "other numbers of steps",
            Stage::Sizes => "other sizes",
        }
    }
}

/// One thing that is tried, on some prompts and seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// What tables call it.
    pub name: String,
    /// Values of swept parameters, where it is a point of a sweep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(String, Value)>,
    /// The point of the unit cube that the values came of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub point: Vec<f64>,
    /// The schedule and its sampler, where it is a candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// What it is tried on.
    pub instances: Vec<Instance>,
    /// Whether its pictures are wanted.
    #[serde(default)]
    pub pictures: bool,
}

/// A schedule with its sampler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Its steps, sampling order.
    pub steps: Vec<Step>,
    /// Where the last step ends.
    pub terminal: Terminal,
    pub sampler: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, f64>,
}

/// What something is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The prompt, by its place among the experiment's.
    pub prompt: usize,
    pub seed: u64,
    pub size: Size,
}

/// A generation before it is known what it costs and what it came of.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub stage: Stage,
    pub proposals: Vec<Proposal>,
    /// What the search has to remember or to tell of it.
    pub note: serde_json::Value,
}

/// Why a generation cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// It cannot be read.
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "`{}` is not a generation that this build can read: {problem}; delete it and those after \
         it to have them proposed again", path.display()
    )]
    Damaged { path: PathBuf, problem: String },
    #[error(transparent)]
    Write(#[from] TargetError),
}

impl Generation {
    pub(super) fn of(draft: Draft, number: usize, from: String, charge: u64, before: u64) -> Self {
        let Draft { stage, proposals, note } = draft;
        let spent = before + charge;
        Generation { version: VERSION, number, stage, from, charge, spent, proposals, note }
    }

    /// The name of its file in the directory.
    fn file(number: usize) -> String {
        format!("generations/{number}.json")
    }

    /// Reads the generation of a number, if it is there.
    pub(super) fn read(
        directory: &RunDirectory,
        number: usize,
    ) -> Result<Option<Self>, GenerationError> {
        let file = Generation::file(number);
        let path = directory.path().join(&file);
        let text = match directory.read(&file, MOST) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(source) => return Err(GenerationError::Io { path, source }),
        };
        let read: Result<Generation, String> =
            serde_json::from_str(&text).map_err(|error| error.to_string());
        match read {
            Ok(generation) if generation.version == VERSION && generation.number == number => {
                Ok(Some(generation))
            }
            Ok(other) => {
                let problem = format!("it is number {} of version {}", other.number, other.version);
                Err(GenerationError::Damaged { path, problem })
            }
            Err(problem) => Err(GenerationError::Damaged { path, problem }),
        }
    }

    /// Writes it where nobody has written its number before. Where somebody has, theirs stands.
    pub(super) fn write(&self, directory: &RunDirectory) -> Result<(), GenerationError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        let file = Generation::file(self.number);
        match directory.put(&file, OnCollision::Refuse, |out| out.write_all(text.as_bytes())) {
            Ok(()) | Err(TargetError::Exists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn generation(number: usize, name: &str) -> Generation {
        let size = Size::new(256, 256).unwrap();
        let proposal = Proposal {
            name: name.to_owned(),
            values: vec![("mu".to_owned(), Value::Number(0.1 + 0.2))],
            point: vec![0.3],
            candidate: None,
            instances: vec![Instance { prompt: 0, seed: 7, size }],
            pictures: false,
        };
        let draft = Draft {
            stage: Stage::Search,
            proposals: vec![proposal],
            note: serde_json::Value::Null,
        };
        Generation::of(draft, number, "hash".to_owned(), 10, 5)
    }

    #[test]
    fn the_first_to_write_a_number_is_the_one_that_counts() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        std::fs::create_dir_all(directory.generations()).unwrap();
        assert_eq!(Generation::read(&directory, 0).unwrap(), None);
        generation(0, "a").write(&directory).unwrap();
        generation(0, "b").write(&directory).unwrap();
        let read = Generation::read(&directory, 0).unwrap().unwrap();
        assert_eq!(read, generation(0, "a"));
        assert_eq!(read.spent, 15);
    }

    #[test]
    fn a_damaged_generation_is_read_or_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        std::fs::create_dir_all(directory.generations()).unwrap();
        generation(0, "a").write(&directory).unwrap();
        let path = directory.generations().join("0.json");
        let whole = std::fs::read(&path).unwrap();
        for damaged in sigmalab_mutations::Mutations::of(&whole, 20).take(2000) {
            std::fs::write(&path, damaged).unwrap();
            if let Err(error) = Generation::read(&directory, 0) {
                assert!(error.to_string().contains("0.json"), "{error}");
            }
        }
    }

    #[test]
    fn what_is_no_generation_is_refused_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(folder.path());
        std::fs::create_dir_all(directory.generations()).unwrap();
        std::fs::write(directory.generations().join("0.json"), "{").unwrap();
        let told = Generation::read(&directory, 0).unwrap_err().to_string();
        assert!(told.contains("delete it and those after it"), "{told}");
        std::os::unix::fs::symlink("0.json", directory.generations().join("1.json")).unwrap();
        let told = Generation::read(&directory, 1).unwrap_err().to_string();
        assert!(told.contains("a link"), "{told}");
        // A link in place of the folder is called that, not its file.
        let elsewhere = folder.path().join("elsewhere");
        std::fs::rename(directory.generations(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, directory.generations()).unwrap();
        let told = Generation::read(&directory, 0).unwrap_err().to_string();
        assert!(told.contains("the folder `generations`: it is a link"), "{told}");
    }
}
