#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::inputs::VERSION;
use sigmalab_schedule::preset_file::PresetFile;
use sigmalab_schedule::runs::gw_runs;

/// An experiment on the built-in presets, from a file without name, prompts and seeds.
pub(crate) fn experiment(text: &str) -> Experiment {
    let text = format!("name = \"x\"\nprompts = [\"a\", \"b\"]\nseeds = [1, 2]\n{text}");
    let spec = Spec::parse(&text, "e.toml").unwrap_or_else(|error| panic!("{error}"));
    let presets = PresetFile::builtin().unwrap();
    let preset = |name: &Option<String>| {
        let name = name.as_deref().unwrap_or("V4_TURBO_12");
        FrozenPreset::from(presets.get(name).unwrap())
    };
    let inputs = Inputs {
        version: VERSION,
        model: "demo".to_owned(),
        fingerprint: "f".to_owned(),
        default_size: Size::new(256, 256).unwrap(),
        dtype: Default::default(),
        device: Default::default(),
        prompts: ["a", "b"].map(|id| Prompt { id: id.to_owned(), text: id.to_owned() }).to_vec(),
        base: preset(&spec.base.preset),
        reference: spec.reference.as_ref().map(|reference| preset(&reference.preset)),
        tune: None,
        samplers: None,
    };
    Experiment { spec, inputs, samplers: Samplers::built_in() }
}

#[test]
fn seeds_run_fastest_and_the_last_parameter_before_the_first() {
    let found = experiment("[parameters]\nmu = [0, 1]\nstd = [1, 2]").trials().unwrap();
    let told: Vec<String> = found
        .trials
        .iter()
        .map(|t| format!("{} {} {}", in_words(&t.point), t.prompt_id, t.seed))
        .collect();
    assert_eq!(told.len(), 16);
    assert_eq!(told[0], "mu 0, std 1 a 1");
    assert_eq!(told[1], "mu 0, std 1 a 2");
    assert_eq!(told[2], "mu 0, std 1 b 1");
    assert_eq!(told[4], "mu 0, std 2 a 1");
    assert_eq!(told[8], "mu 1, std 1 a 1");
}

#[test]
fn slices_are_settled_after_the_number_of_steps_and_after_whole_columns() {
    let text = "[base]\npreset = \"V4_DEFAULT_20\"\n\"gw[-3..]\" = 2\n[parameters]\nsteps = [5]\ngw = [9]\n\"mu[-1]\" = [0.5]";
    let trial = experiment(text).trial(0).unwrap();
    assert_eq!(gw_runs(&trial.recipe.steps), "9x2 2x3");
    assert_eq!(
        trial.recipe.steps.iter().map(|s| s.mu).collect::<Vec<_>>(),
        [0.0, 0.0, 0.0, 0.0, 0.5]
    );
    assert_eq!(trial.recipe.preset, None);
}

#[test]
fn a_list_gives_each_step_of_a_slice_its_own_value() {
    let trial = experiment("[parameters]\n\"gw[-3..]\" = [[3, 2, 1]]").trial(0).unwrap();
    assert_eq!(gw_runs(&trial.recipe.steps), "7x9 3x1 2x1 1x1");
    let error = experiment("[parameters]\n\"gw[-2..]\" = [[3, 2, 1]]").trials().unwrap_err();
    assert!(error.to_string().contains("3 values and names 2 steps"), "{error}");
}

#[test]
fn equal_recipes_are_one_trial() {
    let found = experiment("[parameters]\nmu = [0.5, 0.5, 0.6]").trials().unwrap();
    assert_eq!((found.trials.len(), found.duplicates), (8, 4));
    assert_eq!(found.trials[0].recipe.preset.as_deref(), Some("V4_TURBO_12"));
}

#[test]
fn a_swept_prompt_is_named_by_id_or_text_and_takes_the_place_of_prompts() {
    let found = experiment("[parameters]\nprompt = [\"b\", \"something else\"]").trials().unwrap();
    let told: Vec<_> = found.trials.iter().map(|t| t.recipe.prompt.as_str()).collect();
    assert_eq!(told, ["b", "b", "something else", "something else"]);
    assert_eq!(found.trials[0].prompt_id, "b");
}

#[test]
fn there_is_one_reference_run_a_prompt_seed_and_size() {
    let text = "sizes = [\"256x256\", \"256x512\"]\n[reference]\npreset = \"V4_DEFAULT_20\"\n[parameters]\nmu = [0, 1, 2]";
    let found = experiment(text).trials().unwrap();
    assert_eq!((found.trials.len(), found.references.len()), (24, 8));
    let trial = &found.trials[5];
    let reference = &found.references[trial.reference.unwrap()];
    assert_eq!((reference.seed, &reference.recipe.prompt), (trial.seed, &trial.recipe.prompt));
    assert_eq!(reference.recipe.steps.len(), 20);
}

#[test]
fn trials_that_cannot_be_run_are_named_with_their_values() {
    let text = "[parameters]\n\"mu[3]\" = [0.5, 9]";
    let told = experiment(text).trials().unwrap_err().to_string();
    assert!(told.starts_with("trial 4 (mu[3] 9) and 3 more: the schedule cannot be run"), "{told}");
    let told = experiment("[parameters]\nsampler = [\"nope\"]").trials().unwrap_err().to_string();
    assert!(told.contains("there is no sampler `nope`"), "{told}");
    let told = experiment("[parameters]\n\"gw[-13..]\" = [1]").trials().unwrap_err().to_string();
    assert!(told.contains("gw[-13..]") && told.contains("12"), "{told}");
}

#[test]
fn a_parameter_that_the_sampler_lacks_is_refused_by_number_and_by_name() {
    for value in ["0.5", "\"midpoint\"", "true"] {
        let text = format!("[parameters]\n\"sampler.eta\" = [{value}]");
        let told = experiment(&text).trials().unwrap_err().to_string();
        assert!(told.contains("sampler `euler` has no parameter `eta`"), "{told}");
    }
}

#[test]
fn draws_depend_on_seed_number_and_parameter_alone() {
    let text = |more: &str, trials: usize, seed: u64| {
        format!(
            "method = {{ kind = \"random\", trials = {trials}, seed = {seed} }}\n[parameters]\nmu = {{ min = 0, max = 1 }}\n{more}"
        )
    };
    let mu = |text: &str, number: usize| experiment(text).trial(number).unwrap().recipe.steps[0].mu;
    let first = mu(&text("", 3, 0), 4);
    assert_eq!(mu(&text("", 30, 0), 4), first);
    assert_eq!(mu(&text("std = { min = 1, max = 2 }\n", 3, 0), 4), first);
    assert_ne!(mu(&text("", 3, 1), 4), first);
    assert_ne!(mu(&text("", 3, 0), 8), first);
    assert!((0.0..1.0).contains(&first));
}

#[test]
fn sobol_points_fill_the_square_evenly() {
    let text = "method = { kind = \"sobol\", trials = 64, seed = 5 }\n[parameters]\nmu = { min = 0, max = 1 }\nstd = { min = 1, max = 2 }";
    let experiment = experiment(text);
    let mut cells = [[0; 8]; 8];
    for number in (0..experiment.len()).step_by(4) {
        let step = experiment.trial(number).unwrap().recipe.steps[0];
        cells[(step.mu * 8.0) as usize][((step.std - 1.0) * 8.0) as usize] += 1;
    }
    assert!(cells.iter().flatten().all(|&count| count == 1), "{cells:?}");
}
