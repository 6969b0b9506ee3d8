//! The gallery: the runs of this session and of earlier ones, which of them is under the cursor,
//! and which pictures are at hand. It asks for work in words and touches no disk itself.

use super::{GalleryEvent, GalleryRun, GalleryWork, Kept, ReadRun, RunName};
use crate::history::EntryId;
use crate::tui::runs::Finished;
use sigmalab_image::RgbImage;
use std::cmp::Reverse;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

/// How many pictures are kept in memory: one of 1024×1024 is 3 MB.
const AT_HAND: usize = 8;

/// What is to be done with a run once its picture is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Load its recipe into the grid and show its picture.
    Load,
    /// Only show its picture: its recipe is in the grid already.
    Show,
    Pin,
    /// Pin it as A and compare it with the last run.
    Compare,
}

/// An intent that waits for its run to be read.
#[derive(Debug, Clone, PartialEq)]
struct Pending {
    name: RunName,
    intent: Intent,
    /// Whether the run was asked for.
    asked: bool,
    /// Why it cannot be read.
    failed: Option<String>,
}

/// An intent whose run is at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    /// What is to be done.
    pub intent: Intent,
    /// With which run.
    pub name: RunName,
    pub run: Arc<Finished>,
}

/// What came of news, for the application to say and do.
#[derive(Debug, Default, PartialEq)]
pub struct Taken {
    /// Lines for the log.
    pub notes: Vec<String>,
    /// Why a run is not written into the history.
    pub unwritten: Option<String>,
    /// Work that follows from it.
    pub work: Option<GalleryWork>,
}

/// The runs there are.
#[derive(Debug)]
pub struct Gallery {
    /// Newest first.
    runs: Vec<GalleryRun>,
    /// Places in `runs` of those that the filter lets through.
    shown: Vec<usize>,
    /// Place in `shown`.
    cursor: usize,
    filter: String,
    /// How many runs this session has finished.
    session: usize,
    /// Whether a run has finished since the gallery was looked at.
    fresh: bool,
    /// Runs with their pictures, the one read last at the end.
    at_hand: VecDeque<(RunName, Arc<Finished>)>,
    /// A small picture of the run that is being read.
    draft: Option<(EntryId, Arc<RgbImage>)>,
    /// What is being read to be looked at.
    looked: Option<EntryId>,
    pending: Option<Pending>,
    is_listing: bool,
    /// Whether the picture takes the whole screen.
    pub zoomed: bool,
    /// When this screen was touched last: ages count to it.
    pub now: SystemTime,
}

impl Default for Gallery {
    fn default() -> Self {
        Gallery {
            runs: Vec::new(),
            shown: Vec::new(),
            cursor: 0,
            filter: String::new(),
            session: 0,
            fresh: false,
            at_hand: VecDeque::new(),
            draft: None,
            looked: None,
            pending: None,
            is_listing: false,
            zoomed: false,
            now: SystemTime::UNIX_EPOCH,
        }
    }
}

impl Gallery {
    /// Takes a run of this session in. Gives what is to be done to keep it.
    pub fn add(&mut self, run: Arc<Finished>, finished: SystemTime) -> GalleryWork {
        self.session += 1;
        let number = self.session;
        let card = GalleryRun::of_this_session(number, &run, finished);
        self.hold(card.name.clone(), Arc::clone(&run));
        self.change(|runs| insert(runs, card));
        self.fresh = true;
        GalleryWork::Remember { number, finished, run }
    }

    /// The screen is shown: what others added or removed is to be seen too.
    pub fn enter(&mut self, now: SystemTime) -> GalleryWork {
        self.now = now;
        if std::mem::take(&mut self.fresh) {
            self.cursor = 0;
        }
        // What could not be read is tried again.
        self.looked = None;
        self.runs.iter_mut().for_each(|run| run.problem = None);
        self.is_listing = true;
        GalleryWork::List
    }

    /// Takes what the thread says.
    pub fn take(&mut self, event: GalleryEvent) -> Taken {
        let mut taken = Taken::default();
        match event {
            GalleryEvent::Remembered { number, result } => {
                self.remembered(number, result, &mut taken);
            }
            GalleryEvent::Present(ids) => self.change(|runs| {
                // One of this session may have been written after the folder was read.
                let is_there = |run: &GalleryRun| run.id().is_some_and(|id| ids.contains(id));
                runs.retain(|run| matches!(run.name, RunName::Session(_)) || is_there(run));
            }),
            GalleryEvent::Found(found) => self.change(|runs| {
                let known: HashSet<&EntryId> = runs.iter().filter_map(GalleryRun::id).collect();
                let is_new = |run: &GalleryRun| run.id().is_some_and(|id| !known.contains(id));
                let found: Vec<GalleryRun> = found.into_iter().filter(is_new).collect();
                runs.extend(found);
                runs.sort_by_key(|run| Reverse(run.finished));
            }),
            GalleryEvent::Listed { unreadable } => {
                self.is_listing = false;
                if let Some(first) = unreadable.first() {
                    let others = match unreadable.len() - 1 {
                        0 => String::new(),
                        1 => " (and one more like it)".to_owned(),
                        more => format!(" (and {more} more like it)"),
                    };
                    taken.notes.push(format!("{first}{others}"));
                }
            }
            GalleryEvent::Problem(problem) => taken.notes.push(problem),
            GalleryEvent::Draft(id, image) => self.draft = Some((id, image)),
            GalleryEvent::Read(id, result) => self.was_read(&id, result),
        }
        taken
    }

    fn remembered(
        &mut self,
        number: usize,
        result: Result<Box<GalleryRun>, String>,
        taken: &mut Taken,
    ) {
        let name = RunName::Session(number);
        let Some(at) = self.runs.iter().position(|run| run.name == name) else {
            // It was deleted before it was written.
            if let Ok(run) = result {
                taken.work = run.id().cloned().map(GalleryWork::Forget);
            }
            return;
        };
        let kept = match result {
            Ok(written) => {
                // A listing may have found it first.
                let id = written.id().cloned();
                let twin = |run: &GalleryRun| run.name != name && run.id() == id.as_ref();
                let metrics = written.metrics;
                if let Some(run) = self.runs.get_mut(at) {
                    run.kept = written.kept;
                    run.metrics = metrics;
                }
                self.change(|runs| runs.retain(|run| !twin(run)));
                return;
            }
            Err(problem) => {
                taken.unwritten = Some(format!("run {number} is not in the history: {problem}"));
                Kept::Not(problem)
            }
        };
        if let Some(run) = self.runs.get_mut(at) {
            run.kept = kept;
        }
    }

    fn was_read(&mut self, id: &EntryId, result: Result<Box<ReadRun>, String>) {
        self.draft = self.draft.take().filter(|(of, _)| of != id);
        self.looked = self.looked.take().filter(|looked| looked != id);
        let known = self.runs.iter().position(|run| run.id() == Some(id));
        match result {
            Ok(read) => {
                let ReadRun { run: found, finished } = *read;
                let name = match known.and_then(|at| self.runs.get(at)) {
                    Some(run) => run.name.clone(),
                    None => {
                        let name = found.name.clone();
                        self.change(|runs| insert(runs, found));
                        name
                    }
                };
                self.hold(name, finished);
            }
            Err(problem) => {
                if let Some(run) = known.and_then(|at| self.runs.get_mut(at)) {
                    run.problem = Some(problem);
                } else if let Some(pending) = &mut self.pending
                    && pending.name == RunName::Earlier(id.clone())
                {
                    pending.failed = Some(problem);
                }
            }
        }
    }

    /// Changes the runs; the one under the cursor stays under it.
    fn change(&mut self, change: impl FnOnce(&mut Vec<GalleryRun>)) {
        let selected = self.selected().map(|run| run.name.clone());
        change(&mut self.runs);
        self.filter_again(selected);
    }

    fn filter_again(&mut self, selected: Option<RunName>) {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let shown = self.runs.iter().enumerate().filter(|(_, run)| run.holds(&words));
        self.shown = shown.map(|(at, _)| at).collect();
        let name = |at: &usize| self.runs.get(*at).map(|run| &run.name);
        let there = self.shown.iter().position(|at| name(at) == selected.as_ref());
        // Where it is gone, the next older one takes its place.
        self.cursor = there.unwrap_or(self.cursor).min(self.shown.len().saturating_sub(1));
    }

    /// Keeps a run with its picture at hand. Those that are not written yet stay too.
    fn hold(&mut self, name: RunName, run: Arc<Finished>) {
        self.at_hand.retain(|(held, _)| *held != name);
        self.at_hand.push_back((name, run));
        let mut beyond = self.at_hand.len().saturating_sub(AT_HAND);
        let Some(newest) = self.at_hand.pop_back() else { return };
        let runs = &self.runs;
        let is_unwritten =
            |name: &RunName| runs.iter().any(|run| run.name == *name && run.kept == Kept::Writing);
        self.at_hand.retain(|(name, _)| {
            let goes = beyond > 0 && !is_unwritten(name);
            beyond -= usize::from(goes);
            !goes
        });
        self.at_hand.push_back(newest);
    }

    /// Says what is to be done with a run as soon as its picture is at hand.
    pub fn intend(&mut self, name: RunName, intent: Intent) {
        self.pending = Some(Pending { name, intent, asked: false, failed: None });
    }

    /// Whether something waits for a run to be read.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// The intent that can be done now, or why it cannot be done at all.
    pub fn ready(&mut self) -> Option<Result<Ready, String>> {
        let Pending { name, intent, failed, .. } = self.pending.as_ref()?;
        let ready = match (self.picture_of(name), self.run(name)) {
            (Some(run), _) => Ok(Ready { intent: *intent, name: name.clone(), run }),
            (None, Some(GalleryRun { kept: Kept::Not(problem), .. })) => {
                Err(format!("its picture is gone, because it could not be kept: {problem}"))
            }
            (None, run) => {
                let problem = run.and_then(|run| run.problem.as_ref()).or(failed.as_ref())?;
                Err(problem.clone())
            }
        };
        self.pending = None;
        Some(ready)
    }

    /// What is to be read next, if anything. `is_open` says whether the screen shows the gallery.
    pub fn wanted(&mut self, is_open: bool) -> Option<GalleryWork> {
        let id_of = |runs: &[GalleryRun], name: &RunName| {
            let run = runs.iter().find(|run| run.name == *name);
            match (run, name) {
                (Some(run), _) => run.id().cloned(),
                (None, RunName::Earlier(id)) => Some(id.clone()),
                (None, RunName::Session(_)) => None,
            }
        };
        if let Some(pending) = self.pending.as_mut().filter(|pending| !pending.asked)
            && let Some(id) = id_of(&self.runs, &pending.name)
        {
            pending.asked = true;
            return Some(GalleryWork::Fetch(id));
        }
        // The one under the cursor, then its neighbours: whoever looks at one looks at the next.
        let near = [Some(self.cursor), self.cursor.checked_add(1), self.cursor.checked_sub(1)];
        let runs = near.into_iter().flatten().filter_map(|at| self.runs.get(*self.shown.get(at)?));
        let id = runs
            .filter(|run| is_open && run.problem.is_none() && self.picture_of(&run.name).is_none())
            .find_map(GalleryRun::id)?
            .clone();
        if self.looked.as_ref() == Some(&id) {
            return None;
        }
        self.looked = Some(id.clone());
        Some(GalleryWork::Look(id))
    }

    /// Takes a run off the list. Gives what is to be done to take it out of the history.
    pub fn forget(&mut self, name: &RunName) -> Option<GalleryWork> {
        let id = self.run(name)?.id().cloned();
        self.at_hand.retain(|(held, _)| held != name);
        self.change(|runs| runs.retain(|run| run.name != *name));
        id.map(GalleryWork::Forget)
    }

    /// Moves the cursor down the list.
    pub fn along(&mut self, by: isize) {
        let last = self.shown.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }

    /// Shows only runs that hold every one of these words; none shows all.
    pub fn filter(&mut self, words: &str) {
        let selected = self.selected().map(|run| run.name.clone());
        self.filter = words.trim().to_owned();
        self.filter_again(selected);
    }

    /// The words of the filter.
    pub fn words(&self) -> &str {
        &self.filter
    }

    pub fn run(&self, name: &RunName) -> Option<&GalleryRun> {
        self.runs.iter().find(|run| run.name == *name)
    }

    /// The run under the cursor.
    pub fn selected(&self) -> Option<&GalleryRun> {
        self.shown.get(self.cursor).and_then(|at| self.runs.get(*at))
    }

    /// Place of the cursor in the list.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The runs in the list, newest first, each with the one that ended before it.
    pub fn shown(&self) -> impl Iterator<Item = (&GalleryRun, Option<&GalleryRun>)> {
        self.shown.iter().filter_map(|at| {
            let run = self.runs.get(*at)?;
            Some((run, self.runs.get(at + 1)))
        })
    }

    /// How many runs are in the list.
    pub fn shown_len(&self) -> usize {
        self.shown.len()
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many runs of this session there were.
    pub fn session(&self) -> usize {
        self.session
    }

    /// Whether the history is still being read.
    pub fn is_listing(&self) -> bool {
        self.is_listing
    }

    /// A run with its picture, where it is at hand.
    pub fn picture_of(&self, name: &RunName) -> Option<Arc<Finished>> {
        self.at_hand.iter().find(|(held, _)| held == name).map(|(_, run)| Arc::clone(run))
    }

    /// The picture to show of the run under the cursor: the whole one, else a small one.
    pub fn picture(&self) -> Option<Arc<RgbImage>> {
        let run = self.selected()?;
        let small = || {
            let (id, image) = self.draft.as_ref()?;
            (run.id() == Some(id)).then(|| Arc::clone(image))
        };
        self.picture_of(&run.name).map(|run| Arc::clone(&run.image)).or_else(small)
    }
}

/// Puts a run where its time belongs.
fn insert(runs: &mut Vec<GalleryRun>, run: GalleryRun) {
    let at = runs.partition_point(|other| other.finished > run.finished);
    runs.insert(at, run);
}
