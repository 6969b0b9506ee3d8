//! When what a run reports is taken in: as often as a slow link carries the frames that show it.
//! Knows times and bytes, not what is in a report.

use sigmalab_engine::worker::RunUpdate;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes of frames a second for what a run reports, a little under the budget of 1 KiB.
const BYTES_A_SECOND: f64 = 896.0;

/// The least time between two takings: drafts come four times a second.
const LEAST: Duration = Duration::from_millis(250);

/// The most: a frame with a whole picture in cells does not hold up those after it.
const MOST: Duration = Duration::from_secs(1);

/// Reports that came and are not taken in yet.
#[derive(Debug)]
pub(super) struct Reports {
    held: VecDeque<RunUpdate>,
    /// Not before then, but for the end of a run.
    next: Instant,
    /// Whether the next frame shows what was taken.
    shown_next: bool,
}

impl Reports {
    /// None yet; the first is taken at once.
    pub(super) fn new(now: Instant) -> Self {
        Reports { held: VecDeque::new(), next: now, shown_next: false }
    }

    /// A report came.
    pub(super) fn push(&mut self, update: RunUpdate, now: Instant) {
        // The end of a run is waited for.
        if matches!(update, RunUpdate::Finished(..)) {
            self.next = now;
        }
        self.held.push_back(update);
    }

    /// All that is to be taken in now, in order.
    pub(super) fn take(&mut self, now: Instant) -> VecDeque<RunUpdate> {
        if self.held.is_empty() || now < self.next {
            return VecDeque::new();
        }
        self.next = now + LEAST;
        self.shown_next = true;
        std::mem::take(&mut self.held)
    }

    /// A frame was drawn. `bytes` are those that a budget is for: none where pictures are drawn in
    /// cells of colours, which are most of such a frame.
    pub(super) fn drawn(&mut self, bytes: usize, now: Instant) {
        if std::mem::take(&mut self.shown_next) {
            let pause = Duration::from_secs_f64(bytes as f64 / BYTES_A_SECOND);
            self.next = now + pause.clamp(LEAST, MOST);
        }
    }

    /// How long until some are to be taken in; `None` where there are none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        (!self.held.is_empty()).then(|| self.next.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigmalab_engine::event::Event;
    use sigmalab_engine::worker::{RunFailure, RunId};

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn loaded() -> RunUpdate {
        RunUpdate::Event(RunId(1), Event::Loaded { ms: 1.0 })
    }

    #[test]
    fn the_first_report_is_taken_at_once_and_the_next_ones_together() {
        let start = Instant::now();
        let mut reports = Reports::new(start);
        assert_eq!(reports.wait(start), None);
        reports.push(loaded(), start);
        assert_eq!(reports.take(start).len(), 1);
        reports.drawn(90, start);
        for at in [10, 20, 30] {
            reports.push(loaded(), start + ms(at));
            assert!(reports.take(start + ms(at)).is_empty());
        }
        assert_eq!(reports.wait(start + ms(30)), Some(ms(220)));
        assert_eq!(reports.take(start + ms(250)).len(), 3);
    }

    #[test]
    fn the_end_of_a_run_is_taken_at_once_with_all_before_it() {
        let start = Instant::now();
        let mut reports = Reports::new(start);
        reports.push(loaded(), start);
        reports.take(start);
        reports.drawn(90, start);
        reports.push(loaded(), start + ms(5));
        reports.push(RunUpdate::Finished(RunId(1), Err(RunFailure::Cancelled)), start + ms(6));
        let taken = reports.take(start + ms(6));
        assert_eq!(taken.len(), 2);
        assert!(matches!(taken.back(), Some(RunUpdate::Finished(..))));
    }

    #[test]
    fn frames_of_a_run_cost_less_than_1_kib_a_second_however_much_each_says() {
        for cost in [50, 150, 230, 400, 800] {
            let start = Instant::now();
            let mut reports = Reports::new(start);
            let mut bytes = 0;
            for at in (0..10_000).step_by(5) {
                let now = start + ms(at);
                reports.push(loaded(), now);
                if !reports.take(now).is_empty() {
                    reports.drawn(cost, now);
                    bytes += cost;
                }
            }
            assert!(bytes <= 10 * 1024, "{bytes} bytes in 10 s, {cost} a frame");
            assert!(bytes >= 10 * 150, "{bytes} bytes in 10 s, {cost} a frame");
        }
    }

    #[test]
    fn frames_for_something_else_do_not_hold_up_reports() {
        let start = Instant::now();
        let mut reports = Reports::new(start);
        reports.drawn(16_000, start);
        reports.push(loaded(), start);
        assert_eq!(reports.take(start).len(), 1);
        // Nor does a whole screen for more than a second.
        reports.drawn(16_000, start);
        reports.push(loaded(), start);
        assert_eq!(reports.wait(start), Some(MOST));
    }
}
