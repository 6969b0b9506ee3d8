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
    /// What is run in place of them, followed by the arguments, where there are some; `None` where
    /// there must be none.
    with_arguments: Option<Step>,
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
        with_arguments: None,
    },
    Task {
        name: "test",
        help: "every test; with arguments, cargo test with them, such as -p sigmalab-schedule",
        commands: &[
            cargo(&["build", "--workspace", "--all-targets"]),
            cargo(&["test", "--workspace"]),
        ],
        with_arguments: Some(cargo(&["test"])),
    },
    Task {
        name: "bench",
        help: "the budgets of the workbench, and what the boundary of plugins costs; with arguments, \
               cargo bench with them, such as --bench workbench -- --write",
        commands: &[cargo(&["bench", "--bench", "workbench", "--bench", "plugin_boundary"])],
        with_arguments: Some(cargo(&["bench"])),
    },
    Task {
        name: "docs",
        help: "the documentation of every crate, private items included",
        commands: &[Step {
            variables: &[("RUSTDOCFLAGS", "-D warnings")],
            arguments: &["doc", "--workspace", "--no-deps", "--document-private-items"],
        }],
        with_arguments: None,
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
        with_arguments: None,
    },
    Task {
        name: "release",
        help: "the program and its samplers as users get them; arguments go to cargo build, such as \
               --features cuda",
        commands: &[cargo(&["build", "--release", "--locked"])],
        with_arguments: Some(cargo(&["build", "--release", "--locked"])),
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
    let arguments: Vec<OsString> = given.collect();
    let steps = match task.steps(&arguments) {
        Ok(steps) => steps,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    for step in steps {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(step.arguments).args(&arguments).envs(step.variables.iter().copied());
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

impl Task {
    /// What to run with some arguments, each step followed by them.
    fn steps(&self, arguments: &[OsString]) -> Result<&[Step], String> {
        match (arguments, &self.with_arguments) {
            ([], _) => Ok(self.commands),
            (_, Some(step)) => Ok(std::slice::from_ref(step)),
            ([first, ..], None) => Err(format!(
                "cargo xtask {} takes no arguments, and was given `{}`",
                self.name,
                first.display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn arguments_go_to_one_command_or_are_refused() {
        let arguments = ["-p".into(), "sigmalab-schedule".into()];
        for task in TASKS {
            assert_eq!(task.steps(&[]).unwrap().len(), task.commands.len());
            match task.steps(&arguments) {
                Ok(steps) => assert_eq!(steps.len(), 1, "{}", task.name),
                Err(problem) => assert!(problem.contains("takes no arguments"), "{problem}"),
            }
        }
        let takes = |name| TASKS.iter().find(|task| task.name == name).unwrap().steps(&arguments);
        assert_eq!(takes("test").unwrap()[0].arguments, ["test"]);
        assert!(takes("check").is_err() && takes("screens").is_err());
    }
}
