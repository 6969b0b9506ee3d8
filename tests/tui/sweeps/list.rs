//! The list of experiments and run directories, plans, and experiments that are written here.

use super::{Bench, finished, folder, small};
use crate::support::text::AssertHas as _;
use sigmalab::tui::app::{App, Effect};
use sigmalab::tui::screens::sweeps::SweepWork;
use sigmalab_experiment::built_in::EXPERIMENTS;
use sigmalab_experiment::spec::Spec;
use sigmalab_sampler::Samplers;
use std::fs;

#[test]
fn the_list_has_experiments_and_run_directories_and_says_what_is_wrong_with_a_file() {
    let folder = finished();
    let broken = small().replace("seeds = [1, 2]", "seed = [1, 2]");
    fs::write(folder.path().join("experiments/broken.toml"), broken).unwrap();
    let bench = Bench::listed(folder);
    bench.shows(&["broken.toml", "  small", "run directories", "enter open"]);
    // The cursor is on the broken one.
    bench.shows(&["broken.toml:5:1", "did you mean `seeds`?", "    5 | seed = [1, 2]"]);
}

#[test]
fn the_list_has_what_lies_in_the_folder_itself_and_the_built_in_experiments_too() {
    let folder = folder();
    let mine = small().replace("name = \"small\"", "name = \"mine\"");
    fs::write(folder.path().join("mine.toml"), &mine).unwrap();
    // One with a mistake in it must not go missing.
    fs::write(folder.path().join("torn.toml"), mine.replace("seeds = [", "seeds = ")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"x\"\n").unwrap();
    fs::write(folder.path().join("experiments/quickstart.toml"), small()).unwrap();
    let bench = Bench::listed(folder);
    bench.shows(&["  mine", "  torn.toml", "  mu-std", "built in"]);
    let shown = bench.text();
    assert!(!shown.contains("Cargo"), "{shown}");
    assert_eq!(shown.matches("quickstart").count(), 0, "the file stands for it: {shown}");
}

#[test]
fn a_plan_says_what_would_be_run_and_what_sharing_saves() {
    let mut bench = Bench::listed(folder());
    bench.shows(&["the last two steps", "p plans it, r runs it"]);
    bench.press("enter");
    bench.shows(&["planning"]);
    bench.until("the plan is there", |app| !app.sweeps().is_busy());
    bench.shows(&[
        "4 trials and 2 reference runs",
        "needed   12 + 12 evaluations",
        "saved    12 + 12",
        "time     not measured",
        "  ref  4+4      0+0      reference · circle · seed 1",
        "gw[-2..] 2",
    ]);
    assert!(bench.workbench.records().iter().any(|call| call.starts_with("plan-sweep ")));
    assert!(!bench.path("runs").exists(), "a plan writes nothing");
}

#[test]
fn what_only_the_plan_finds_out_is_told_with_its_trial() {
    let folder = folder();
    let text = small().replace("gw[-2..]", "gw[-9..]");
    fs::write(folder.path().join("experiments/small.toml"), text).unwrap();
    let mut bench = Bench::listed(folder);
    bench.press("p");
    bench.until("the plan is refused", |app| !app.sweeps().is_busy());
    bench.shows(&["trial 0 (gw[-9..] 2) and 3 more: ", "names no step of a"]);
}

/// Rows of the list that are no built-in experiments.
fn files(app: &App) -> usize {
    app.sweeps().len() - EXPERIMENTS.len()
}

#[test]
fn an_experiment_over_the_selection_is_written_planned_and_opened() {
    let mut bench = Bench::new(folder());
    bench.press("G K : \"write-experiment\" enter");
    bench.shows(&["gw[-2..]: values for the selected steps"]);
    bench.press("\"1..3/3\" space \"softer\" enter");
    bench.until("it is planned", |app| {
        app.sweeps().is_listed() && !app.sweeps().is_busy() && files(app) == 2
    });
    let file = bench.path("experiments/softer.toml");
    let text = fs::read_to_string(&file).unwrap();
    let spec = Spec::parse(&text, "softer.toml").unwrap();
    assert_eq!((spec.name.as_str(), spec.seeds.as_slice()), ("softer", &[42][..]));
    assert!(text.contains("\"gw[-2..]\" = [1.0, 2.0, 3.0]"), "{text}");
    assert!(text.contains("[base]\npreset = \"FOUR\"\n"), "an unedited preset by name: {text}");
    assert!(bench.workbench.effects.contains(&Effect::Edit(file.clone())));
    bench.shows(&["softer", "3 trials"]);
    // Edited steps stand in it as they are; a name that is taken gets a number.
    bench.press("F2 g 9 enter G 1 enter G K L");
    bench.press("esc G K : \"write-experiment\" space \"2\" space \"softer\" enter");
    bench.until("the second one is there", |app| files(app) == 3);
    let text = fs::read_to_string(bench.path("experiments/softer-2.toml")).unwrap();
    text.assert_has(["name = \"softer-2\"", "gw = [9.0, 7.0, 7.0, 1.0]"]);
    Spec::parse(&text, "softer-2.toml").unwrap();
    // Without an editor it says where the file lies.
    bench.workbench.app.edited(&file, Err("name an editor in $VISUAL".to_owned()));
    bench.workbench.says("softer.toml is there");
}

#[test]
fn a_file_of_actions_prints_where_a_sweep_stands() {
    let folder = finished();
    let printed = crate::playing::played(
        folder.path(),
        "attach-sweep runs/small\nsort-trials latent_rmse\nload-trial 3\npin-trial 0\n\
         print-sweep\nprint-schedule\n",
    );
    let status: serde_json::Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert_eq!((&status["name"], &status["done"]), (&"small".into(), &4.into()));
    assert!(printed.contains("3\t0\t3\t0\t1.5"), "{printed}");
}

#[test]
fn a_folder_that_is_no_run_directory_says_so_in_its_place() {
    let mut bench = Bench::new(folder());
    let nowhere = bench.path("nowhere");
    let call = format!("attach-sweep {}", nowhere.display()).parse().unwrap();
    let (effects, done) = bench.workbench.app.play(&call);
    done.unwrap();
    bench.workbench.effects.extend(effects);
    bench.carry_out();
    bench.until("it is known", |app| {
        app.sweeps().attached.as_ref().is_some_and(|attached| attached.problem.is_some())
    });
    bench.shows(&["is not a run directory"]);
}

#[test]
fn the_list_says_where_run_directories_stand_also_after_a_restart() {
    let mut bench = Bench::listed(finished());
    let directory = bench.path("runs/small");
    bench.until("where it stands is read", |app| app.sweeps().status(&directory).is_some());
    bench.press("G");
    bench.shows(&["finished", "4 of 4 trials · finished"]);
    assert!(!bench.text().contains("continues it"), "{}", bench.text());
}

#[test]
fn run_directories_are_looked_at_while_the_list_is_near_and_no_longer() {
    let mut bench = Bench::listed(finished());
    let mut leaves = |keys: &str| {
        bench.workbench.press(keys);
        let left = bench.workbench.effects.contains(&Effect::Sweeps(SweepWork::Unlist));
        bench.carry_out();
        left
    };
    assert!(!leaves("P"), "the list is one step back");
    assert!(!leaves("esc"));
    assert!(leaves("esc"), "nobody sees it any more");
    assert!(!leaves("P esc"), "it is said once");
}

#[test]
fn what_could_not_be_read_is_tried_again_with_other_samplers() {
    let folder = finished();
    let directory = folder.path().join("runs/small");
    let frozen = fs::read(directory.join("frozen.json")).unwrap();
    fs::write(directory.join("frozen.json"), "{").unwrap();
    let mut bench = Bench::listed(folder);
    let status = |app: &App| app.sweeps().status(&directory).cloned();
    bench.until("it cannot be read", |app| matches!(status(app), Some(Err(_))));
    // As a sampler that it names may come, here with nothing else that would wake the list.
    fs::write(directory.join("frozen.json"), frozen).unwrap();
    bench.sweep_threads.set_samplers(Samplers::built_in());
    bench.until("it can be read", |app| matches!(status(app), Some(Ok(_))));
}
