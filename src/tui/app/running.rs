//! Actions about runs, and the engine's events.

use crate::tui::action::Action;
use crate::tui::app::{App, At, Done, Effect};
use crate::tui::runs::Ending;
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::worker::{RunFailure, RunId, RunUpdate};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

impl App {
    /// The engine took the run that was asked for last, or refused it.
    pub fn run_answered(&mut self, answer: Result<RunId, RunFailure>) {
        match answer {
            Ok(id) => self.runs.going.iter_mut().for_each(|going| going.id = Some(id)),
            Err(failure) => {
                self.runs.going = None;
                self.complain(failure.to_string());
            }
        }
    }

    /// Takes news of a run.
    pub fn engine(&mut self, update: RunUpdate) -> Vec<Effect> {
        match self.runs.take(update) {
            None => {}
            Some(Ending::Done(finished)) => {
                let summary = finished.summary();
                self.say(summary);
                self.remember(finished);
            }
            Some(Ending::Failed(RunFailure::Cancelled)) if self.run_again.is_some() => {}
            Some(Ending::Failed(RunFailure::Cancelled)) => self.say("cancelled"),
            Some(Ending::Failed(failure)) if failure.took_the_worker() => {
                self.complain(format!("{failure}. Nothing is lost: the next run starts a new one"));
            }
            Some(Ending::Failed(failure)) => self.complain(failure.to_string()),
        }
        if self.runs.going.is_none()
            && let Some(at) = self.run_again.take()
        {
            // A schedule that cannot be run says so by itself.
            let _ = self.start_run(at);
        }
        self.effects()
    }

    pub(in crate::tui) fn run(&mut self, at: At) -> Done {
        if self.runs.going.is_some() {
            self.run_or_again(at);
            return Ok(Some("the current run stops, then this one starts".to_owned()));
        }
        self.start_run(at)
    }

    /// Starts a run; one that is going is stopped first.
    pub(in crate::tui) fn run_or_again(&mut self, at: At) {
        match &mut self.runs.going {
            Some(going) => {
                self.run_again = Some(at);
                if !std::mem::replace(&mut going.cancelled, true) {
                    going.cancelled_at = Some(Instant::now());
                    self.emit(Effect::Cancel);
                }
            }
            None => {
                let _ = self.start_run(at);
            }
        }
    }

    fn start_run(&mut self, at: At) -> Done {
        if !self.document.seed_locked {
            self.document.seed = sigmalab_engine::noise::random_seed();
        }
        let recipe = match at {
            At::Set => self.document.recipe(),
            At::Full => self.document.full_recipe(),
        };
        if let Err(error) = recipe.check(&self.samplers) {
            self.complain(error.to_string());
            return Err(error.to_string());
        }
        self.runs.start(recipe.clone());
        self.emit(Effect::Run(Box::new(recipe)));
        Ok(None)
    }

    /// Takes note of a worker that has said nothing for `silence`, or does not stop. Whether there
    /// is something new to see.
    pub fn follow_worker(&mut self, silence: Option<Duration>, now: Instant) -> bool {
        if self.runs.going.is_none() {
            return false;
        }
        let key = self.key_of(Action::Cancel);
        let Some(going) = &mut self.runs.going else { return false };
        let words = match silence {
            _ if going.is_stuck(now) => {
                Some(format!("stopping after this step; {key} again gives up on the worker"))
            }
            // Whole minutes: nobody reads seconds, and each costs a frame.
            Some(silence) if going.cancelled_at.is_none() => {
                let minutes = silence.as_secs() / 60;
                Some(format!(
                    "no word from the worker for {minutes} min; {key} {key} gives up on it"
                ))
            }
            _ => None,
        };
        let changed = words != going.silence;
        going.silence = words;
        changed
    }

    pub(in crate::tui) fn cancel(&mut self) -> Done {
        self.run_again = None;
        match &mut self.runs.going {
            Some(going) if going.is_stuck(Instant::now()) => self.effect(Effect::ReplaceWorker),
            Some(going) => {
                going.cancelled = true;
                going.cancelled_at.get_or_insert_with(Instant::now);
                going.stage = "stopping after this step".to_owned();
                self.effect(Effect::Cancel)
            }
            None => Ok(Some("nothing is running; q quits".to_owned())),
        }
    }

    pub(in crate::tui) fn toggle_measures(&mut self) -> Done {
        self.editor.measures = !self.editor.measures;
        Ok(None)
    }

    pub(in crate::tui) fn toggle_run_on_edit(&mut self) -> Done {
        self.run_on_edit = !self.run_on_edit;
        Ok(Some(match self.run_on_edit {
            true => "drawing again after every change".to_owned(),
            false => "drawing only when you run".to_owned(),
        }))
    }

    pub(in crate::tui) fn print_schedule(&mut self) -> Done {
        let mut text = "step\tloop\tgw\tmu\tstd\tsigma\tsigma_next".to_owned();
        for row in (0..self.document.len()).filter_map(|step| self.document.row(step)) {
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "\n{}\t{}\t{}\t{}\t{}\t{}\t{}",
                row.step, row.loop_index, row.gw, row.mu, row.std, row.sigma, row.sigma_next
            );
        }
        self.effect(Effect::Print(text))
    }

    pub(in crate::tui) fn print_run(&mut self) -> Done {
        let last = self.runs.last.as_ref().ok_or("there has been no run yet")?;
        let reused = last.reports.iter().filter(|report| report.reused).count();
        let document = serde_json::json!({
            "steps": last.reports.len(),
            "steps_reused": reused,
            "nfe": last.nfe,
            "timings": last.timings,
        });
        self.effect(Effect::Print(document.to_string()))
    }
}

impl App {
    /// Whether the image is one that a run would draw now, at the proxy size or at the full one.
    pub fn is_image_current(&self) -> bool {
        let Some(last) = &self.runs.last else { return false };
        let bare = |mut recipe: Recipe| {
            // What only a run fills in.
            recipe.model.fingerprint = None;
            recipe.sampler.version = None;
            recipe.sampler.file_hash = None;
            recipe.preset = None;
            recipe.sigma_size = Some(recipe.schedule_size());
            recipe
        };
        let drawn = bare(last.recipe.clone());
        drawn == bare(self.document.recipe()) || drawn == bare(self.document.full_recipe())
    }
}
