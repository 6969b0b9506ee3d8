//! `cargo xtask NAME`: the commands that people who work on sigmalab type often, each under one
//! name. It knows cargo and the names of tests; nothing of the program.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// A task: its name, what it is for, and the cargo commands that it runs one after the other.
struct Task {
    name: &'static str,
    help: &'static str,
    commands: &'static [Step],
}

/// One cargo command, with the variables of its environment.
struct Step {
    variables: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
}

const fn cargo(arguments: &'static [&'static str]) -> Step {
    Step { variables: &[], arguments }
}

const TASKS: &[Task] = &[
    Task {
        name: "check",
        help: "formatting and lints, as strict as a submission is checked",
        commands: &[
            cargo(&["fmt", "--all", "--", "--check"]),
            cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
        ],
    },
    Task {
        name: "test",
        help: "every test; arguments go to cargo test, such as -p sigmalab-schedule",
        commands: &[
            cargo(&["build", "--workspace", "--all-targets"]),
            cargo(&["test", "--workspace"]),
        ],
    },
    Task {
        name: "bench",
        help: "the budgets of the workbench, and what the boundary of plugins costs",
        commands: &[cargo(&["bench", "--bench", "workbench", "--bench", "plugin_boundary"])],
    },
    Task {
        name: "docs",
        help: "the documentation of every crate, private items included",
        commands: &[Step {
            variables: &[("RUSTDOCFLAGS", "-D warnings")],
            arguments: &["doc", "--workspace", "--no-deps", "--document-private-items"],
        }],
    },
    Task {
        name: "screens",
        help: "snapshots of the screens, and the tables and pictures in docs/, written anew",
        commands: &[
            Step {
                variables: &[("INSTA_UPDATE", "always")],
                arguments: &["test", "--test", "tui", "snapshots"],
            },
            Step {
                variables: &[("UPDATE_DOCS", "1")],
                arguments: &["test", "--test", "tui", "documentation"],
            },
            Step {
                variables: &[("UPDATE_DOCS", "1")],
                arguments: &["test", "--test", "pty", "readme"],
            },
        ],
    },
    Task {
        name: "release",
        help: "the program and its samplers as users get them",
        commands: &[cargo(&["build", "--release", "--locked"])],
    },
];

fn main() -> ExitCode {
    let mut given = env::args_os().skip(1);
    let name = given.next();
    let task = name.as_ref().and_then(|name| TASKS.iter().find(|task| *name == *task.name));
    let Some(task) = task else {
        for task in TASKS {
            eprintln!("cargo xtask {:8} {}", task.name, task.help);
        }
        return ExitCode::from(2);
    };
    let more: Vec<OsString> = given.collect();
    for step in task.commands {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(step.arguments).args(&more).envs(step.variables.iter().copied());
        match command.status() {
            Ok(status) if status.success() => {}
            Ok(_) => return ExitCode::FAILURE,
            Err(error) => {
                eprintln!("cargo cannot be started: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
