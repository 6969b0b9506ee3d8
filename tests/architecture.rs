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

/// Packages of the workspace whose manifests name another one, tests aside.
fn who_names(package: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let workspace: toml::Table = workspace.parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members = members.iter().map(|member| root.join(member.as_str().unwrap()));
    let mut found = BTreeSet::new();
    for folder in std::iter::once(root.to_owned()).chain(members) {
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let targets = manifest.get("target").and_then(|targets| targets.as_table());
        let of_targets = targets.into_iter().flat_map(|targets| targets.values());
        let of_targets = of_targets.filter_map(|target| target.as_table());
        let names_it = std::iter::once(&manifest).chain(of_targets).any(|tables| {
            ["dependencies", "build-dependencies"].iter().any(|table| {
                tables.get(*table).is_some_and(|dependencies| dependencies.get(package).is_some())
            })
        });
        if names_it {
            found.insert(manifest["package"]["name"].as_str().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn the_tensor_library_and_the_screen_are_named_where_they_belong() {
    let one = |name: &str| BTreeSet::from([name.to_owned()]);
    for candle in ["candle-core", "candle-nn"] {
        assert_eq!(who_names(candle), one("sigmalab-model"), "{candle}");
    }
    assert_eq!(who_names("ratatui-image"), one("sigmalab-terminal"));
    let both = ["sigmalab", "sigmalab-terminal"].map(str::to_owned);
    assert_eq!(who_names("ratatui"), BTreeSet::from(both));
}
