#![allow(clippy::unwrap_used)]

use super::*;
use crate::trial::tests::experiment;
use sigmalab_sampler::Samplers;

const TEXT: &str = "name = \"x\"\nprompts = [\"a\"]\nseeds = [1]\n";

#[test]
fn a_sweep_goes_on_with_the_same_file_and_is_refused_with_another() {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::at(&folder.path().join("deep/runs/x"));
    let inputs = experiment("").inputs;
    assert!(matches!(directory.experiment(Samplers::built_in()), Err(DirectoryError::NotOne(_))));
    directory.begin(TEXT, &inputs, false).unwrap();
    directory.begin(TEXT, &inputs, false).unwrap();
    assert_eq!(directory.experiment(Samplers::built_in()).unwrap().spec.seeds, [1]);

    let changed = TEXT.replace("[1]", "[1, 2]");
    let told = directory.begin(&changed, &inputs, false).unwrap_err().to_string();
    assert!(told.contains("-    3 | seeds = [1]\n+    3 | seeds = [1, 2]"), "{told}");
    assert_eq!(directory.experiment(Samplers::built_in()).unwrap().spec.seeds, [1]);

    let mut others = inputs.clone();
    others.fingerprint = "g".to_owned();
    let told = directory.begin(TEXT, &others, false).unwrap_err().to_string();
    assert!(told.contains("the checkpoint's contents"), "{told}");

    directory.begin(&changed, &inputs, true).unwrap();
    assert_eq!(directory.experiment(Samplers::built_in()).unwrap().spec.seeds, [1, 2]);
    assert!(directory.path().join("frozen-1.json").exists());
    let copy = fs::read_to_string(directory.path().join("experiment.toml")).unwrap();
    assert_eq!(copy, changed);
}

#[test]
fn how_a_sweep_is_handed_to_a_cluster_is_no_change_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::at(&folder.path().join("x"));
    let inputs = experiment("").inputs;
    directory.begin(TEXT, &inputs, false).unwrap();
    let with = format!("{TEXT}\n# Where it runs.\n[cluster]\nworkers = 8\n");
    directory.begin(&with, &inputs, false).unwrap();
    let other = with.replace("seeds = [1]", "seeds = [2]");
    assert!(directory.begin(&other, &inputs, false).is_err());
    // A sampler of another file is a change, where both are known.
    let sampler = |hash: &str| crate::inputs::FrozenSampler {
        id: "mine".to_owned(),
        version: "1".to_owned(),
        file_hash: Some(hash.to_owned()),
    };
    let with = |hash| Inputs { samplers: Some(vec![sampler(hash)]), ..inputs.clone() };
    let begun = RunDirectory::at(&folder.path().join("y"));
    begun.begin(TEXT, &with("a"), false).unwrap();
    begun.begin(TEXT, &inputs, false).unwrap();
    let told = begun.begin(TEXT, &with("b"), false).unwrap_err().to_string();
    assert!(told.contains("sampler `mine`"), "{told}");
}

#[test]
fn a_sweep_that_is_run_is_not_extended() {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::at(&folder.path().join("x"));
    let inputs = experiment("").inputs;
    directory.begin(TEXT, &inputs, false).unwrap();
    let lease = crate::lease::Leases::new(&directory.leases()).take("a").unwrap().unwrap();
    let changed = TEXT.replace("[1]", "[1, 2]");
    let told = directory.begin(&changed, &inputs, true).unwrap_err().to_string();
    assert!(told.contains("sweep cancel") && told.contains("leases/a.1"), "{told}");
    drop(lease);
    directory.begin(&changed, &inputs, true).unwrap();
}

#[test]
fn a_link_to_nowhere_is_told_apart_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("run");
    std::os::unix::fs::symlink("/no/such/place", &link).unwrap();
    let begun = RunDirectory::at(&link).begin(TEXT, &experiment("").inputs, false);
    let told = begun.unwrap_err().to_string();
    assert!(told.contains("run` is a link to `/no/such/place`, which is not there"), "{told}");
}

#[test]
fn files_that_are_spread_are_written_read_and_tidied_through_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::at(&folder.path().join("x"));
    directory.begin(TEXT, &experiment("").inputs, false).unwrap();
    let put = |name: &str| directory.put(name, OnCollision::Replace, |out| out.write_all(b"x"));
    put("images/ab/abcd.png").unwrap();
    put("images/abcd.png").unwrap();
    let read = |name: &str| -> io::Result<String> {
        let (by_name, below) = (directory.open(name), directory.path().join(name));
        let below = RunDirectory::open_below(&below);
        assert_eq!(by_name.is_ok(), below.is_ok());
        io::read_to_string(below?)
    };
    assert_eq!(read("images/ab/abcd.png").unwrap(), "x");
    assert_eq!(read("images/abcd.png").unwrap(), "x");
    // What a killed process left a day ago.
    let draft =
        directory.images().join(format!("ab/{}a{}", unfinished::PREFIX, unfinished::SUFFIX));
    let old = SystemTime::now() - std::time::Duration::from_secs(86_400);
    File::create(&draft).unwrap().set_modified(old).unwrap();
    directory.tidy();
    assert!(!draft.exists() && read("images/ab/abcd.png").is_ok());
    // The folder, and the folder around it, somewhere else.
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("ab")).unwrap();
    fs::write(elsewhere.join("abcd.png"), "secret").unwrap();
    fs::write(elsewhere.join("ab/abcd.png"), "secret").unwrap();
    fs::remove_dir_all(directory.images().join("ab")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, directory.images().join("ab")).unwrap();
    assert!(read("images/ab/abcd.png").is_err() && put("images/ab/abcd.png").is_err());
    fs::remove_dir_all(directory.images()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, directory.images()).unwrap();
    assert!(read("images/ab/abcd.png").is_err() && put("images/ab/abcd.png").is_err());
    assert_eq!(fs::read_to_string(elsewhere.join("ab/abcd.png")).unwrap(), "secret");
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "x").unwrap();
    let directory = RunDirectory::at(folder.path());
    let begun = directory.begin(TEXT, &experiment("").inputs, false);
    assert!(matches!(begun, Err(DirectoryError::Occupied(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn no_damaged_frozen_copy_panics() {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::at(folder.path());
    directory.begin(TEXT, &experiment("").inputs, false).unwrap();
    let whole = fs::read(folder.path().join(FROZEN)).unwrap();
    for damaged in sigmalab_mutations::Mutations::of(&whole, 20).take(2000) {
        fs::write(folder.path().join(FROZEN), &damaged).unwrap();
        if let Ok(experiment) = directory.experiment(Samplers::built_in()) {
            let _ = experiment.trials();
        }
    }
}

#[test]
fn a_frozen_experiment_that_was_edited_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::at(folder.path());
    directory.begin(TEXT, &experiment("").inputs, false).unwrap();
    let path = folder.path().join(FROZEN);
    let text = fs::read_to_string(&path).unwrap().replace("seeds = [1]", "seeds = [2]");
    fs::write(&path, text).unwrap();
    let told = directory.experiment(Samplers::built_in()).unwrap_err().to_string();
    assert!(told.contains("changed by hand"), "{told}");
}
