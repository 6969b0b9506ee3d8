//! `plugins new`: a project from scratch, built offline, checked, and used for a picture.

use crate::support::program::{Outcome, outcome, quick};
use crate::support::text::AssertHas as _;
use crate::workshop::Workshop;
use std::fs;
use std::path::Path;
use std::process::Command;

fn build(folder: &Path, command: &str, arguments: &[&str]) {
    let done = Command::new(command)
        .args(arguments)
        .current_dir(folder)
        // Its own folder for what it builds, also where this test's is set.
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Runs the program, which finds the library.
fn run(workshop: &Workshop, library: &Path, arguments: &[&str]) -> Outcome {
    let mut command = workshop.command(arguments);
    command.env("SIGMALAB_PLUGIN_PATH", library.parent().unwrap());
    outcome(command)
}

/// The library is listed, passes the check, and draws.
fn is_used(workshop: &Workshop, library: &Path, id: &str) {
    let file = library.to_str().unwrap();
    let checked = workshop.run(&["plugins", "check", file]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    let listed = run(workshop, library, &["plugins", "list"]);
    assert!(listed.stdout.lines().any(|line| line.starts_with(id)), "{listed:?}");
    let more = ["--sampler", id, "--sampler-param", "place=0.6", "--output", "out.png"];
    let drawn = run(workshop, library, &quick(&more));
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    assert!(workshop.path("out.png").exists());
}

#[test]
fn a_rust_project_builds_offline_passes_the_check_and_draws() {
    let workshop = Workshop::new();
    let told = workshop.done(&["plugins", "new", "my-solver", "--lang", "rust"]);
    told.assert_has([
        "cd my-solver",
        "cargo build --release",
        "plugins check target/release/libmy_solver.so",
    ]);
    let project = workshop.path("my-solver");
    build(&project, env!("CARGO"), &["build", "--offline"]);
    let library = project.join("target/debug/libmy_solver.so");
    is_used(&workshop, &library, "example.my-solver");

    // A panic is one failed run with its words.
    let source = project.join("src/lib.rs");
    let sampler = fs::read_to_string(&source).unwrap();
    let sampler = sampler.replace(
        "let w = 0.5 / place;",
        "let w = 0.5 / place; assert!(step.index < 1, \"no step like this\");",
    );
    fs::write(&source, sampler).unwrap();
    build(&project, env!("CARGO"), &["build", "--offline"]);
    let generate = quick(&["--sampler", "example.my-solver", "--quiet"]);
    let failed = run(&workshop, &library, &generate);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    failed.stderr.assert_has([
        "step 1",
        "`example.my-solver` failed",
        "it panicked",
        "no step like this",
    ]);
    // And one failed trial of a sweep, whose others are done.
    let text = "name = \"panic\"\nprompts = [\"x\"]\nseeds = [1]\n\
        [base]\npreset = \"V4_TURBO_12\"\nsteps = 2\n[output]\nimages = false\n\
        [parameters]\nsampler = [\"euler\", \"example.my-solver\", \"heun\"]\n";
    fs::write(workshop.path("panic.toml"), text).unwrap();
    let arguments = ["sweep", "run", "panic.toml", "--dir", "out", "--quiet", "--no-report"];
    let ended = run(&workshop, &library, &arguments);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let csv = fs::read_to_string(workshop.path("out/trials.csv")).unwrap();
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows.len(), 3, "{csv}");
    for (row, fails) in rows.iter().zip([false, true, false]) {
        let words = if fails { "no step like this" } else { ",done," };
        assert!(row.contains(words) && row.contains(",failed,") == fails, "{row}");
    }
}

#[test]
fn a_c_project_builds_passes_the_check_and_draws() {
    let workshop = Workshop::new();
    let told = workshop.done(&["plugins", "new", "my-solver", "--lang", "c", "elsewhere/solver"]);
    assert!(told.contains("sh build.sh") && told.contains("cd elsewhere/solver"), "{told}");
    let project = workshop.path("elsewhere/solver");
    build(&project, "sh", &["build.sh"]);
    is_used(&workshop, &project.join("libmy_solver.so"), "example.my-solver");
}

#[test]
fn nothing_is_overwritten_and_wrong_names_are_refused() {
    let workshop = Workshop::new();
    fs::create_dir(workshop.path("mine")).unwrap();
    fs::write(workshop.path("mine/work.c"), "int x;").unwrap();
    let refused = workshop.run(&["plugins", "new", "mine"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("`mine` is there already"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(workshop.path("mine")).unwrap().count(), 1);
    // An empty folder is taken.
    fs::create_dir(workshop.path("empty")).unwrap();
    workshop.done(&["plugins", "new", "mine", "empty"]);
    assert!(workshop.path("empty/Cargo.toml").exists());
    for name in ["Mine", "9x", "fn", "a/b", ""] {
        let refused = workshop.run(&["plugins", "new", name]);
        assert_eq!(refused.code, Some(2), "{name}: {refused:?}");
    }
    // What is a file is no folder.
    fs::write(workshop.path("file"), "").unwrap();
    let refused = workshop.run(&["plugins", "new", "mine", "file"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let names: Vec<_> = fs::read_dir(workshop.path("")).unwrap().collect();
    assert!(names.iter().all(|name| {
        !name.as_ref().unwrap().file_name().to_string_lossy().starts_with(".sigmalab")
    }));
}
