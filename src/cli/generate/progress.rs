//! Progress of a run on standard error, for people: nothing where it is no terminal.

use crate::cli::print;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sigmalab_compute::LoadProgress;
use sigmalab_engine::event::{Event, StepReport};
use std::time::Duration;

/// Most redraws a second: enough to look alive, little over SSH.
const REDRAWS: u8 = 5;

const SPINNER: &str = "{spinner} {msg}";
const BYTES: &str = "{msg} {bar:24} {bytes}/{total_bytes}";
const STEPS: &str = "step {pos}/{len} {bar:24} {msg}";

/// One line that follows a run.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    template: &'static str,
    timed: u32,
    timed_ms: f64,
}

impl Progress {
    /// Progress, if it is `wanted` and standard error is a terminal.
    pub(crate) fn new(wanted: bool) -> Self {
        let visible = wanted && print::draws();
        let bar = visible.then(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(REDRAWS))
        });
        Progress { bar, template: "", timed: 0, timed_ms: 0.0 }
    }

    /// Bytes of a checkpoint, downloaded or read.
    pub(crate) fn loading(&mut self, progress: &LoadProgress) {
        let Some(bar) = self.styled(BYTES) else { return };
        bar.set_message(progress.stage.to_string());
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    }

    /// An event of the run, or that time went by.
    pub(crate) fn show(&mut self, event: Option<&Event>) {
        match event {
            None => {
                // There is nothing to show before the first event.
                if let Some(bar) = self.bar.as_ref().filter(|_| !self.template.is_empty()) {
                    bar.tick();
                }
            }
            Some(Event::Loading(progress)) => self.loading(progress),
            Some(Event::Loaded { .. }) => self.doing("encoding the prompt"),
            Some(Event::Encoded { .. }) => self.doing("first step"),
            Some(Event::Step(report)) => self.step(report),
            Some(Event::Preview { .. }) => {}
            Some(Event::Decoded { .. }) => self.doing("writing the image"),
        }
    }

    /// The worker has said nothing for so long that it may hang.
    pub(crate) fn silent(&mut self, time: Duration) {
        if let Some(bar) = self.styled(SPINNER) {
            let time = in_words(time.as_secs_f64() * 1e3);
            bar.set_message(format!("no word from the worker for {time}; ctrl-c gives up on it"));
            bar.tick();
        }
    }

    /// Takes the line away.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            bar.reset();
            self.template = "";
        }
    }

    fn doing(&mut self, what: &'static str) {
        if let Some(bar) = self.styled(SPINNER) {
            bar.set_message(what);
        }
    }

    fn step(&mut self, report: &StepReport) {
        if let Some(ms) = report.ms {
            self.timed += 1;
            self.timed_ms += ms;
        }
        let done = report.index + 1;
        if done == report.steps {
            return self.doing("decoding");
        }
        let mean = self.timed_ms / f64::from(self.timed.max(1));
        let left = mean * (report.steps.saturating_sub(done)) as f64;
        let Some(bar) = self.styled(STEPS) else { return };
        bar.set_length(report.steps as u64);
        bar.set_position(done as u64);
        bar.set_message(format!("{} a step, {} left", in_words(mean), in_words(left)));
    }

    fn styled(&mut self, template: &'static str) -> Option<&ProgressBar> {
        let bar = self.bar.as_ref()?;
        if self.template != template {
            // The templates are fixed and right; a wrong one would only look plain.
            bar.set_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("━╸ "),
            );
            self.template = template;
        }
        Some(bar)
    }
}

/// A duration given in milliseconds, short.
fn in_words(ms: f64) -> String {
    match ms {
        ms if ms < 1e3 => format!("{ms:.0} ms"),
        ms if ms < 60e3 => format!("{:.1} s", ms / 1e3),
        ms => {
            let seconds = (ms / 1e3).round() as u64;
            format!("{}:{:02} min", seconds / 60, seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        assert_eq!(in_words(12.4), "12 ms");
        assert_eq!(in_words(1500.0), "1.5 s");
        assert_eq!(in_words(125_400.0), "2:05 min");
    }

    #[test]
    fn every_template_is_valid() {
        for template in [SPINNER, BYTES, STEPS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
