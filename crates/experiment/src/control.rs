//! What somebody wants of a sweep that others run: pause, an order, trials that are not to be run,
//! a stop. Every request is a small file of its own in the run directory, under a number that only
//! one process can have; what is wanted is what they say one after another. Processes look at them
//! between trials and twice a second within one. It knows nothing of who asks and who obeys.

use super::directory::{DirectoryError, RunDirectory};
use super::trial::TrialId;
use serde::{Deserialize, Serialize};
use sigmalab_files::patience::patiently;
use sigmalab_files::shared_folder::SharedFolder;
use sigmalab_files::target::{OnCollision, TargetError};
use sigmalab_text::text_file::without_mark;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The version this build writes.
const VERSION: u32 = 1;

/// The folder of requests.
const FOLDER: &str = "control";

/// The one file that builds before this one wrote: what it says is where requests begin.
const FORMER: &str = "control.json";

/// Most bytes of a request: one of a hundred thousand trials has a tenth.
const MOST: u64 = 16 << 20;

/// Least time between two looks at the files during a run.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Something that is wanted. Trials are named by the beginning of their identity, as rows and files
/// are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// No process begins another trial; those that are going are finished.
    Pause {},
    /// They go on, and what machines were at fault for counts no more.
    Resume {},
    /// A trial comes before all others; the same again takes it back.
    First { trial: String },
    /// These are not run; one that is going is stopped. They have no record, and are run once
    /// [`Request::TakeUp`] names them.
    Skip { trials: Vec<String> },
    /// These are run after all.
    TakeUp { trials: Vec<String> },
    /// What machines were at fault for is mended: it counts no more.
    Mended {},
    /// Every process that is running stops. One that begins later is not stopped by it.
    Stop {
        /// Why, where it was not a person who asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(flatten)]
    request: Request,
}

/// What is wanted of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// No process begins another trial; those that are going are finished.
    pub paused: bool,
    /// Names of the requests to stop. A process stops where there is one that was not there when it
    /// began, so that processes that begin later need not take anything back.
    stops: BTreeSet<String>,
    /// Why the last of them was made, where that is known.
    pub stopped_for: Option<String>,
    /// The last request that said that machines are mended.
    mended: u64,
    /// These come first, in this order.
    pub first: Vec<String>,
    pub skipped: BTreeSet<String>,
}

/// The form of [`FORMER`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Former {
    version: u32,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    stops: u64,
    #[serde(default)]
    first: Vec<String>,
    #[serde(default)]
    skipped: Vec<String>,
}

/// Why a control file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{}`: {problem}: delete it to go on without it", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Write(#[from] TargetError),
}

/// The highest number of a request. People ask some hundred times; a file of a higher number is no
/// request.
const MOST_REQUESTS: u64 = 1_000_000;

/// Asks the processes of a run directory for something.
///
/// # Errors
/// The request cannot be written.
pub fn ask(directory: &RunDirectory, request: Request) -> Result<(), ControlError> {
    directory.create(&directory.path().join(FOLDER))?;
    let file = File { version: VERSION, request };
    let text = serde_json::to_string(&file).unwrap_or_default() + "\n";
    let mut number = numbers(directory)?.last().map_or(1, |last| last + 1);
    if number > MOST_REQUESTS {
        // Somebody else's: a later one would not count, and nobody would see why.
        let path = directory.path().join(file_name(MOST_REQUESTS));
        let problem = "its number is the highest that a request can have".to_owned();
        return Err(ControlError::Damaged { path, problem });
    }
    loop {
        let written = directory
            .put(&file_name(number), OnCollision::Refuse, |out| out.write_all(text.as_bytes()));
        match written {
            // Somebody else asked at the same time.
            Err(TargetError::Exists { .. }) => number += 1,
            written => return Ok(written?),
        }
    }
}

fn file_name(number: u64) -> String {
    format!("{FOLDER}/{number}.json")
}

/// The numbers of the requests, in their order.
fn numbers(directory: &RunDirectory) -> Result<Vec<u64>, ControlError> {
    let path = directory.path().join(FOLDER);
    let names = patiently(|| match SharedFolder::open_last(&path) {
        Ok(folder) => folder.names(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    });
    let names = names.map_err(|source| ControlError::Io { path, source })?;
    let number = |name: &str| -> Option<u64> {
        let number = name.strip_suffix(".json")?;
        let is_one = |parsed: &u64| parsed.to_string() == number && *parsed <= MOST_REQUESTS;
        number.parse().ok().filter(is_one)
    };
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name.to_str()?)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The requests of a run directory as far as they were read.
#[derive(Debug, Default)]
struct Requests {
    former: Control,
    read: BTreeMap<u64, Request>,
}

impl Requests {
    fn look(&mut self, directory: &RunDirectory) -> Result<(), ControlError> {
        self.former = former(directory)?;
        let numbers = numbers(directory)?;
        self.read.retain(|number, _| numbers.contains(number));
        for number in numbers {
            if !self.read.contains_key(&number)
                && let Some(request) = request(directory, number)?
            {
                self.read.insert(number, request);
            }
        }
        Ok(())
    }

    fn control(&self) -> Control {
        let mut control = self.former.clone();
        self.read.iter().for_each(|(number, request)| control.take(*number, request));
        control
    }
}

fn request(directory: &RunDirectory, number: u64) -> Result<Option<Request>, ControlError> {
    let name = file_name(number);
    let path = directory.path().join(&name);
    let text = match patiently(|| directory.read(&name, MOST)) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(source) => return Err(ControlError::Io { path, source }),
    };
    let damaged = |problem: String| ControlError::Damaged { path: path.clone(), problem };
    refuse_later(&text).map_err(damaged)?;
    let file: File =
        serde_json::from_str(without_mark(&text)).map_err(|error| damaged(error.to_string()))?;
    Ok(Some(file.request))
}

fn refuse_later(text: &str) -> Result<(), String> {
    let value = serde_json::from_str::<serde_json::Value>(without_mark(text)).ok();
    let version = value.and_then(|value| value.get("version")?.as_u64());
    match version.filter(|version| *version > u64::from(VERSION)) {
        Some(found) => {
            Err(format!("it is of version {found} and this build reads up to {VERSION}"))
        }
        None => Ok(()),
    }
}

/// What a build before this one wrote; nothing where there is none.
fn former(directory: &RunDirectory) -> Result<Control, ControlError> {
    let path = directory.path().join(FORMER);
    let text = match patiently(|| directory.read_small(FORMER)) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(Control::default()),
        Err(source) => return Err(ControlError::Io { path, source }),
    };
    let damaged = |problem: String| ControlError::Damaged { path: path.clone(), problem };
    refuse_later(&text).map_err(damaged)?;
    let former: Former =
        serde_json::from_str(without_mark(&text)).map_err(|error| damaged(error.to_string()))?;
    if former.version != VERSION {
        return Err(damaged(format!("there is no version {}", former.version)));
    }
    Ok(Control {
        paused: former.paused,
        // Builds before this one counted.
        stops: (former.stops > 0).then(|| format!("former {}", former.stops)).into_iter().collect(),
        stopped_for: None,
        mended: 0,
        first: former.first,
        skipped: former.skipped.into_iter().collect(),
    })
}

impl Control {
    /// What is wanted in a run directory; nothing where nobody asked for anything.
    ///
    /// # Errors
    /// A request cannot be read.
    pub fn read(directory: &RunDirectory) -> Result<Self, ControlError> {
        let mut requests = Requests::default();
        requests.look(directory)?;
        Ok(requests.control())
    }

    fn take(&mut self, number: u64, request: &Request) {
        match request {
            Request::Pause {} => self.paused = true,
            Request::Resume {} => (self.paused, self.mended) = (false, number),
            Request::Mended {} => self.mended = number,
            Request::First { trial } => self.put_first(trial),
            Request::Skip { trials } => self.skipped.extend(trials.iter().cloned()),
            Request::TakeUp { trials } => self.skipped.retain(|id| !trials.contains(id)),
            Request::Stop { cause } => {
                self.stops.insert(number.to_string());
                self.stopped_for.clone_from(cause);
            }
        }
    }

    fn put_first(&mut self, id: &str) {
        let was_first = self.first.first().is_some_and(|first| first == id);
        self.first.retain(|first| first != id);
        if !was_first {
            self.first.insert(0, id.to_owned());
        }
    }

    /// The last request that said that machines are mended; 0 where nobody did.
    pub(super) fn mended(&self) -> u64 {
        self.mended
    }

    /// Whether a trial is not to be run.
    pub fn skips(&self, id: &TrialId) -> bool {
        self.skipped.contains(id.short())
    }

    /// Where a trial stands among those that come first; the others come after all of them.
    pub fn rank(&self, id: &TrialId) -> usize {
        let index = self.first.iter().position(|first| first == id.short());
        index.unwrap_or(self.first.len())
    }
}

/// What is wanted as a process that runs trials follows it.
#[derive(Debug)]
pub struct Followed {
    directory: RunDirectory,
    requests: Requests,
    control: Control,
    /// The requests to stop that were there when this process began.
    stops: BTreeSet<String>,
    looked: Instant,
}

impl Followed {
    /// Follows what is wanted from now on: what was cancelled before does not count.
    ///
    /// # Errors
    /// The requests cannot be read.
    pub fn new(directory: &RunDirectory) -> Result<Self, ControlError> {
        let mut requests = Requests::default();
        requests.look(directory)?;
        let control = requests.control();
        let (directory, stops) = (directory.clone(), control.stops.clone());
        Ok(Followed { directory, requests, control, stops, looked: Instant::now() })
    }

    /// Looks at the requests. One that cannot be read changes nothing: those before it could.
    pub fn look(&mut self) -> &Control {
        self.looked = Instant::now();
        if self.requests.look(&self.directory).is_ok() {
            self.control = self.requests.control();
        }
        &self.control
    }

    /// The same, where the last look is some time ago.
    pub fn look_now_and_then(&mut self) -> &Control {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look();
        }
        &self.control
    }

    /// What was wanted at the last look.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Whether the sweep was cancelled since this process began.
    pub fn is_cancelled(&self) -> bool {
        !self.control.stops.is_subset(&self.stops)
    }
}

#[cfg(test)]
mod tests;
