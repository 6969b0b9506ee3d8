//! The walls between crates, as CONTRIBUTING.md draws them and as the `Cargo.toml` files hold them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What is no wall: packages that plugins are written with, and the program's own plugins.
const BESIDE: [&str; 3] = ["sampler-sdk", "sampler-templates", "samplers"];

/// The crates of the workspace that a manifest may name, without those for its tests.
fn known_to(manifest: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let dependencies = table.get("dependencies").and_then(|table| table.as_table());
    let names = dependencies.into_iter().flat_map(|table| table.keys());
    let ours = names.filter_map(|name| name.strip_prefix("sigmalab-"));
    ours.filter(|name| !BESIDE.contains(name)).map(str::to_owned).collect()
}

fn manifests() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeMap::from([("sigmalab".to_owned(), known_to(&root.join("Cargo.toml")))]);
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap();
        let name = folder.file_name().into_string().unwrap();
        if !["bench", "mutations"].contains(&name.as_str()) {
            known.insert(name, known_to(&folder.path().join("Cargo.toml")));
        }
    }
    known
}

#[test]
fn the_drawing_of_the_crates_is_what_their_manifests_say() {
    let page = include_str!("../CONTRIBUTING.md");
    let (_, drawing) = page.split_once("<!-- crates:").unwrap();
    let (drawing, _) = drawing.split_once("<!-- end of crates -->").unwrap();
    let drawn: BTreeMap<String, BTreeSet<String>> = drawing
        .lines()
        .filter_map(|line| line.split_once("->"))
        .filter(|(name, _)| name.trim().chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .map(|(name, known)| {
            (name.trim().to_owned(), known.split_whitespace().map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(drawn, manifests());
}

#[test]
fn no_crate_knows_one_that_knows_it() {
    let known = manifests();
    let mut below: BTreeSet<&str> = BTreeSet::new();
    while below.len() < known.len() {
        let next: Vec<&str> = known
            .iter()
            .filter(|(name, needs)| {
                !below.contains(name.as_str()) && needs.iter().all(|n| below.contains(n.as_str()))
            })
            .map(|(name, _)| name.as_str())
            .collect();
        assert!(!next.is_empty(), "a circle among {known:?} above {below:?}");
        below.extend(next);
    }
}

#[test]
fn candle_is_named_by_the_model_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let names_it = table["package"]["name"].as_str() != Some("sigmalab-model")
            && table.get("dependencies").is_some_and(|all| all.get("candle-core").is_some());
        assert!(!names_it, "{}", folder.display());
    }
}
