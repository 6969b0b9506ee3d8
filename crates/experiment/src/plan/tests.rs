#![allow(clippy::unwrap_used)]
use super::*;
use crate::trial::{Experiment, tests::experiment};
use proptest::prelude::*;
use sigmalab_compute::CancelToken;
use sigmalab_engine::denoise::{Denoising, denoise};
use sigmalab_engine::network::Network;
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::state_key::StateKey;
use sigmalab_engine::trajectory::TrajectoryCache;
use sigmalab_sampler::Samplers;
use sigmalab_schedule::sigmas::Sigma;
use sigmalab_schedule::size::Size;
use std::convert::Infallible;

/// A network that costs nothing: velocities that depend on everything they are given.
struct Cheap;

impl Network for Cheap {
    type Prompt = f32;
    type Error = Infallible;

    fn conditional(
        &self,
        x: &[f32],
        _: Size,
        sigma: Sigma,
        prompt: &f32,
    ) -> Result<Vec<f32>, Infallible> {
        Ok(x.iter().map(|x| x * 0.5 + *prompt - sigma.0 as f32).collect())
    }

    fn unconditional(&self, x: &[f32], _: Size, sigma: Sigma) -> Result<Vec<f32>, Infallible> {
        Ok(x.iter().map(|x| x * 0.25 + sigma.0 as f32).collect())
    }
}

/// Runs a recipe through the engine's loop with so many values a state.
fn run(recipe: &Recipe, values: usize, cache: &mut TrajectoryCache) -> (Vec<f32>, NfeCount) {
    let (schedule, sampler) = recipe.check(&Samplers::built_in()).unwrap();
    let sampler = sampler.built_in().unwrap();
    let noise = serde_json::to_string(&recipe.noise).unwrap();
    let keys = StateKey::of_recipe(recipe, (&sampler).into(), &schedule, "cheap", &noise);
    // As the engine does where a recipe has a first-block cache.
    let (mut unshared, shares) = (TrajectoryCache::new(0), recipe.shares_states());
    let cache = if shares { cache } else { &mut unshared };
    let task = Denoising {
        network: &Cheap,
        prompt: &(recipe.prompt.len() as f32),
        size: recipe.size,
        schedule: &schedule,
        sampler: &sampler,
        noise: &vec![1.0; values],
        seed: 1,
        keys: &keys,
        noise_key: StateKey::of_noise(recipe, &schedule, "cheap", &noise),
        whole: false,
    };
    let denoised = denoise(&task, cache, &CancelToken::default(), &mut |_| {}).unwrap();
    (denoised.latents.to_vec(), denoised.nfe)
}

/// Runs a plan in its order and holds every run against what was planned of it.
fn follow(experiment: &Experiment, budget_states: u64) {
    const VALUES: usize = 64;
    let trials = experiment.trials().unwrap();
    let plan = Plan::of(&trials);
    // What a state of that many values takes, its list of steps included.
    let steps = trials.references.iter().map(|run| run.recipe.steps.len());
    let steps = steps.chain(trials.trials.iter().map(|run| run.recipe.steps.len())).max().unwrap();
    let state = 3 * VALUES * 4 + steps * 120 + 200;
    let mut cache = TrajectoryCache::new(budget_states * state as u64);
    let mut total = NfeCount::default();
    let (mut trials_run, mut references_run) = (0, 0);
    for planned in &plan.runs {
        let recipe = match planned.run {
            Run::Reference(index) => {
                references_run += 1;
                &trials.references[index].recipe
            }
            Run::Trial(index) => {
                trials_run += 1;
                &trials.trials[index].recipe
            }
        };
        let (latents, nfe) = run(recipe, VALUES, &mut cache);
        assert_eq!(nfe, planned.nfe, "{:?}", planned.run);
        let alone = run(recipe, VALUES, &mut TrajectoryCache::new(0)).0;
        assert_eq!(latents, alone, "{:?}", planned.run);
        total += nfe;
    }
    assert_eq!(total, plan.nfe);
    assert_eq!((trials_run, references_run), (trials.trials.len(), trials.references.len()));
}

#[test]
fn four_gw_values_over_the_last_three_of_twenty_steps_cost_26_evaluations_instead_of_80() {
    let text = "[base]\npreset = \"V4_DEFAULT_20\"\n[parameters]\n\"gw[-3..]\" = [1.5, 2, 3, 4]";
    let mut experiment = experiment(text);
    experiment.inputs.prompts.truncate(1);
    experiment.spec.seeds.truncate(1);
    let plan = Plan::of(&experiment.trials().unwrap());
    let expected = NfeCount {
        cond_done: 26,
        uncond_done: 26,
        cond_saved: 54,
        uncond_saved: 54,
        first_block: 0,
    };
    assert_eq!(plan.nfe, expected);
    assert_eq!(plan.units.len(), 1);
    follow(&experiment, 22);
}

#[test]
fn a_reference_run_shares_the_first_evaluation_of_its_trials() {
    let text = "[reference]\npreset = \"V4_DEFAULT_20\"\n[parameters]\nmu = [0, 1]";
    let mut experiment = experiment(text);
    experiment.inputs.prompts.truncate(1);
    experiment.spec.seeds.truncate(1);
    let plan = Plan::of(&experiment.trials().unwrap());
    assert_eq!(plan.reference_nfe.cond_done, 20);
    assert_eq!(plan.nfe.cond_done, 20 + 11 + 11);
    assert_eq!(plan.runs[0].run, Run::Reference(0));
    follow(&experiment, 22);
}

#[test]
fn steps_at_gw_1_need_no_unconditional_evaluation() {
    let mut experiment = experiment("[parameters]\n\"gw[-2..]\" = [1, 3]");
    experiment.inputs.prompts.truncate(1);
    experiment.spec.seeds.truncate(1);
    let plan = Plan::of(&experiment.trials().unwrap());
    // The second trial shares v_cond of step 10 and asks for v_uncond there.
    assert_eq!((plan.nfe.cond_done, plan.nfe.uncond_done), (13, 12));
    follow(&experiment, 14);
}

#[test]
fn prompts_of_one_seed_share_the_first_evaluation_without_a_prompt() {
    // Two prompts, two seeds: the second prompt finds both noises evaluated, though another seed's
    // run came between.
    let experiment = experiment("[parameters]\nmu = [0.5]");
    let plan = Plan::of(&experiment.trials().unwrap());
    assert_eq!((plan.runs.len(), plan.nfe.cond_done, plan.nfe.cond_saved), (4, 48, 0));
    assert_eq!((plan.nfe.uncond_done, plan.nfe.uncond_saved), (46, 2));
    follow(&experiment, 15);
}

#[test]
fn prompts_share_nothing_of_the_noise_where_gw_is_1_there() {
    let mut experiment = experiment("[parameters]\n\"gw[0]\" = [1, 7]");
    experiment.spec.seeds.truncate(1);
    let plan = Plan::of(&experiment.trials().unwrap());
    // Of four trials two evaluate without a prompt at the noise: one of them has it.
    assert_eq!((plan.nfe.uncond_done, plan.nfe.uncond_saved), (45, 1));
    follow(&experiment, 15);
}

#[test]
fn runs_with_a_first_block_cache_share_nothing_with_any_other() {
    let text = "[parameters]\nfirst_block_cache = [0, 0.1, 0.2]\n\"gw[-1]\" = [2, 3]";
    let mut experiment = experiment(text);
    experiment.inputs.prompts.truncate(1);
    experiment.spec.seeds.truncate(1);
    let trials = experiment.trials().unwrap();
    let thresholds = trials.trials.iter().map(|trial| trial.recipe.first_block_cache);
    let expected = [None, None, Some(0.1), Some(0.1), Some(0.2), Some(0.2)];
    assert_eq!(thresholds.collect::<Vec<_>>(), expected);
    let plan = Plan::of(&trials);
    // The two without one share all but the last step's end.
    assert_eq!((plan.nfe.cond_done, plan.nfe.cond_saved), (12 + 4 * 12, 12));
    follow(&experiment, 15);
}

#[test]
fn units_part_where_little_is_shared_and_stay_whole_where_much_is() {
    let names = |text: &str| -> Vec<usize> {
        let trials = experiment(text).trials().unwrap();
        Plan::of(&trials).units.iter().map(|unit| unit.trials.len()).collect()
    };
    // Four groups; mu shares the first evaluation alone.
    assert_eq!(names("[parameters]\nmu = [0, 1, 2]"), [1; 12]);
    assert_eq!(names("[parameters]\n\"gw[-3..]\" = [0, 1, 2]"), [3; 4]);
    assert_eq!(names("[parameters]\nmu = [0, 1]\n\"gw[-1]\" = [1, 2]"), [2; 8]);
}

/// The same order by its definition: a trial's path is the numbers that its states got when they
/// were first seen.
fn order_of(trials: &Trials) -> Vec<usize> {
    let mut numbers = HashMap::new();
    let mut groups = HashMap::new();
    let mut paths = Vec::new();
    for (index, trial) in trials.trials.iter().enumerate() {
        let next = groups.len();
        let group = (&trial.recipe.prompt, trial.seed, trial.recipe.size);
        let group = *groups.entry(group).or_insert(next);
        let mut path = Vec::new();
        for key in Chain::of(&trial.recipe, &trials.samplers).keys {
            let next = numbers.len();
            path.push(*numbers.entry(key).or_insert(next));
        }
        paths.push((group, path, index));
    }
    paths.sort();
    paths.into_iter().map(|(_, _, index)| index).collect()
}

#[test]
fn what_remains_is_counted_from_nothing_known() {
    let text = "[base]\npreset = \"V4_DEFAULT_20\"\n[parameters]\n\"gw[-3..]\" = [1.5, 2, 3, 4]";
    let trials = experiment(text).trials().unwrap();
    let plan = Plan::of(&trials);
    let all = plan.remaining(&trials, |_| true);
    assert_eq!(all, plan.nfe);
    let one = plan.remaining(&trials, |run| run == Run::Trial(5));
    assert_eq!((one.cond_done, one.cond_saved), (20, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The cache holds the states of one run and no more, and the plan is kept to the evaluation.
    #[test]
    fn the_engine_does_what_was_planned(
        steps in prop::collection::vec(2_usize..7, 1..3),
        tail in prop::collection::vec(1_u32..5, 1..4),
        middle in prop::collection::vec(1_u32..4, 1..3),
        mu in prop::collection::vec(0_u32..3, 1..3),
        at in 0_usize..2,
        reference: bool,
    ) {
        let list = |values: &[u32]| values.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let steps: Vec<u32> = steps.iter().map(|&n| n as u32).collect();
        let reference = if reference { "[reference]\npreset = \"V4_TURBO_12\"\nsteps = 5\n" } else { "" };
        let text = format!(
            "{reference}[parameters]\n\"gw[{at}]\" = [{}]\nsteps = [{}]\n\"gw[-1]\" = [{}]\nmu = [{}]\n",
            list(&middle), list(&steps), list(&tail), list(&mu),
        );
        let experiment = experiment(&text);
        follow(&experiment, 9);
        let trials = experiment.trials().unwrap();
        let plan = Plan::of(&trials);
        let in_runs: Vec<usize> = plan
            .runs
            .iter()
            .filter_map(|planned| match planned.run {
                Run::Trial(index) => Some(index),
                Run::Reference(_) => None,
            })
            .collect();
        let in_units: Vec<usize> = plan.units.iter().flat_map(|unit| unit.trials.clone()).collect();
        prop_assert_eq!(&in_runs, &order_of(&trials));
        prop_assert_eq!(&in_runs, &in_units);
    }
}
