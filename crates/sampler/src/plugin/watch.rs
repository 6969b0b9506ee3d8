//! Watching code of plugins while it runs: which sampler is at which step, told to whoever can
//! outlive this process, and how long it has been at it. Time in which the host works for a
//! plugin does not count.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Where code of a plugin runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The sampler's id; the file's path while that is not known.
    pub sampler: String,
    /// The step, sampling order, from 0; `None` while the plugin is opened or looks at parameters.
    pub step: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "sampler `{}` (step {step})", self.sampler),
            None => write!(f, "sampler `{}`", self.sampler),
        }
    }
}

/// Told where code of plugins runs.
pub trait Guardian: Send + Sync {
    /// Code of a plugin begins to run, or goes on after the host worked for it.
    fn enters(&self, place: &Place);

    /// It has returned, or the host works for it.
    fn leaves(&self);

    /// It has run for too long; `cause` says so. Cannot be stopped but with this process, which
    /// is what this function is to do.
    fn expired(&self, place: &Place, cause: &str);
}

/// How long code of a plugin may run in one step, when nobody says otherwise.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// What is left to it once the run is cancelled.
const GRACE: Duration = Duration::from_secs(3);

/// How exactly time is kept.
const TICK: Duration = Duration::from_millis(50);

/// A watch over the plugins of one thread. Clones are the same watch.
#[derive(Clone)]
pub struct Watch {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    guardian: Arc<dyn Guardian>,
    limit: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// Whether the thread that looks at the clock was started.
    started: bool,
    /// Whether it waits to be told, because nothing has run for a while.
    asleep: bool,
}

struct Current {
    place: Place,
    /// Since when its code runs; `None` while the host works for it.
    since: Option<Instant>,
    /// How long it ran before that.
    before: Duration,
    /// When it ran for this long it is too long.
    limit: Duration,
    cancelled: bool,
}

impl Current {
    fn spent(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Watch {
    /// Nobody watches.
    pub fn none() -> Self {
        Watch { inner: None }
    }

    /// A watch that lets code of a plugin run for `limit` in one step.
    pub fn new(guardian: Arc<dyn Guardian>, limit: Duration) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Watch { inner: Some(Arc::new(Inner { guardian, limit, state, changed })) }
    }

    /// Runs `work`, which is code of a plugin.
    pub fn over<T>(&self, place: Place, work: impl FnOnce() -> T) -> T {
        let Some(inner) = &self.inner else { return work() };
        inner.begin(place);
        let result = work();
        inner.end();
        result
    }

    /// Runs `work`, which the host does for the plugin that is being watched.
    pub fn pause<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(inner) = &self.inner else { return work() };
        inner.pause();
        let result = work();
        inner.resume();
        result
    }

    /// The run was cancelled: code that runs now is to end soon.
    pub fn cancelled(&self) {
        let Some(inner) = &self.inner else { return };
        if let Some(current) = inner.lock().current.as_mut().filter(|current| !current.cancelled) {
            current.cancelled = true;
            current.limit = current.limit.min(current.spent() + GRACE);
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, place: Place) {
        self.guardian.enters(&place);
        let mut state = self.lock();
        if !std::mem::replace(&mut state.started, true) {
            let inner = Arc::clone(self);
            thread::spawn(move || inner.look_at_the_clock());
        }
        state.current = Some(Current {
            place,
            since: Some(Instant::now()),
            before: Duration::ZERO,
            limit: self.limit,
            cancelled: false,
        });
        if std::mem::take(&mut state.asleep) {
            self.changed.notify_one();
        }
    }

    fn end(&self) {
        self.lock().current = None;
        self.guardian.leaves();
    }

    fn pause(&self) {
        if let Some(current) = self.lock().current.as_mut() {
            current.before = current.spent();
            current.since = None;
        }
        self.guardian.leaves();
    }

    fn resume(&self) {
        let place = self.lock().current.as_ref().map(|current| current.place.clone());
        if let Some(place) = place {
            self.guardian.enters(&place);
        }
        if let Some(current) = self.lock().current.as_mut() {
            current.since = Some(Instant::now());
        }
    }

    fn look_at_the_clock(&self) {
        let mut quiet = 0;
        let mut state = self.lock();
        loop {
            quiet = if state.current.is_none() { quiet + 1 } else { 0 };
            if quiet > 20 {
                state.asleep = true;
                while state.asleep {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            } else {
                let (again, _) =
                    self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
                state = again;
            }
            let late = state.current.as_ref().filter(|current| current.spent() > current.limit);
            if let Some(current) = late {
                let cause = if current.cancelled {
                    format!("it did not return within {} s of being cancelled", GRACE.as_secs())
                } else {
                    format!("it did not return within {} s", current.limit.as_secs_f64())
                };
                let place = current.place.clone();
                drop(state);
                self.guardian.expired(&place, &cause);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::mpsc;

    #[derive(Default)]
    struct Recorder {
        told: Mutex<Vec<String>>,
        late: Mutex<Option<mpsc::Sender<String>>>,
    }

    impl Guardian for Recorder {
        fn enters(&self, place: &Place) {
            self.told.lock().unwrap().push(format!("in {place}"));
        }
        fn leaves(&self) {
            self.told.lock().unwrap().push("out".to_owned());
        }
        fn expired(&self, place: &Place, cause: &str) {
            let late = self.late.lock().unwrap();
            late.as_ref().unwrap().send(format!("{place}: {cause}")).unwrap();
        }
    }

    fn place(step: usize) -> Place {
        Place { sampler: "x".to_owned(), step: Some(step) }
    }

    #[test]
    fn it_is_told_whose_code_runs_also_around_work_of_the_host() {
        let recorder = Arc::new(Recorder::default());
        let watch = Watch::new(recorder.clone(), DEFAULT_LIMIT);
        assert_eq!(watch.over(place(3), || watch.pause(|| 7)), 7);
        let told = recorder.told.lock().unwrap().clone();
        let step = "in sampler `x` (step 3)";
        assert_eq!(told, [step, "out", step, "out"]);
    }

    #[test]
    fn only_time_of_the_plugins_own_counts() {
        let (sender, late) = mpsc::channel();
        let recorder = Recorder { late: Mutex::new(Some(sender)), ..Recorder::default() };
        let watch = Watch::new(Arc::new(recorder), Duration::from_millis(200));
        watch.over(place(0), || watch.pause(|| thread::sleep(Duration::from_millis(400))));
        assert!(late.try_recv().is_err());
        watch.over(place(1), || {
            let told = late.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(told, "sampler `x` (step 1): it did not return within 0.2 s");
        });
    }

    #[test]
    fn nobody_need_watch() {
        assert_eq!(Watch::none().over(place(0), || Watch::none().pause(|| 1)), 1);
    }
}
