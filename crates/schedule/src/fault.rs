//! What is wrong with a schedule, step by step, in words. Knows nothing of how σ is computed.

use std::fmt;

/// The most steps a schedule may have. The reference's presets have 12 to 48; the cap is there
/// so that a slip of a finger is an error and not a run of days.
pub const MAX_STEPS: usize = 1000;

/// Why a schedule cannot be run. Steps are counted from 0 in sampling order: 0 is the first.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    #[error("the schedule has no steps: give it at least one")]
    NoSteps,
    #[error("the schedule has {steps} steps, which is more than {MAX_STEPS}: use fewer")]
    TooManySteps { steps: usize },
    /// Some steps break a rule.
    #[error("{}", Listed { faults, steps: *steps })]
    Steps {
        /// Every fault, in sampling order; at least one.
        faults: Vec<StepFault>,
        /// How many steps the schedule has.
        steps: usize,
    },
}

/// One thing that is wrong with one step. Steps are counted from 0 in sampling order.
#[derive(Debug, Clone, PartialEq)]
pub enum StepFault {
    /// gw, mu or std is NaN or infinite.
    NotFinite {
        step: usize,
        /// Which of its values: `gw`, `mu` or `std`.
        field: &'static str,
        value: f64,
    },
    /// std is 0 or below.
    StdNotPositive { step: usize, std: f64 },
    /// The step ends no lower than it starts.
    NotFalling {
        step: usize,
        /// σ at its start.
        from: f64,
        /// σ at its end, which is the start of the next step or the terminal σ.
        to: f64,
        /// Whether it is the last step, whose end is the terminal σ.
        last: bool,
        /// Whether both ends are held by the same clamp, the highest or the lowest σ there is.
        clamped: bool,
    },
}

impl StepFault {
    /// The step, counted from 0 in sampling order.
    pub fn step(&self) -> usize {
        match *self {
            StepFault::NotFinite { step, .. }
            | StepFault::StdNotPositive { step, .. }
            | StepFault::NotFalling { step, .. } => step,
        }
    }
}

impl fmt::Display for StepFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            StepFault::NotFinite { step, field, value } => {
                write!(f, "step {step}: {field} is {value}: give it a finite number")
            }
            StepFault::StdNotPositive { step, std } => {
                write!(f, "step {step}: std is {std}: it must be above 0")
            }
            StepFault::NotFalling { step, from, last, clamped: true, .. } => {
                let next = step + 1;
                let end = if last { "the terminal σ".to_owned() } else { format!("step {next}") };
                if from > 0.5 {
                    write!(
                        f,
                        "step {step}: σ does not fall: it and {end} both lie at the highest σ, \
                         {from:.6}, because mu or std of step {next} is so large: lower mu \
                         of step {next} or its std"
                    )
                } else {
                    write!(
                        f,
                        "step {step}: σ does not fall: it and {end} both lie at the lowest σ, \
                         {from:.6}, because std of step {step} is so large or its mu so low: \
                         lower std or raise mu"
                    )
                }
            }
            StepFault::NotFalling { step, from, to, last: true, .. } => write!(
                f,
                "step {step}: σ does not fall: it starts at {from:.6} and ends at the terminal σ \
                 {to:.6}: raise mu of step {step}"
            ),
            // Step 0 starts at the clamp whatever its own mu is, so only the next step can move.
            StepFault::NotFalling { step: 0, from, to, last: false, .. } => write!(
                f,
                "step 0: σ does not fall: it starts at {from:.6} and step 1 at {to:.6}: lower mu \
                 of step 1"
            ),
            StepFault::NotFalling { step, from, to, last: false, .. } => {
                let next = step + 1;
                write!(
                    f,
                    "step {step}: σ does not fall: it starts at {from:.6} and step {next} at \
                     {to:.6}: raise mu of step {step} or lower mu of step {next}"
                )
            }
        }
    }
}

/// A list of faults as one message.
struct Listed<'a> {
    faults: &'a [StepFault],
    steps: usize,
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        let mut broken: Vec<usize> = self.faults.iter().map(StepFault::step).collect();
        broken.dedup();
        write!(
            f,
            "the schedule cannot be run: {} of {} steps broken (counted from 0 in sampling order)",
            broken.len(),
            self.steps
        )?;
        for fault in self.faults.iter().take(SHOWN) {
            write!(f, "; {fault}")?;
        }
        match self.faults.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "; and {more} more"),
        }
    }
}
