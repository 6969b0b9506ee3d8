//! Finding plugins: every file on the search path is looked into, in other processes where code of it
//! runs, and only where nothing is remembered of it.

use super::cache::{DescriptionCache, Knowledge, Stamp};
use super::describe::{self, Description};
use super::fault::Fault;
use super::file::Contents;
use super::listing::{Found, Listing, Problem};
use super::search_path::{Candidate, SearchPath};
use super::trust::Trust;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a plugin may take to say what it is, when nobody says otherwise.
pub const DEFAULT_SILENCE: Duration = Duration::from_secs(10);

/// Most processes at once.
const AT_ONCE: usize = 4;

/// Where and how plugins are found.
#[derive(Debug, Clone)]
pub struct Discovery {
    pub search_path: SearchPath,
    pub trust: Trust,
    /// The program whose `plugins describe` opens them: this program.
    pub program: PathBuf,
    /// Cache folder, for what was found out; `None` to keep nothing.
    pub cache: Option<PathBuf>,
    /// How long a plugin may take to say what it is.
    pub limit: Duration,
}

/// How much may be done for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// No process is started: what is not in the cache stays pending.
    Cached,
    /// Files that are not in the cache are looked into.
    Normal,
    /// So are those that were refused before, but for those that hang: they hang until the file
    /// changes.
    Afresh,
}

/// Which files there are with which contents, at a cost of microseconds: lists made at equal
/// traces are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces(Vec<(PathBuf, Option<Stamp>, bool)>);

impl Discovery {
    /// What tells whether a list is still right.
    pub fn traces(&self) -> Traces {
        let (candidates, _) = self.search_path.candidates();
        let stamped = candidates.into_iter().map(|candidate| {
            let stamp = Stamp::of(&candidate.path);
            let is_trusted = self.trust.check(&candidate.path).is_ok();
            (candidate.path, stamp, is_trusted)
        });
        Traces(stamped.collect())
    }
}

/// How often files are looked at for changes.
const PERIOD: Duration = Duration::from_secs(2);

/// Lists the plugins, and again whenever a file changed, until `tell` says `false`.
pub fn follow(discovery: &Discovery, tell: &mut dyn FnMut(Listing) -> bool) {
    let mut listed: Option<Traces> = None;
    loop {
        let traces = discovery.traces();
        if listed.as_ref() != Some(&traces) {
            if !tell(discover(discovery, Effort::Normal)) {
                return;
            }
            listed = Some(traces);
        }
        std::thread::sleep(PERIOD);
    }
}

/// The plugins on the search path, and the files that are none.
pub fn discover(discovery: &Discovery, effort: Effort) -> Listing {
    let (candidates, unlisted) = discovery.search_path.candidates();
    let (candidates, refused) = trusted(candidates, discovery, effort);
    let mut cache = DescriptionCache::load(discovery.cache.as_deref(), &discovery.program);
    let stamps: Vec<Option<Stamp>> =
        candidates.iter().map(|candidate| Stamp::of(&candidate.path)).collect();

    let mut known: Vec<Option<Knowledge>> = candidates
        .iter()
        .zip(&stamps)
        .map(|(candidate, stamp)| cache.get(&candidate.path, stamp.as_ref()?).cloned())
        .map(|known| match known {
            Some(Knowledge::Problem(_)) if effort == Effort::Afresh => None,
            known => known,
        })
        .collect();
    if effort != Effort::Cached {
        let unknown: Vec<usize> = (0..known.len())
            .filter(|&index| known.get(index).is_some_and(Option::is_none))
            .collect();
        let paths: Vec<&Path> = unknown
            .iter()
            .filter_map(|&index| Some(candidates.get(index)?.path.as_path()))
            .collect();
        let learnt = look_into(&paths, discovery);
        for (index, knowledge) in unknown.into_iter().zip(learnt) {
            // Paths are kept as text.
            if let (Some(candidate), Some(Some(stamp))) = (candidates.get(index), stamps.get(index))
                && candidate.path.to_str().is_some()
            {
                cache.put(candidate.path.clone(), stamp.clone(), knowledge.clone());
            }
            if let Some(slot) = known.get_mut(index) {
                *slot = Some(knowledge);
            }
        }
        cache.save();
    }

    let pending = known.iter().filter(|known| known.is_none()).count();
    let found =
        candidates.into_iter().zip(known).filter_map(|(candidate, known)| found(candidate, known?));
    let mut listing = Listing::of(found.chain(refused).collect());
    listing.pending = pending;
    listing.problems.extend(unlisted.into_iter().map(|(path, problem)| Problem {
        path,
        id: None,
        problem,
    }));
    listing
}

/// The candidates that may be opened, and the others with what is against them. That is looked at
/// every time: the mode of a folder may have changed since something was cache.
fn trusted(
    candidates: Vec<Candidate>,
    discovery: &Discovery,
    effort: Effort,
) -> (Vec<Candidate>, Vec<Found>) {
    let mut refused = Vec::new();
    let mut trusted = Vec::new();
    for candidate in candidates {
        match discovery.trust.check(&candidate.path) {
            Ok(()) => trusted.push(candidate),
            // Other programs keep their libraries beside this one. Reading one runs nothing.
            Err(_) if !candidate.expected && effort == Effort::Cached => {}
            Err(_) if !candidate.expected && !is_plugin(&candidate.path) => {}
            Err(distrust) => {
                refused.push(Found { path: candidate.path, result: Err(distrust.to_string()) });
            }
        }
    }
    (trusted, refused)
}

fn is_plugin(path: &Path) -> bool {
    Contents::read(path).is_ok_and(|contents| contents.looks_like_a_plugin())
}

fn found(candidate: Candidate, knowledge: Knowledge) -> Option<Found> {
    let Candidate { path, expected } = candidate;
    let result = match knowledge {
        Knowledge::Plugin { info, hash } => Ok((info, hash)),
        // Other programs keep their libraries beside this one.
        Knowledge::NoPlugin if !expected => return None,
        Knowledge::NoPlugin => Err(Fault::NoPlugin.to_string()),
        Knowledge::Problem(problem) => Err(problem),
        Knowledge::Hangs(problem) => {
            Err(format!("{problem}; it is opened again when the file changes"))
        }
    };
    Some(Found { path, result })
}

/// Looks into files, several at once.
fn look_into(paths: &[&Path], discovery: &Discovery) -> Vec<Knowledge> {
    let next = AtomicUsize::new(0);
    let learnt: Mutex<Vec<(usize, Knowledge)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(paths.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(place) else { return };
                    let knowledge = learn(path, discovery);
                    learnt.lock().unwrap_or_else(PoisonError::into_inner).push((place, knowledge));
                }
            });
        }
    });
    let mut learnt = learnt.into_inner().unwrap_or_else(PoisonError::into_inner);
    learnt.sort_by_key(|(place, _)| *place);
    learnt.into_iter().map(|(_, knowledge)| knowledge).collect()
}

fn learn(path: &Path, discovery: &Discovery) -> Knowledge {
    // Paths cross processes as text.
    if path.to_str().is_none() {
        return Knowledge::Problem("its path is not UTF-8".to_owned());
    }
    match Contents::read(path) {
        Ok(contents) if contents.looks_like_a_plugin() => {}
        Ok(_) | Err(Fault::NoPlugin) => return Knowledge::NoPlugin,
        Err(fault) => return Knowledge::Problem(fault.to_string()),
    }
    match describe::ask(&discovery.program, path, discovery.limit) {
        Description::Plugin { info, hash } => Knowledge::Plugin { info, hash },
        Description::Problem { problem } => Knowledge::Problem(problem),
        Description::Hangs { problem } => Knowledge::Hangs(problem),
    }
}
