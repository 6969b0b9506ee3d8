//! The checks, in their order, and running them in this process.

use super::finding::{Finding, Seen, Verdict};
use super::grids::Grid;
use super::subject::Subject;
use super::{
    accuracy, counting, determinism, failures, last_step, layout, memory, noise, parameters,
};
use crate::Sampler;
use crate::plugin::Opened;
use std::path::Path;
use std::sync::Arc;

pub(super) struct Check {
    /// Its name, for scripts.
    pub(super) name: &'static str,
    /// What is looked at, for people.
    pub(super) title: &'static str,
    /// What it means when the process dies in it; said before the cause.
    pub(super) death: &'static str,
    run: fn(&Subject) -> Seen,
}

const CRASHED: &str = "the process died";

const fn check(name: &'static str, title: &'static str, run: fn(&Subject) -> Seen) -> Check {
    Check { name, title, death: CRASHED, run }
}

pub(super) const CHECKS: &[Check] = &[
    check("order-uniform", "order, uniform grid", |s| accuracy::order(s, Grid::Uniform)),
    check("order-logit-normal", "order, logit-normal grid", |s| {
        accuracy::order(s, Grid::LogitNormal)
    }),
    check("order-uneven", "order, uneven grid", |s| accuracy::order(s, Grid::Uneven)),
    check("order-to-zero", "order, grid down to σ = 0", accuracy::order_to_zero),
    check("order-gw", "order, gw changing halfway", accuracy::order_over_gw),
    check("last-step", "last step, to σ > 0", last_step::last_step_above_zero),
    check("last-step-zero", "last step, to σ = 0", last_step::last_step_to_zero),
    check("marginals", "distribution with noise", noise::marginals),
    check("evaluations", "evaluations a step", counting::evaluations),
    check("history", "earlier steps read", counting::history),
    check("determinism", "determinism", determinism::determinism),
    check("statelessness", "no state between steps", determinism::statelessness),
    check("threads", "several threads", determinism::threads),
    check("parameters", "ends of parameters", parameters::bounds),
    check("lengths", "lengths of tensors", failures::lengths),
    check("scratch", "output not read", failures::scratch),
    Check {
        name: "output-end",
        title: "memory behind the output",
        death: "it touched memory behind its output",
        run: memory::output_end,
    },
    Check {
        name: "output-beginning",
        title: "memory before the output",
        death: "it touched memory before its output",
        run: memory::output_beginning,
    },
    Check {
        name: "inputs",
        title: "memory of the inputs",
        death: "it wrote to a tensor it was given, or read past its end",
        run: memory::inputs,
    },
    check("cancellation", "cancellation", failures::cancellation),
    check("network-failure", "a network that fails", failures::network_failure),
    check("floating-point", "floating-point state", failures::floating_point),
    check("newer-host", "a newer host", layout::newer_host),
    check("oldest-host", "the oldest host", layout::oldest_host),
    check("broken-step", "a step that is too small", layout::broken_step),
];

impl Check {
    pub(super) fn finding(&self, seen: Seen) -> Finding {
        let Seen { verdict, detail, order } = seen;
        let (check, title) = (self.name.to_owned(), self.title.to_owned());
        Finding { check, title, verdict, detail, order }
    }

    pub(super) fn run(&self, subject: &Subject) -> Finding {
        self.finding((self.run)(subject))
    }
}

/// Something that happens while checks run, as it crosses processes.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum Progress {
    /// The plugin cannot be opened.
    Unusable {
        problem: String,
    },
    Opened {
        /// What it says of itself.
        info: Box<crate::SamplerInfo>,
        hash: crate::plugin::FileHash,
    },
    Begins {
        /// Its place in the list.
        place: usize,
    },
    Found {
        finding: Finding,
    },
}

/// Opens the plugin in `path` in this process and runs the checks from the one at place `from`
/// on. Any of them may crash or hang it.
pub fn check_here(path: &Path, from: usize, tell: &mut dyn FnMut(Progress)) {
    let plugin = match Opened::open(path) {
        Ok(plugin) => plugin,
        Err(fault) => return tell(Progress::Unusable { problem: fault.to_string() }),
    };
    let (info, hash) = (Box::new(plugin.info().clone()), plugin.hash().clone());
    tell(Progress::Opened { info, hash });
    let subject = Subject::Plugin(plugin);
    for (place, check) in CHECKS.iter().enumerate().skip(from) {
        tell(Progress::Begins { place });
        tell(Progress::Found { finding: check.run(&subject) });
    }
}

/// Checks a sampler that is part of the program.
pub fn check_built_in(sampler: Arc<dyn Sampler>) -> Vec<Finding> {
    let subject = Subject::BuiltIn(sampler);
    let findings = CHECKS.iter().map(|check| check.run(&subject));
    findings.filter(|finding| finding.verdict != Verdict::Skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Euler;

    #[test]
    fn names_of_checks_are_unique() {
        let mut names: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }

    #[test]
    fn euler_passes_every_check() {
        for finding in check_built_in(Arc::new(Euler)) {
            assert_eq!(finding.verdict, Verdict::Passed, "{finding:?}");
            if finding.check.starts_with("order-") {
                assert!((0.95..1.05).contains(&finding.order.unwrap_or_default()), "{finding:?}");
            }
        }
    }
}
