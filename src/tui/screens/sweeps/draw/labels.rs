//! What is said of a sweep and of a trial, in words.

use crate::tui::runs::{self, seconds};
use crate::tui::screens::gallery::labels as recipes;
use crate::tui::screens::sweeps::{DirectoryStatus, PlanCard, SearchView, SweepView, TrialRow};
use sigmalab_engine::event::NfeCount;
use sigmalab_experiment::launch::{Refusal, RefusalKind};
use sigmalab_experiment::report::digits;
use sigmalab_schedule::edit::Column;

/// `12 of 20 trials · 1 failed · paused · 2 processes · about 2 min left`.
pub(in crate::tui) fn progress(view: &SweepView) -> String {
    let status = &view.status;
    let mut parts = vec![format!("{} of {} trials", status.done, status.trials)];
    let mut add = |count: usize, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    add(status.failed, "failed");
    add(status.skipped, "skipped");
    if status.paused {
        parts.push("paused".to_owned());
    }
    match status.workers.len() {
        0 if status.pending == 0 && status.failed + status.skipped == 0 => {
            parts.push("all done".to_owned());
        }
        0 if status.pending == 0 => parts.push("nothing left to do".to_owned()),
        0 if view.waiting && status.paused => {}
        0 if view.waiting => parts.push("starting".to_owned()),
        0 => parts.push("not running".to_owned()),
        1 => parts.push("1 process".to_owned()),
        count => parts.push(format!("{count} processes")),
    }
    // Whole minutes: nobody reads seconds, and each would cost a frame.
    let silent = status.workers.iter().filter_map(|worker| worker.silent_seconds).max();
    if let Some(seconds) = silent {
        parts.push(format!("no word from a worker for {} min", (seconds / 60).max(1)));
        return parts.join(" · ");
    }
    let left = status.remaining_seconds.filter(|_| status.pending > 0);
    parts.extend(left.map(|left| {
        let each = left / status.workers.len().max(1) as f64;
        format!("about {} left", seconds(each))
    }));
    parts.join(" · ")
}

/// Where a run directory of the list stands, in a sentence.
pub(in crate::tui) fn status(status: DirectoryStatus) -> String {
    let of = format!("{} of {} trials", status.done, status.trials);
    let failed = match status.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let state = match (status.is_running(), status.pending, status.paused) {
        (true, _, false) => "running",
        (true, _, true) => "pausing after the current trials",
        (false, 0, _) => "finished",
        (false, _, true) => "paused",
        (false, _, false) => "stopped: no process is running it",
    };
    format!("{of}{failed} · {state}")
}

/// Why nobody works on a sweep.
pub(in crate::tui) fn stopped(refusal: &Refusal) -> String {
    match refusal.kind {
        Some(RefusalKind::Cancelled) => "stopped by you".to_owned(),
        _ => format!("stopped: {}", refusal.message.lines().next().unwrap_or_default()),
    }
}

/// `needs 132 + 132 evaluations, 108 + 108 saved · what it is for`.
pub(in crate::tui) fn plan(view: &SweepView) -> String {
    let mut text = match &view.search {
        None => format!("{} · {}", view.status.name, evaluations(view.planned)),
        Some(search) => format!("{} · {}", view.status.name, of_search(search)),
    };
    if let Some(description) = &view.description {
        text.push_str(" · ");
        text.push_str(description);
    }
    text
}

/// `race · 3400 of 12000 evaluations charged · nearest 0.052`.
fn of_search(search: &SearchView) -> String {
    // What to do with it stands first: the end of the line may be cut off.
    let found = if search.found.is_some() { "load-found loads the finalist · " } else { "" };
    let mut text = format!("{found}{} · {}", search.stage, search.charged);
    if let Some(bound) = search.bound {
        text.push_str(&format!(" of {bound}"));
    }
    text.push_str(" evaluations charged");
    if let Some(nearest) = search.nearest {
        text.push_str(&format!(" · nearest {nearest:.4}"));
    }
    text
}

/// `132 + 132 evaluations, 108 + 108 saved by shared steps`.
pub(in crate::tui) fn evaluations(nfe: NfeCount) -> String {
    let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved, .. } = nfe;
    format!(
        "{cond_done} + {uncond_done} evaluations, {cond_saved} + {uncond_saved} saved by sharing steps"
    )
}

/// The lines of a plan.
pub(in crate::tui) fn planned(plan: &PlanCard) -> Vec<(&'static str, String)> {
    let counted = |count: usize, thing: &str| match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    };
    let mut runs = counted(plan.trials, "trial");
    if plan.references > 0 {
        runs.push_str(&format!(" and {}", counted(plan.references, "reference run")));
    }
    if plan.duplicates > 0 {
        runs.push_str(&format!(", {} more are the same as earlier ones", plan.duplicates));
    }
    let NfeCount { cond_done, uncond_done, cond_saved, uncond_saved, .. } = plan.nfe;
    let alone = cond_done + uncond_done + cond_saved + uncond_saved;
    let share = 100.0 * (cond_saved + uncond_saved) as f64 / alone.max(1) as f64;
    let time = match (plan.seconds, &plan.measured_on) {
        (Some(time), Some(source)) => {
            format!("about {}, by {source}", seconds(time))
        }
        _ => "not measured".to_owned(),
    };
    vec![
        ("runs", runs),
        ("needed", format!("{cond_done} + {uncond_done} evaluations")),
        ("saved", format!("{cond_saved} + {uncond_saved} ({share:.0} %) by sharing steps")),
        ("time", time),
        (
            "parts",
            format!(
                "{}, {:.0} MiB of trajectory cache each",
                plan.units,
                plan.cache_bytes as f64 / (1024.0 * 1024.0)
            ),
        ),
    ]
}

/// The swept values of a planned run, long numbers in few digits.
pub(in crate::tui) fn point(text: &str) -> String {
    let short = |word: &str| match (word.len() > 7).then(|| word.parse::<f64>().ok()).flatten() {
        Some(number) => digits(number),
        None => word.to_owned(),
    };
    let pairs = text.split(", ");
    let words = pairs.map(|pair| pair.split(' ').map(short).collect::<Vec<_>>().join(" "));
    words.collect::<Vec<_>>().join(", ")
}

/// Why a trial has no picture to show.
pub(in crate::tui) fn no_picture(trial: &TrialRow) -> String {
    match (&trial.error, &trial.picture, trial.measured.is_some()) {
        (Some(error), ..) => error.clone(),
        (None, Some(_), _) => "reading".to_owned(),
        (None, None, true) => "no picture was kept".to_owned(),
        (None, None, false) => trial.status.word().to_owned(),
    }
}

/// What is said of a trial, the most telling first.
pub(in crate::tui) fn about(view: &SweepView, trial: &TrialRow) -> Vec<(&'static str, String)> {
    let metrics = view.columns.iter().zip(&trial.cells).filter(|(column, _)| !column.given);
    let metrics: Vec<String> = metrics
        .map(|(column, cell)| (column, cell.text()))
        .filter(|(column, text)| {
            !text.is_empty() && column.name != crate::tui::screens::sweeps::SECONDS
        })
        .map(|(column, text)| format!("{} {text}", column.name))
        .collect();
    let took = trial.measured.as_ref().map(|measured| {
        let reused = measured.steps.iter().filter(|step| step.reused).count();
        runs::summary(measured.steps.len(), reused, &measured.nfe, &measured.timings)
    });
    let status = match trial.is_first {
        true => format!("{}, before all others", trial.status.word()),
        false => trial.status.word().to_owned(),
    };
    let said = [
        ("tried", trial.setting.clone()),
        ("on", trial.instance.clone()),
        ("is", took.unwrap_or(status)),
        ("error", trial.error.clone().unwrap_or_default()),
        ("metrics", metrics.join(" · ")),
        ("gw", recipes::column(&trial.recipe, Column::Gw)),
        ("mu", recipes::column(&trial.recipe, Column::Mu)),
        ("std", recipes::column(&trial.recipe, Column::Std)),
        ("id", trial.id.clone()),
    ];
    said.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_that_somebody_stopped_says_so() {
        let mut refusal =
            Refusal { message: "no space left\nat all".to_owned(), ..Refusal::default() };
        assert_eq!(stopped(&refusal), "stopped: no space left");
        refusal.kind = Some(RefusalKind::Cancelled);
        assert_eq!(stopped(&refusal), "stopped by you");
    }

    #[test]
    fn long_numbers_of_a_plan_are_short() {
        assert_eq!(point("mu 0.3394608628260662, std 1.75"), "mu 0.3395, std 1.75");
        assert_eq!(point("sampler dpmpp-2m"), "sampler dpmpp-2m");
        assert_eq!(point(""), "");
    }
}
