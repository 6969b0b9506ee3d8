//! The experiment files that come with the project.

use crate::program::Place;
use std::fs;
use std::path::Path;

#[test]
fn every_experiment_of_the_project_has_a_plan_and_says_what_it_is_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let place = Place::new();
    let mut found = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let plan = place.run(&["sweep", "plan", path.to_str().unwrap(), "--json", "--no-time"]);
        if plan.stderr.contains("there is no sampler") && path.ends_with("samplers.toml") {
            println!("skipped samplers.toml: its plugins are not built (cargo build --workspace)");
            continue;
        }
        assert_eq!(plan.code, Some(0), "{plan:?}");
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        assert!(plan["trials"].as_u64().unwrap() > 1, "{path:?}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# ") && text.contains("\ndescription = "), "{path:?}");
        found += 1;
    }
    assert!(found >= 5, "{found}");
}
