#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::generation::Generation;
use crate::inputs::FrozenTune;
use crate::spec::Prompt;
use crate::trial::tests::experiment;
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_schedule::preset_file::PresetFile;
use sigmalab_tune::flow::{Run, rmse};
use sigmalab_tune::gram::Basis;
use sigmalab_tune::judgement::Verdict as Told;
use sigmalab_tune::weights::{Stencil, Weights, euler};

/// A tune of Euler on the flow that is known in closed form; the prompt is the seed of its noise.
struct World {
    experiment: Experiment,
    /// Whether the networks are asked at all: of a world without news every distance is 1.
    flat: bool,
}

/// The experiment's reference preset against itself.
fn against_itself(world: &mut World) {
    let reference = world.experiment.reference_preset().unwrap().unwrap();
    let tune = world.experiment.inputs.tune.as_mut().unwrap();
    tune.against.insert(0, reference);
}

impl World {
    fn new(prompts: usize, budget: u64, text: &str) -> Self {
        let text = format!(
            "method = \"tune\"\n[reference]\npreset = \"V4_QUALITY_48\"\n[tune]\nsteps = 8\n{text}"
        );
        let mut experiment = experiment(&text);
        experiment.spec.seeds = vec![1];
        experiment.inputs.prompts = (0..prompts)
            .map(|i| Prompt { id: format!("p{i}"), text: format!("prompt {i}") })
            .collect();
        let presets = PresetFile::builtin().unwrap();
        let against = ["V4_TURBO_12", "V4_DEFAULT_20"];
        experiment.inputs.tune = Some(FrozenTune {
            budget,
            opened: 0,
            samplers: vec![SamplerRef::named("euler")],
            against: against.map(|name| FrozenPreset::from(presets.get(name).unwrap())).to_vec(),
        });
        World { experiment, flat: false }
    }

    fn run(&self, steps: &[Step], terminal: Terminal, instance: &Instance) -> Run {
        let levels = levels_of(steps, instance.size, terminal);
        // gw 7 on so tame a flow blows up; its shape is what counts here.
        let gw: Vec<f64> = steps.iter().map(|step| 1.0 + (step.gw - 1.0) / 4.0).collect();
        Run::with(&levels, &gw, instance.prompt as u64, euler)
    }

    fn reference(&self, instance: &Instance) -> Run {
        let preset = self.experiment.reference_preset().unwrap().unwrap();
        let steps = match self.experiment.spec.tune.as_ref().unwrap().target {
            Target::Imitate => preset.steps,
            Target::Exact => very_many(&preset.steps, instance.size, preset.terminal).unwrap(),
        };
        self.run(&steps, preset.terminal, instance)
    }

    /// Runs the tune to its end.
    fn tune(&self) -> Vec<Tried> {
        let setting = Setting::of(&self.experiment).unwrap();
        let references: Vec<(Instance, TrialId)> = setting
            .tuning
            .iter()
            .map(|instance| (*instance, TrialId(instance.prompt.to_string())))
            .collect();
        let mut tried: Vec<Tried> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(draft) =
            next(&self.experiment, &tried, &references, &mut Oracle(self, &setting)).unwrap()
        {
            let again =
                next(&self.experiment, &tried, &references, &mut Oracle(self, &setting)).unwrap();
            assert_eq!(again.as_ref(), Some(&draft), "a generation is a function of what was");
            let distances: Vec<Vec<f64>> = draft
                .proposals
                .iter()
                .map(|proposal| {
                    let candidate = proposal.candidate.as_ref().unwrap();
                    let on = |instance: &Instance| {
                        if self.flat {
                            return 1.0;
                        }
                        let run = self.run(&candidate.steps, candidate.terminal, instance);
                        rmse(run.end(), self.reference(instance).end())
                    };
                    proposal.instances.iter().map(on).collect()
                })
                .collect();
            // What the sweep counts: every run and every reference run once.
            let mut pairs = 0;
            for proposal in &draft.proposals {
                let candidate = proposal.candidate.as_ref().unwrap();
                for instance in &proposal.instances {
                    let new = seen.insert(serde_json::to_string(&(candidate, instance)).unwrap());
                    // The reference's own schedule is all in its run.
                    if new && candidate.steps.len() != 48 {
                        pairs += candidate.steps.len();
                    }
                    if seen.insert(serde_json::to_string(instance).unwrap()) {
                        pairs += 48;
                    }
                }
            }
            let charge = 2 * pairs as u64;
            let before = tried.last().map_or(0, |last| last.generation.spent);
            let generation = Generation::of(draft, tried.len(), String::new(), charge, before);
            tried.push(Tried { generation, distances });
            assert!(tried.len() < 60, "it ends");
        }
        tried
    }
}

struct Oracle<'a>(&'a World, &'a Setting<'a>);

impl Ask for Oracle<'_> {
    fn weigh(
        &mut self,
        _: &SamplerRef,
        stencils: &[Stencil],
    ) -> Result<Option<Vec<Weights>>, SearchError> {
        Ok(Some(stencils.iter().map(euler).collect()))
    }

    fn path(&mut self, reference: &TrialId) -> Result<ReferencePath, SearchError> {
        let prompt: usize = reference.0.parse().unwrap();
        let instance = self.1.tuning.iter().find(|known| known.prompt == prompt).unwrap();
        Ok(self.0.reference(instance).path(Basis::Velocities))
    }
}

fn stages(tried: &[Tried]) -> Vec<Stage> {
    let mut stages: Vec<Stage> = tried.iter().map(|tried| tried.generation.stage).collect();
    stages.dedup();
    stages
}

#[test]
fn a_tune_goes_through_its_stages_keeps_its_budget_and_finds_something_nearer() {
    let world = World::new(20, 9000, "");
    let tried = world.tune();
    assert_eq!(stages(&tried), [Stage::References, Stage::Race, Stage::Refine, Stage::Judgement]);
    let spent = tried.last().unwrap().generation.spent;
    assert!(spent <= 9000, "{spent}");
    assert!(spent > 5000, "the budget is used: {spent}");
    let found = verdict(&world.experiment, &tried).unwrap().unwrap();
    assert_eq!(found.found.steps.len(), 8);
    assert_eq!(found.comparisons[0].verdict, Told::Nearer, "{:#?}", found.comparisons);
    assert!(found.beats_the_naive_grid());
    let names: Vec<&str> = found.comparisons.iter().map(|c| c.other.as_str()).collect();
    assert_eq!(
        names,
        ["naive grid, the same sampler", "best plain mu and std", "V4_TURBO_12", "V4_DEFAULT_20"]
    );
    assert!(found.reference_to_limit.unwrap() > 0.0);
}

#[test]
fn held_out_prompts_are_seen_by_the_judgement_alone() {
    let world = World::new(20, 9000, "ladder = [6]\nfurther_sizes = [\"320x256\"]");
    let tried = world.tune();
    let setting = Setting::of(&world.experiment).unwrap();
    let held_out: Vec<usize> = setting.held_out.iter().map(|instance| instance.prompt).collect();
    assert!(!held_out.is_empty());
    for tried in &tried {
        let judges =
            matches!(tried.generation.stage, Stage::Judgement | Stage::Ladder | Stage::Sizes);
        for instance in tried.generation.proposals.iter().flat_map(|p| &p.instances) {
            assert_eq!(held_out.contains(&instance.prompt), judges);
        }
    }
    let found = verdict(&world.experiment, &tried).unwrap().unwrap();
    assert_eq!(found.sizes.len(), 1);
    assert!(found.ladder.iter().any(|rung| rung.steps == 6 && rung.name == "programme"));
}

#[test]
fn where_nothing_is_nearer_nothing_may_be_saved() {
    let world = World { flat: true, ..World::new(20, 9000, "") };
    let found = verdict(&world.experiment, &world.tune()).unwrap().unwrap();
    assert!(!found.beats_the_naive_grid());
}

#[test]
fn of_two_prompts_there_are_too_few_to_tell() {
    let world = World::new(2, 9000, "");
    let found = verdict(&world.experiment, &world.tune()).unwrap().unwrap();
    assert_eq!(found.comparisons[0].verdict, Told::TooFewPrompts);
    assert!(!found.beats_the_naive_grid());
}

#[test]
fn a_budget_that_does_not_reach_is_refused_with_what_is_needed() {
    let world = World::new(20, 500, "");
    let told = match Setting::of(&world.experiment) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was taken"),
    };
    assert!(told.contains("500 evaluations is too small"), "{told}");
    let one = World::new(1, 9000, "");
    assert!(Setting::of(&one.experiment).is_err());
}

#[test]
fn every_budget_that_is_taken_is_kept() {
    for budget in [3000, 4000, 6000, 20_000] {
        let world = World::new(14, budget, "guidance = true");
        let spent = world.tune().last().unwrap().generation.spent;
        assert!(spent <= budget, "{spent} of {budget}");
    }
}

#[test]
fn towards_the_limit_the_reference_is_very_many_steps_with_gw_by_noise_level() {
    let world = World::new(4, 20_000, "target = \"exact\"");
    let preset = world.experiment.reference_preset().unwrap().unwrap();
    let size = world.experiment.inputs.default_size;
    let many = very_many(&preset.steps, size, preset.terminal).unwrap();
    assert_eq!(many.len(), 192);
    let (few, levels) =
        (levels_of(&preset.steps, size, preset.terminal), levels_of(&many, size, preset.terminal));
    for (k, level) in few.iter().enumerate() {
        assert!((levels[4 * k] - level).abs() < 1e-6, "{k}");
    }
    for (k, step) in many.iter().enumerate() {
        assert_eq!(step.gw, preset.steps[k / 4].gw, "{k}");
    }
}

#[test]
fn the_reference_is_not_judged_against_itself_and_a_presets_name_is_its_own() {
    let mut world = World::new(20, 9000, "");
    against_itself(&mut world);
    let tune = world.experiment.inputs.tune.as_mut().unwrap();
    tune.against[1].name = "naive".to_owned();
    tune.against[2].name = "limit".to_owned();
    let tried = world.tune();
    let found = verdict(&world.experiment, &tried).unwrap().unwrap();
    let names: Vec<&str> = found.comparisons.iter().map(|c| c.other.as_str()).collect();
    assert_eq!(names, ["naive grid, the same sampler", "best plain mu and std", "naive", "limit"]);
    assert_ne!(found.comparisons[0].distance, found.comparisons[2].distance);
    assert!(found.comparisons.iter().all(|c| c.ratio < 100.0), "{:#?}", found.comparisons);
}

/// A solver whose steps are not known beforehand.
struct Closed<'a>(Oracle<'a>);

impl Ask for Closed<'_> {
    fn weigh(
        &mut self,
        _: &SamplerRef,
        _: &[Stencil],
    ) -> Result<Option<Vec<Weights>>, SearchError> {
        Ok(None)
    }

    fn path(&mut self, reference: &TrialId) -> Result<ReferencePath, SearchError> {
        self.0.path(reference)
    }
}

#[test]
fn a_solver_without_grids_of_its_own_borrows_eulers_wherever_it_is_listed() {
    let named = |ids: &[&str]| {
        let mut world = World::new(20, 9000, "");
        let tune = world.experiment.inputs.tune.as_mut().unwrap();
        tune.samplers = ids.iter().map(|id| SamplerRef::named(*id)).collect();
        let setting = Setting::of(&world.experiment).unwrap();
        let paths: Vec<ReferencePath> = setting
            .tuning
            .iter()
            .map(|instance| world.reference(instance).path(Basis::Velocities))
            .collect();
        let mut ask = Closed(Oracle(&world, &setting));
        let known = candidates::find(&setting, &paths, &mut ask).unwrap();
        let own = known.candidates.into_iter().filter(|found| found.candidate.sampler == "unipc-2");
        own.map(|found| (found.name, found.candidate)).collect::<Vec<_>>()
    };
    let after = named(&["euler", "unipc-2"]);
    assert!(after.iter().filter(|(name, _)| name.contains("Euler's programme")).count() > 2);
    assert_eq!(named(&["unipc-2", "euler"]), after);
    assert_eq!(named(&["unipc-2"]), after);
}
