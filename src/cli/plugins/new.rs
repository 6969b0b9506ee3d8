//! `sigmalab plugins new`: a project around a sampler that works, with everything it needs beside
//! it.

use crate::cli::failure::Failure;
use crate::cli::print;
use clap::{Args, ValueEnum};
use sigmalab_files::unfinished;
use sigmalab_sampler_templates::{File, Language, NAMESPACE, library_name, project};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = "The project needs nothing that is not in it: no network, no packages. In \
Rust it needs cargo, in C a C compiler.

Examples:
  sigmalab plugins new my-solver
  sigmalab plugins new my-solver --lang c ~/solvers/my-solver")]
pub(crate) struct New {
    /// Name of the sampler: lower-case letters, digits and `-`
    name: String,

    /// Language
    #[arg(long = "lang", value_enum, default_value = "rust")]
    language: LanguageFlag,

    /// Folder of the project; it must be empty or not exist [default: NAME]
    folder: Option<PathBuf>,
}

/// `--lang`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LanguageFlag {
    Rust,
    C,
}

impl From<LanguageFlag> for Language {
    fn from(flag: LanguageFlag) -> Self {
        match flag {
            LanguageFlag::Rust => Language::Rust,
            LanguageFlag::C => Language::C,
        }
    }
}

/// Writes the project and says what to do next.
pub(crate) fn run(arguments: &New) -> Result<(), Failure> {
    let New { name, language, folder } = arguments;
    let bad_name = |error| Failure::bad_input(format_args!("`{name}`: {error}"));
    let files = project((*language).into(), name).map_err(bad_name)?;
    let library = library_name(name).map_err(bad_name)?;
    let folder = folder.clone().unwrap_or_else(|| PathBuf::from(name));
    let shown = folder.display();
    let is_new = is_new(&folder)
        .map_err(|error| Failure::bad_input(format_args!("cannot read `{shown}`: {error}")))?;
    if !is_new {
        return Err(Failure::bad_input(format_args!(
            "`{shown}` is there already and holds something: nothing was written"
        ))
        .way_out(format_args!(
            "sigmalab plugins new {name} FOLDER with a folder that is not there"
        )));
    }
    write(&files, &folder).map_err(|error| {
        Failure::failed(format_args!("cannot write the project to `{shown}`: {error}"))
    })?;
    let ending = if cfg!(target_os = "macos") { "dylib" } else { "so" };
    let (build, built) = match language {
        LanguageFlag::Rust => ("cargo build --release", format!("target/release/lib{library}")),
        LanguageFlag::C => ("sh build.sh", format!("lib{library}")),
    };
    // The C project names its library alike everywhere.
    let ending = if *language == LanguageFlag::C { "so" } else { ending };
    let place = Path::new(&built).parent().map_or(".".into(), |place| match place.as_os_str() {
        empty if empty.is_empty() => ".".into(),
        place => place.to_string_lossy(),
    });
    print::result(&format!(
        "{name} is in `{shown}`; README.md there explains it. Next:
  cd {shown}
  {build}
  sigmalab plugins check {built}.{ending}
  SIGMALAB_PLUGIN_PATH={place} sigmalab generate --sampler {NAMESPACE}.{name} --prompt \"a red circle\"
"
    ))
}

/// Whether nothing is in the folder yet.
fn is_new(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes the files beside the folder first and moves them there as a whole, so that a folder of
/// that name holds a whole project or none.
fn write(files: &[File], folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let parent = folder.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent)?;
    // A folder like any other: what the user's mask allows.
    let everything = fs::Permissions::from_mode(0o777);
    unfinished::clear(parent);
    let draft = tempfile::Builder::new()
        .prefix(unfinished::PREFIX)
        .suffix(unfinished::SUFFIX)
        .permissions(everything)
        .tempdir_in(parent)?;
    let _held = unfinished::hold_folder(draft.path())?;
    for file in files {
        let path = draft.path().join(file.path);
        if let Some(inside) = path.parent() {
            fs::create_dir_all(inside)?;
        }
        fs::write(path, &file.contents)?;
    }
    // Takes the place of an empty folder, and of nothing else.
    fs::rename(draft.path(), &folder)?;
    let _ = draft.keep();
    Ok(())
}
