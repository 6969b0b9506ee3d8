//! Progress of a sweep on standard error: a bar at a terminal, a line now and then elsewhere.

use crate::cli::print;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sigmalab_engine::event::Event;
use sigmalab_experiment::record::{Outcome, Record};
use sigmalab_experiment::runner::RunnerEvent;
use sigmalab_experiment::sweep::Sweep;
use std::io::Write;
use std::time::{Duration, Instant};

/// Most redraws a second.
const REDRAWS: u8 = 5;

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

const TEMPLATE: &str = "{pos}/{len} trials {bar:24} {msg}";

/// Follows a sweep.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    trials: usize,
    recorded: usize,
    failed: usize,
    /// Seconds left by the plan and what finished runs took.
    left: Option<f64>,
    /// Where a search is.
    stage: String,
    step: String,
    /// That the worker says nothing, where it does not.
    silent: String,
    last_line: Instant,
}

impl Progress {
    /// Progress of a sweep of so many trials, of which some have a record already.
    pub(super) fn new(quiet: bool, trials: usize, recorded: usize) -> Self {
        let visible = !quiet && print::draws();
        let bar = visible.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(REDRAWS);
            let bar = ProgressBar::with_draw_target(Some(trials as u64), target);
            let style = ProgressStyle::with_template(TEMPLATE);
            bar.set_style(
                style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "),
            );
            bar.set_position(recorded as u64);
            bar
        });
        let (failed, left, last_line) = (0, None, Instant::now());
        let (stage, step, silent) = (String::new(), String::new(), String::new());
        Progress { bar, quiet, trials, recorded, failed, left, stage, step, silent, last_line }
    }

    /// Seconds that are left.
    pub(super) fn left(&mut self, seconds: Option<f64>) {
        self.left = seconds;
    }

    /// What is recorded by several processes so far, and what they do.
    pub(super) fn stands(&mut self, trials: usize, recorded: usize, failed: usize, doing: String) {
        if self.trials != trials
            && let Some(bar) = &self.bar
        {
            bar.set_length(trials as u64);
        }
        (self.trials, self.recorded, self.failed, self.step) = (trials, recorded, failed, doing);
        self.show(&RunnerEvent::Tick);
    }

    pub(super) fn show(&mut self, event: &RunnerEvent<'_>) {
        if matches!(
            event,
            RunnerEvent::Event(_) | RunnerEvent::Begins { .. } | RunnerEvent::Recorded { .. }
        ) {
            self.silent.clear();
        }
        match event {
            RunnerEvent::Event(Event::Step(report)) => {
                self.step = format!("step {}/{}", report.index + 1, report.steps);
            }
            RunnerEvent::Event(Event::Loading(_)) => {
                "loading the checkpoint".clone_into(&mut self.step)
            }
            RunnerEvent::Waiting => "waiting for other processes".clone_into(&mut self.step),
            RunnerEvent::Paused => {
                "paused: `sigmalab sweep resume` continues".clone_into(&mut self.step);
            }
            RunnerEvent::Recorded { record } => self.recorded(record),
            RunnerEvent::TriesAgain { failure } => {
                self.step = format!("{failure}; trying again with a new worker");
            }
            RunnerEvent::Silent(time) => {
                self.silent =
                    format!("no word from the worker for {}", in_words(time.as_secs_f64()));
            }
            RunnerEvent::Generation { sweep } => self.generation(sweep),
            RunnerEvent::Event(_) | RunnerEvent::Begins { .. } | RunnerEvent::Tick => {}
        }
        let message = self.message();
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.recorded as u64);
                bar.set_message(message);
            }
            None if !self.quiet && self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                let line = format!("{}/{} trials, {message}\n", self.recorded, self.trials);
                let _ = std::io::stderr().lock().write_all(line.as_bytes());
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// A search goes on: how far it is, what it was charged, and what is nearest so far.
    fn generation(&mut self, sweep: &Sweep) {
        self.trials = sweep.trials.trials.len();
        if let Some(bar) = &self.bar {
            bar.set_length(self.trials as u64);
        }
        let Some(last) = sweep.generations.last() else { return };
        let charged = match sweep.bound() {
            Some(bound) => format!("{} of {bound} evaluations charged", last.spent),
            None => format!("{} evaluations charged", last.spent),
        };
        let best = sweep.best_distance().map(|best| format!(", nearest {best:.4}"));
        self.stage = format!("{}, {charged}{}", last.stage.in_words(), best.unwrap_or_default());
    }

    fn recorded(&mut self, record: &Record) {
        if record.kind == sigmalab_experiment::record::Kind::Trial {
            self.recorded = (self.recorded + 1).min(self.trials);
            self.failed += usize::from(matches!(record.outcome, Outcome::Failed { .. }));
        }
    }

    fn message(&self) -> String {
        let mut parts = vec![self.stage.clone(), self.step.clone(), self.silent.clone()];
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        // A worker that says nothing keeps no promise.
        if let Some(left) = self.left.filter(|_| self.silent.is_empty()) {
            parts.push(format!("{} left", in_words(left)));
        }
        parts.retain(|part| !part.is_empty());
        parts.join(" · ")
    }
}

/// A duration in seconds, short.
pub(super) fn in_words(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 60.0 => format!("{s:.0} s"),
        s => {
            let seconds = s.round() as u64;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            match hours {
                0 => format!("{minutes}:{seconds:02} min"),
                _ => format!("{hours}:{minutes:02} h"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        assert_eq!(in_words(1.25), "1.2 s");
        assert_eq!(in_words(59.6), "60 s");
        assert_eq!(in_words(125.4), "2:05 min");
        assert_eq!(in_words(7384.0), "2:03 h");
    }

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
