//! `sigmalab caption`: check a structured caption, or wrap a plain prompt into one.

use super::failure::Failure;
use super::print;
use super::prompt;
use clap::{Args, Subcommand};
use serde::Serialize;
use sigmalab_caption::{Issue, verify, wrap};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab caption check caption.json
  sigmalab caption wrap \"a cat on a wall\" | sigmalab caption check -
  sigmalab generate --prompt \"$(sigmalab caption wrap 'a cat on a wall')\"")]
pub(crate) struct CaptionCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Verify a caption as the reference's verifier does: exit code 0 if it is accepted, else 2
    /// and its issues with their places. It counts as that verifier does, which passes over what
    /// is inside a part whose own form is wrong: check again after mending
    Check {
        /// File with the caption; `-` is standard input
        #[arg(required_unless_present = "text")]
        file: Option<PathBuf>,
        /// The caption itself
        #[arg(long, conflicts_with = "file")]
        text: Option<String>,
        /// Print JSON: `accepted`, and `issues` with `path` and `message`
        #[arg(long)]
        json: bool,
    },
    /// Put a plain prompt into the smallest valid caption
    Wrap {
        /// The prompt; `-` is standard input
        text: String,
    },
}

/// Checks or wraps.
pub(crate) fn run(arguments: &CaptionCommand) -> Result<(), Failure> {
    match &arguments.action {
        Action::Check { file, text, json } => {
            let text = match (text, file) {
                (Some(text), _) => text.clone(),
                (None, Some(file)) => prompt::from_file(file)?,
                (None, None) => return Err(Failure::bad_input("give a file or --text")),
            };
            check(&text, *json)
        }
        Action::Wrap { text } => {
            let text = if text == "-" { prompt::from_stdin()? } else { text.clone() };
            if text.trim().is_empty() {
                return Err(Failure::bad_input("the prompt is empty: there is nothing to wrap"));
            }
            print::result(&format!("{}\n", wrap(&text)))
        }
    }
}

fn check(text: &str, json: bool) -> Result<(), Failure> {
    let issues = verify(text);
    if json {
        #[derive(Serialize)]
        struct Verdict<'a> {
            accepted: bool,
            issues: &'a [Issue],
        }
        print::json(&Verdict { accepted: issues.is_empty(), issues: &issues })?;
        return if issues.is_empty() { Ok(()) } else { Err(Failure::reported()) };
    }
    if issues.is_empty() {
        return print::result("accepted\n");
    }
    let count = print::counted(issues.len(), "issue");
    let failure = Failure::bad_input(format_args!("the caption has {count}:"));
    Err(issues.iter().fold(failure, |told, issue| told.line(format_args!("  {issue}"))))
}
