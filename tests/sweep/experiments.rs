//! The experiment files that come with the project.

use crate::support::program::Place;
use sigmalab_experiment::built_in::EXPERIMENTS;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_experiment_of_the_project_has_a_plan_and_says_what_it_is_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let place = Place::new();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let plan = place.run(&["sweep", "plan", path.to_str().unwrap(), "--json", "--no-time"]);
        assert_eq!(plan.code, Some(0), "{plan:?}");
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        assert!(plan["trials"].as_u64().unwrap() > 1, "{path:?}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# ") && text.contains("\ndescription = "), "{path:?}");
        found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    let built_in = EXPERIMENTS.map(|(name, _)| name.to_owned());
    assert_eq!(found, built_in.into(), "every file is built in, and every one that is has a file");
}
