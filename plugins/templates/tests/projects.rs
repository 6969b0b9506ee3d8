//! Builds the projects that `plugins new` writes, from scratch and offline.
#![allow(clippy::unwrap_used)]

use sigmalab_sampler_templates::{Language, library_name, project};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An empty folder, far from this workspace's own.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sigmalab-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(language: Language, name: &str, to: &Path) {
    for file in project(language, name).unwrap() {
        let path = to.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.contents).unwrap();
    }
}

fn run(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let words =
        [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(done.status.success(), "{command:?}\n{}\n{}", words[0], words[1]);
    words.join("\n")
}

fn exported(library: &Path) -> Vec<String> {
    let listed = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    listed.lines().filter_map(|line| line.split(' ').nth(2)).map(str::to_owned).collect()
}

#[test]
fn the_rust_project_builds_offline_passes_its_test_and_exports_one_symbol() {
    let folder = folder("rust-project");
    write(Language::Rust, "my-solver", &folder);
    let cargo = |arguments: &[&str]| {
        run(Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--offline", "--target-dir"])
            .arg(folder.join("target"))
            .env("RUSTFLAGS", "-D warnings")
            .current_dir(&folder))
    };
    let tested = cargo(&["test", "--lib"]);
    assert!(tested.contains("1 passed"), "{tested}");
    cargo(&["build"]);
    let library = format!("target/debug/lib{}.so", library_name("my-solver").unwrap());
    if cfg!(target_os = "linux") {
        assert_eq!(exported(&folder.join(library)), ["sigmalab_plugin_entry"]);
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_c_project_builds_without_warnings_and_exports_one_symbol() {
    let folder = folder("c-project");
    write(Language::C, "my-solver", &folder);
    let built = run(Command::new("sh").arg("build.sh").current_dir(&folder));
    assert_eq!(built.trim(), "");
    let library = format!("lib{}.so", library_name("my-solver").unwrap());
    if cfg!(target_os = "linux") {
        assert_eq!(exported(&folder.join(library)), ["sigmalab_plugin_entry"]);
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_c_sampler_of_the_documentation_builds_without_warnings() {
    let page = include_str!("../../../docs/plugins.md");
    let (_, code) = page.split_once("```c\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    let folder = folder("documentation");
    fs::write(folder.join("sampler.c"), code).unwrap();
    let built = run(Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fPIC", "-shared"])
        .arg(concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../sdk/include"))
        .args(["sampler.c", "-o", "sampler.so"])
        .current_dir(&folder));
    assert_eq!(built.trim(), "");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_source_of_the_sdk_is_written_along() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk");
    let mut there = BTreeSet::from(["sdk/Cargo.toml".to_owned()]);
    let mut folders = vec![sdk.join("src"), sdk.join("include")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                there.insert(format!("sdk/{}", path.strip_prefix(&sdk).unwrap().display()));
            }
        }
    }
    let files = project(Language::Rust, "x").unwrap();
    let written: BTreeSet<String> = files
        .iter()
        .filter(|file| file.path.starts_with("sdk/"))
        .map(|file| file.path.to_owned())
        .collect();
    assert_eq!(written, there);
}

#[test]
fn no_placeholder_is_left() {
    for language in [Language::Rust, Language::C] {
        for file in project(language, "my-solver").unwrap() {
            assert!(!file.contents.contains("{{name") && !file.contents.contains("{{ident"));
        }
    }
}

#[test]
fn names_that_no_package_may_have_are_refused() {
    for name in ["", "9ab", "-ab", "Ab", "a b", "a/b", "a.b", "ä", "test", "fn", &"a".repeat(41)] {
        assert!(project(Language::Rust, name).is_err(), "{name}");
        assert!(project(Language::C, name).is_err(), "{name}");
    }
    for name in ["a", "ab2", "my-solver", &"a".repeat(40)] {
        assert!(project(Language::Rust, name).is_ok(), "{name}");
    }
}
