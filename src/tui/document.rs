//! What is being worked on: a draft of a schedule with its history, and everything else an image
//! depends on. It knows nothing of keys and screens.

use crate::tui::cell::{Cell, GridColumn, Row};
use sigmalab_compute::{ComputeDtype, DeviceChoice};
use sigmalab_engine::noise::{NoiseSource, Rng};
use sigmalab_engine::recipe::{self, ModelRef, Recipe, SamplerRef};
use sigmalab_schedule::edit::{Block, Draft, EditError, History, RevisionPath, Transaction};
use sigmalab_schedule::free::FREE;
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::{Preset, Step};
use sigmalab_schedule::sigmas::{Schedule, StepFault};
use sigmalab_schedule::size::Size;
use std::collections::BTreeMap;

/// A draft, its history and its settings.
#[derive(Debug)]
pub struct Document {
    draft: Draft,
    history: History,
    /// The draft as it was loaded or saved last.
    saved: Draft,
    /// Presets as the file held them when they were loaded or saved, by name.
    known: BTreeMap<String, Preset>,
    /// Of the draft at the size.
    schedule: Schedule,
    faults: Vec<StepFault>,
    size: Size,
    /// The smaller size that runs are drawn at, with the noise levels of `size`.
    proxy: Option<Size>,
    /// The text that is drawn.
    pub prompt: String,
    /// Seed of the initial noise.
    pub seed: u64,
    /// Whether every run has the same seed.
    pub seed_locked: bool,
    /// The sampler and its parameters.
    pub sampler: SamplerRef,
    /// Name of the checkpoint.
    pub model: String,
    pub dtype: ComputeDtype,
    pub device: DeviceChoice,
    /// Settings before and after each revision that brought some with its steps.
    brought: BTreeMap<usize, [Settings; 2]>,
}

/// What an image depends on beside its steps, as far as it can be edited.
#[derive(Debug, Clone, PartialEq)]
struct Settings {
    prompt: String,
    seed: u64,
    seed_locked: bool,
    sampler: SamplerRef,
    size: Size,
    proxy: Option<Size>,
}

impl Document {
    /// A document that holds `preset`.
    pub fn new(preset: &Preset, size: Size, model: String, prompt: String, seed: u64) -> Self {
        let draft = Draft::from(preset);
        let schedule = preset.schedule(size);
        Document {
            saved: draft.clone(),
            known: BTreeMap::from([(preset.name.clone(), preset.clone())]),
            faults: schedule.faults(),
            schedule,
            draft,
            history: History::default(),
            size,
            proxy: None,
            prompt,
            seed,
            seed_locked: true,
            sampler: SamplerRef::named("euler"),
            model,
            dtype: ComputeDtype::default(),
            device: DeviceChoice::default(),
            brought: BTreeMap::new(),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            prompt: self.prompt.clone(),
            seed: self.seed,
            seed_locked: self.seed_locked,
            sampler: self.sampler.clone(),
            size: self.size,
            proxy: self.proxy,
        }
    }

    /// From the settings of one side of a revision to those of the other. What was set by hand since
    /// stays as it is.
    fn exchange(&mut self, here: &Settings, there: &Settings) {
        fn follow<T: Clone + PartialEq>(now: &mut T, here: &T, there: &T) {
            if now == here {
                now.clone_from(there);
            }
        }
        follow(&mut self.prompt, &here.prompt, &there.prompt);
        follow(&mut self.seed, &here.seed, &there.seed);
        follow(&mut self.seed_locked, &here.seed_locked, &there.seed_locked);
        follow(&mut self.sampler, &here.sampler, &there.sampler);
        if (self.size, self.proxy) == (here.size, here.proxy) {
            self.set_size(there.size);
            self.set_proxy(there.proxy);
        }
    }

    /// The settings follow the steps from one revision to another.
    fn follow_settings(&mut self, from: usize, to: usize) {
        let RevisionPath { undone, redone } = self.history.path(from, to);
        for revision in undone {
            if let Some([before, after]) = self.brought.get(&revision).cloned() {
                self.exchange(&after, &before);
            }
        }
        for revision in redone {
            if let Some([before, after]) = self.brought.get(&revision).cloned() {
                self.exchange(&before, &after);
            }
        }
    }

    /// Replaces the draft by a preset, as one step of the history.
    pub fn load(&mut self, preset: &Preset) -> Result<(), EditError> {
        let new = Draft::from(preset);
        let loaded = Transaction::replacing(&self.draft, &new);
        self.change(loaded, &format!("load {}", preset.name), None)?;
        self.saved = new;
        self.know(preset);
        Ok(())
    }

    /// Replaces the draft by steps that come from elsewhere, as one step of the history. They are
    /// not what the file holds.
    pub fn take_over(&mut self, preset: &Preset, label: &str) -> Result<(), EditError> {
        let taken = Transaction::replacing(&self.draft, &Draft::from(preset));
        self.change(taken, label, None)?;
        Ok(())
    }

    /// The preset of that name as the file held it when it was loaded or saved; `None` where it
    /// never was.
    pub fn known(&self, name: &str) -> Option<&Preset> {
        self.known.get(name)
    }

    fn know(&mut self, preset: &Preset) {
        self.known.insert(preset.name.clone(), preset.clone());
    }

    /// The file holds something else under the draft's name now: this is what the draft is
    /// compared with from here on. The draft stays.
    pub fn rebase(&mut self, theirs: Option<&Preset>) {
        match theirs {
            Some(theirs) => {
                self.know(theirs);
                self.saved = Draft::from(theirs);
            }
            None => drop(self.known.remove(&self.draft.name)),
        }
    }

    /// Takes everything of a recipe that can be edited: the steps and the terminal rule as one
    /// step of the history, and with it prompt, size, seed and sampler. The checkpoint, number
    /// format and device stay, and the draft keeps its name: the recipe is of edits of it.
    pub fn load_recipe(&mut self, recipe: &Recipe, label: &str) -> Result<(), EditError> {
        self.follow(recipe, self.draft.clone(), label)
    }

    /// [`Document::load_recipe`], with the name of the preset that the recipe names: the draft then
    /// counts as edited where it differs from `preset`. Where it names none, these are steps of
    /// no name: that of what was edited before is not theirs. Gives what of the recipe stays out.
    pub fn load_recipe_of(
        &mut self,
        recipe: &Recipe,
        preset: Option<&Preset>,
        label: &str,
    ) -> Result<Vec<&'static str>, EditError> {
        let unnamed = || Draft { name: FREE.to_owned(), description: None, ..self.draft.clone() };
        let named = preset.map_or_else(unnamed, Draft::from);
        self.follow(recipe, named, label)?;
        if let Some(preset) = preset {
            self.saved = Draft::from(preset);
            self.know(preset);
        }
        let seeded = matches!(recipe.noise, NoiseSource::Seed { rng: Rng::TorchCpu, .. });
        let stays_out = [
            ("noise", !seeded),
            ("checkpoint", recipe.model.name != self.model),
            ("number format", recipe.dtype != self.dtype),
            ("first-block cache", recipe.first_block_cache.is_some()),
        ];
        Ok(stays_out.into_iter().filter(|(_, out)| *out).map(|(what, _)| what).collect())
    }

    fn follow(&mut self, recipe: &Recipe, named: Draft, label: &str) -> Result<(), EditError> {
        let (before, revision) = (self.settings(), self.revision());
        let steps = SamplingOrder(recipe.steps.clone());
        let new = Draft { steps, terminal: recipe.terminal, ..named };
        self.change(Transaction::replacing(&self.draft, &new), label, None)?;
        self.prompt.clone_from(&recipe.prompt);
        self.sampler = SamplerRef { version: None, ..recipe.sampler.clone() };
        if let NoiseSource::Seed { seed, .. } = &recipe.noise {
            self.seed = *seed;
        }
        self.set_size(recipe.schedule_size());
        self.set_proxy(recipe.sigma_size.map(|_| recipe.size));
        // The same seed for the next run too: the picture is to be drawn again.
        self.seed_locked = true;
        let after = self.settings();
        if self.revision() == revision && before != after {
            self.history.commit_beside(label);
        }
        if self.revision() != revision {
            self.brought.insert(self.revision(), [before, after]);
        }
        Ok(())
    }

    /// Applies a transaction, as one step of the history.
    /// `selected` is what was selected then, which undo selects again.
    pub fn change(
        &mut self,
        transaction: Transaction,
        label: &str,
        selected: Option<Block>,
    ) -> Result<bool, EditError> {
        if transaction.is_empty() {
            return Ok(false);
        }
        transaction.apply(&mut self.draft)?;
        self.history.commit_selected(transaction, label, selected, selected);
        self.refresh();
        Ok(true)
    }

    /// The block that the last command, undo or redo was about.
    pub fn selected(&self) -> Option<Block> {
        self.history.selected()
    }

    /// A number that is another one after every change, undo and redo.
    pub fn revision(&self) -> usize {
        self.history.revision()
    }

    /// Takes the last command back; its label, where there was one.
    pub fn undo(&mut self) -> Option<String> {
        let from = self.revision();
        let label = self.history.undo(&mut self.draft);
        self.refresh();
        self.follow_settings(from, self.revision());
        label
    }

    /// Does the last command taken back again.
    pub fn redo(&mut self) -> Option<String> {
        let from = self.revision();
        let label = self.history.redo(&mut self.draft);
        self.refresh();
        self.follow_settings(from, self.revision());
        label
    }

    /// What was done, as a tree.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Goes to a revision anywhere in the tree.
    pub fn go_to(&mut self, revision: usize) -> Result<(), EditError> {
        let from = self.revision();
        self.history.go_to(revision, &mut self.draft)?;
        self.refresh();
        self.follow_settings(from, revision);
        Ok(())
    }

    fn refresh(&mut self) {
        self.schedule = Schedule::new(self.draft.steps.clone(), self.size, self.draft.terminal);
        self.faults = self.schedule.faults();
    }

    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// The draft as a preset of its name.
    pub fn preset(&self, name: &str) -> Preset {
        Preset {
            name: name.to_owned(),
            description: self.draft.description.clone(),
            steps: self.draft.steps.clone(),
            terminal: self.draft.terminal,
        }
    }

    /// The draft is now what the file holds as this preset, whose steps are the draft's.
    pub fn saved_as(&mut self, preset: &Preset) {
        self.draft.name.clone_from(&preset.name);
        self.draft.description.clone_from(&preset.description);
        self.saved = self.draft.clone();
        let saved = self.saved.preset();
        self.know(&saved);
    }

    /// The draft goes by a name that no file holds.
    pub fn named(&mut self, name: &str) {
        self.draft.name = name.to_owned();
        self.saved.name = name.to_owned();
    }

    /// A preset of the file has another name now.
    pub fn renamed(&mut self, from: &str, to: &str) {
        if let Some(known) = self.known.remove(from) {
            self.know(&Preset { name: to.to_owned(), ..known });
        }
        for draft in [&mut self.draft, &mut self.saved] {
            if draft.name == from {
                draft.name = to.to_owned();
            }
        }
    }

    /// A preset is not in the file any more.
    pub fn forget(&mut self, name: &str) {
        self.known.remove(name);
    }

    /// Whether the steps go by a name.
    pub fn is_named(&self) -> bool {
        self.draft.name != FREE
    }

    /// The name of the draft as people read it.
    pub fn title(&self) -> &str {
        if self.is_named() { &self.draft.name } else { "unnamed steps" }
    }

    /// Whether the draft differs from what was loaded or saved.
    pub fn is_edited(&self) -> bool {
        let Draft { steps, terminal, .. } = &self.saved;
        self.draft.steps != *steps || self.draft.terminal != *terminal
    }

    /// Whether a value differs from the one loaded or saved.
    pub fn is_changed(&self, cell: Cell) -> bool {
        let of = |draft: &Draft| draft.steps.get(cell.step).map(|step| value(step, cell.column));
        // After inserting or deleting steps, rows have no counterpart.
        self.draft.steps.len() == self.saved.steps.len() && of(&self.draft) != of(&self.saved)
    }

    /// The schedule at the size.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    pub fn faults(&self) -> &[StepFault] {
        &self.faults
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.draft.steps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.draft.steps.is_empty()
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// Sets the image size, which moves σ. A proxy that is no longer smaller is gone.
    pub fn set_size(&mut self, size: Size) {
        self.size = size;
        self.proxy = self.proxy.filter(|proxy| proxy.tokens() < size.tokens());
        self.refresh();
    }

    /// The smaller size that runs are drawn at, where there is one. The schedule stays that of
    /// [`Document::size`].
    pub fn proxy(&self) -> Option<Size> {
        self.proxy
    }

    /// Sets it. One that is not smaller than the image is not taken, and `false` given.
    pub fn set_proxy(&mut self, proxy: Option<Size>) -> bool {
        let smaller = proxy.is_none_or(|proxy| proxy.tokens() < self.size.tokens());
        if smaller {
            self.proxy = proxy;
        }
        smaller
    }

    /// Numbers of one row.
    pub fn row(&self, step: usize) -> Option<Row> {
        let Step { gw, mu, std } = *self.draft.steps.get(step)?;
        let [from, to] = *self.schedule.sigmas().get(step..step + 2)? else { return None };
        Some(Row {
            step,
            loop_index: self.len() - 1 - step,
            gw,
            mu,
            std,
            sigma: from.0,
            sigma_next: to.0,
            log_snr: from.log_snr(),
        })
    }

    pub fn value(&self, cell: Cell) -> Option<f64> {
        match cell.column {
            GridColumn::Sigma => self.schedule.sigmas().get(cell.step).map(|sigma| sigma.0),
            column => self.draft.steps.get(cell.step).and_then(|step| value(step, column)),
        }
    }

    /// What a run makes of it: at the proxy size where there is one.
    pub fn recipe(&self) -> Recipe {
        match self.proxy {
            Some(proxy) => {
                Recipe { size: proxy, sigma_size: Some(self.size), ..self.full_recipe() }
            }
            None => self.full_recipe(),
        }
    }

    /// What a run at the image size makes of it.
    pub fn full_recipe(&self) -> Recipe {
        Recipe {
            version: recipe::VERSION,
            model: ModelRef { name: self.model.clone(), fingerprint: None },
            prompt: self.prompt.clone(),
            size: self.size,
            sigma_size: None,
            noise: NoiseSource::Seed { seed: self.seed, rng: Rng::TorchCpu },
            // The name is a label for people: it must not stand over other steps.
            preset: (self.is_named() && !self.is_edited()).then(|| self.draft.name.clone()),
            steps: self.draft.steps.as_slice().to_vec(),
            terminal: self.draft.terminal,
            sampler: self.sampler.clone(),
            dtype: self.dtype,
            device: self.device,
            first_block_cache: None,
            card: None,
        }
    }
}

fn value(step: &Step, column: GridColumn) -> Option<f64> {
    match column {
        GridColumn::Gw => Some(step.gw),
        GridColumn::Mu => Some(step.mu),
        GridColumn::Std => Some(step.std),
        GridColumn::Sigma => None,
    }
}
