//! What was measured, as a table and as JSON.

use crate::clock::{Clock, peak_memory};
use crate::subject::Subject;
use serde::Serialize;
use sigmalab_kernels::{InstructionSet, Peak};
use sigmalab_model::ModelError;
use sigmalab_model::profile::{self, ProfileEntry};
use std::fmt::Write as _;

/// A measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    subject: String,
    instructions: String,
    threads: usize,
    /// 10⁹ operations a second of one thread.
    peak_f32: f64,
    peak_bf16_pairs: f64,
    peak_bytes: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<Best>,
    peak_memory_bytes: u64,
}

/// The fastest run.
#[derive(Debug, Serialize)]
struct Best {
    seconds: f64,
    /// Time on a processor, of all threads.
    processor_seconds: f64,
    gflops: f64,
    /// 10⁹ operations in a second of one processor.
    gflops_per_processor_second: f64,
    /// The same against the best f32 or bf16 peak of a thread.
    share_of_float_peak: f64,
    profile: Vec<ProfileEntry>,
}

impl Report {
    pub(crate) fn measure(
        subject: Option<&Subject>,
        runs: usize,
        cold: bool,
    ) -> Result<Self, ModelError> {
        let mut peak = Peak::measure();
        let mut best: Option<Best> = None;
        if let Some(subject) = subject {
            if !cold {
                // The first run fills caches and scratch memory.
                subject.run()?;
            }
            let runs = if cold { 1 } else { runs.max(1) };
            for _ in 0..runs {
                let now = Peak::measure();
                if now.floats() > peak.floats() {
                    peak = now;
                }
                profile::take();
                let clock = Clock::start();
                subject.run()?;
                let (seconds, processor_seconds) = clock.seconds();
                if best.as_ref().is_none_or(|best| processor_seconds < best.processor_seconds) {
                    let per_processor = subject.operations / processor_seconds / 1e9;
                    best = Some(Best {
                        seconds,
                        processor_seconds,
                        gflops: subject.operations / seconds / 1e9,
                        gflops_per_processor_second: per_processor,
                        share_of_float_peak: per_processor / peak.floats(),
                        profile: profile::take(),
                    });
                }
            }
        }
        Ok(Self {
            subject: subject.map_or("peak".to_owned(), |subject| subject.name.clone()),
            instructions: format!("{:?}", InstructionSet::chosen()),
            threads: rayon::current_num_threads(),
            peak_f32: peak.f32,
            peak_bf16_pairs: peak.bf16_pairs,
            peak_bytes: peak.bytes,
            best,
            peak_memory_bytes: peak_memory(),
        })
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{} on {} threads, {}\npeak of a thread: f32 {:.0}, bf16 pairs {:.0}, bytes {:.0} \
             ·10⁹/s\n",
            self.subject,
            self.threads,
            self.instructions,
            self.peak_f32,
            self.peak_bf16_pairs,
            self.peak_bytes
        );
        // Writing to a String does not fail.
        if let Some(best) = &self.best {
            let _ = writeln!(
                text,
                "{:.3} s, {:.3} s of processors: {:.0} ·10⁹ a processor second, {:.0} % of the \
                 peak",
                best.seconds,
                best.processor_seconds,
                best.gflops_per_processor_second,
                100.0 * best.share_of_float_peak
            );
            for entry in &best.profile {
                let _ = writeln!(
                    text,
                    "  {:28} {:6} times {:9.3} s {:5.1} %",
                    entry.operation,
                    entry.calls,
                    entry.seconds,
                    100.0 * entry.seconds / best.seconds
                );
            }
        }
        let _ = writeln!(text, "memory: {} MB at most", self.peak_memory_bytes / 1_000_000);
        text
    }
}
