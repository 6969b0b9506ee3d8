//! `sigmalab plugins check`: whether a sampler is what it says, as a table.

use crate::cli::failure::Failure;
use crate::cli::text_input::{self, Origin};
use crate::cli::{print, samplers};
use clap::Args;
use serde::Serialize;
use sigmalab_sampler::check::{Finding, Report, Verdict, check_built_in, check_plugin};
use sigmalab_sampler::plugin::FileHash;
use sigmalab_sampler::{Sampler, SamplerInfo};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long one check may take when nobody says otherwise.
const SILENCE: f64 = 60.0;

#[derive(Debug, Args)]
#[command(
    after_help = "Orders are observed on a flow that is known exactly, on grids of 4 to 384 \
steps, and must not be more than 0.3 below the declared one. Code of the plugin runs in processes \
of their own: a crash or a hang is one failed line.

Exit codes: 0 all passed, 1 something failed, 2 there is no such library or sampler."
)]
pub(crate) struct Check {
    /// A shared library, or the id of a sampler of `plugins list`
    #[arg(value_name = "FILE|ID")]
    plugin: String,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// How long one check may take
    #[arg(long, value_name = "SECONDS", default_value_t = SILENCE, value_parser = seconds)]
    limit: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = crate::cli::values::finite(text)?;
    if (0.1..=86_400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("give 0.1 to 86400 seconds".to_owned())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    file: Option<&'a Path>,
    hash: Option<&'a FileHash>,
    sampler: Option<&'a SamplerInfo>,
    passed: bool,
    problem: Option<&'a str>,
    checks: &'a [Finding],
}

/// Runs the checks; fails where one of them did.
pub(crate) fn run(arguments: &Check) -> Result<(), Failure> {
    let subject = subject(&arguments.plugin)?;
    let tell = |finding: &Finding| {
        if arguments.json {
            return Ok(());
        }
        print::result(&line(finding))
    };
    let mut told = Ok(());
    let mut each =
        |finding: &Finding| told = std::mem::replace(&mut told, Ok(())).and(tell(finding));
    let (file, report) = match &subject {
        Subject::BuiltIn(sampler) => {
            let info = sampler.info().clone();
            let findings = check_built_in(Arc::clone(sampler));
            findings.iter().for_each(&mut each);
            (None, Report { info: Some(info), findings, ..Report::default() })
        }
        Subject::File(path) => {
            let program = samplers::discovery().program;
            let silence = Duration::from_secs_f64(arguments.limit);
            let report = check_plugin(&program, path, silence, &mut each).map_err(|error| {
                Failure::failed(format_args!("no process could be started for it: {error}"))
            })?;
            (Some(path.as_path()), report)
        }
    };
    told?;
    let failed: Vec<&Finding> =
        report.findings.iter().filter(|finding| finding.verdict == Verdict::Failed).collect();
    let passed = failed.is_empty() && report.unusable.is_none();
    if arguments.json {
        print::json(&Document {
            file,
            hash: report.hash.as_ref(),
            sampler: report.info.as_ref(),
            passed,
            problem: report.unusable.as_deref(),
            checks: &report.findings,
        })?;
    }
    let name = file.map_or_else(|| arguments.plugin.clone(), |path| path.display().to_string());
    if let Some(problem) = &report.unusable {
        return Err(Failure::failed(format_args!("`{name}`: {problem}")));
    }
    if !passed {
        let number = print::counted(failed.len(), "check");
        return Err(Failure::failed(format_args!("`{name}`: {number} failed")));
    }
    if !arguments.json {
        let info = report.info.as_ref();
        let id = info.map_or("", |info| info.id.as_ref());
        let version = info.map_or("", |info| info.version.as_ref());
        let number = report.findings.iter().filter(|f| f.verdict == Verdict::Passed).count();
        print::result(&format!("{id} {version}: all {number} checks passed\n"))?;
    }
    Ok(())
}

enum Subject {
    BuiltIn(Arc<dyn Sampler>),
    File(PathBuf),
}

/// A file where there is one of that name, else a sampler of that id.
fn subject(name: &str) -> Result<Subject, Failure> {
    let path = Path::new(name);
    if path.is_file() || name.contains('/') {
        return match begins_as_library(path) {
            Ok(true) => Ok(Subject::File(path.to_owned())),
            Ok(false) => Err(Failure::bad_input(format_args!("`{name}` is not a shared library"))),
            Err(error) => Err(Failure::bad_input(format_args!("cannot read `{name}`: {error}"))),
        };
    }
    let samplers = samplers::samplers_for(name);
    let chosen = samplers.choose(name, &BTreeMap::new()).map_err(|error| {
        Failure::bad_input(error)
            .way_out("sigmalab plugins list shows what there is")
            .way_out(format_args!("./{name} if you mean a file"))
    })?;
    Ok(match (chosen.built_in(), chosen.file) {
        (_, Some(file)) => Subject::File(file.path),
        (Some(choice), None) => Subject::BuiltIn(choice.sampler),
        (None, None) => {
            return Err(Failure::failed(format_args!("`{name}` is neither built in nor a file")));
        }
    })
}

/// Whether a file begins as the system's shared libraries do (ELF, or the forms of Mach-O).
fn begins_as_library(path: &Path) -> std::io::Result<bool> {
    const BEGINNINGS: [[u8; 4]; 5] = [
        *b"\x7fELF",
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xce, 0xfa, 0xed, 0xfe],
        [0xca, 0xfe, 0xba, 0xbe],
        [0xca, 0xfe, 0xba, 0xbf],
    ];
    let mut start = Vec::new();
    text_input::open(path, Origin::Found)?.take(4).read_to_end(&mut start)?;
    Ok(BEGINNINGS.iter().any(|beginning| start == beginning))
}

fn line(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Passed => "ok",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "–",
    };
    format!("{verdict:<6}  {:<28}  {}\n", finding.title, finding.detail)
}
