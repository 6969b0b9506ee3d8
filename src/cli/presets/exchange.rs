//! `sigmalab presets export` and `import`: schedules for and from other programs.

use super::super::failure::Failure;
use super::super::preset_flags::PresetFlags;
use super::super::print;
use super::super::size_flags::SizeFlags;
use clap::Args;
use sigmalab::schedule::exchange::{self, Tool};
use sigmalab::schedule::preset::is_preset_name;
use sigmalab::schedule::preset_file::writer::preset_text;
use sigmalab::schedule::size::Size;
use std::io::Read;
use std::path::PathBuf;

/// Most bytes of text that are read.
const LIMIT: u64 = 16 << 20;

/// What an imported preset is called where neither the text nor a flag names it.
const NAMELESS: &str = "IMPORTED";

/// The arguments of `presets export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Its name
    name: String,
    /// The tool: reference (an entry of its PRESETS), diffusers (arguments of the pipeline's
    /// call), comfyui (a workflow to load or to post) or sd.cpp (flags of its command line)
    #[arg(long, value_name = "TOOL")]
    to: Tool,
    #[command(flatten)]
    size: SizeFlags,
    #[command(flatten)]
    presets: PresetFlags,
}

/// The arguments of `presets import`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file; `-` reads standard input
    file: PathBuf,
    /// The tool whose form it is: reference, diffusers, comfyui (a workflow from its menu's
    /// Export (API)) or sd.cpp
    #[arg(long, value_name = "TOOL")]
    from: Tool,
    /// Name of the preset [default: the text's, else IMPORTED]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    size: SizeFlags,
}

/// Prints the preset in the tool's form, and a warning where the tool cannot follow.
pub(super) fn export(arguments: &Export) -> Result<(), Failure> {
    let preset = arguments.presets.load()?.find(Some(&arguments.name), |name| {
        format!("sigmalab presets export {name} --to {}", arguments.to)
    })?;
    let size = arguments.size.resolve(Size::SQUARE)?;
    let export = exchange::export(&preset, size, arguments.to);
    if let Some(what) = &export.cannot_follow {
        print::warning(what);
    }
    print::result(&export.text)
}

/// Prints the preset as a table of a presets file.
pub(super) fn import(arguments: &Import) -> Result<(), Failure> {
    let text = read(&arguments.file)?;
    let size = arguments.size.resolve(Size::SQUARE)?;
    let mut import = exchange::import(&text, arguments.from, NAMELESS, size).map_err(|error| {
        Failure::bad_input(format_args!("{}: {error}", arguments.file.display()))
    })?;
    if let Some(name) = &arguments.name {
        if !is_preset_name(name) {
            return Err(Failure::bad_input(format_args!("`{name}` is no name for a preset"))
                .way_out("--name MY_PRESET"));
        }
        import.preset.name.clone_from(name);
    }
    for note in &import.notes {
        print::warning(note);
    }
    print::result(&preset_text(&import.preset))
}

fn read(path: &PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    let source: std::io::Result<Box<dyn Read>> = if path.as_os_str() == "-" {
        Ok(Box::new(std::io::stdin().lock()))
    } else {
        std::fs::File::open(path).map(|file| Box::new(file) as Box<dyn Read>)
    };
    source.and_then(|source| source.take(LIMIT + 1).read_to_string(&mut text)).map_err(
        |error| Failure::bad_input(format_args!("cannot read `{}`: {error}", path.display())),
    )?;
    if text.len() as u64 > LIMIT {
        return Err(Failure::bad_input(format_args!(
            "`{}` is too large for a schedule",
            path.display()
        )));
    }
    Ok(text)
}
