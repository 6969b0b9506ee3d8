//! `sigmalab presets export` and `import`: schedules for and from other programs.

use super::super::failure::Failure;
use super::super::preset_flags::PresetFlags;
use super::super::print;
use super::super::size_flags::SizeFlags;
use super::super::text_input::open_or_stdin;
use clap::Args;
use sigmalab::preset_store::check_name;
use sigmalab_engine::image_file::{Exchanged, read_exchanged};
use sigmalab_schedule::exchange::{self, Tool};
use sigmalab_schedule::preset_file::writer::preset_text;
use sigmalab_schedule::size::Size;
use std::path::{Path, PathBuf};

/// What an imported preset is called where neither the text nor a flag names it.
const NAMELESS: &str = "IMPORTED";

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

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file, for comfyui also a PNG that it saved; `-` reads standard input
    file: PathBuf,
    /// The tool whose form it is: reference, diffusers, comfyui (a workflow from its menu's
    /// Export (API)) or sd.cpp
    #[arg(long, value_name = "TOOL")]
    from: Tool,
    /// Name of the preset [default: the text's, else IMPORTED]; of several in the text, the one to
    /// import [default: all]
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

/// Prints the presets as tables of a presets file.
pub(super) fn import(arguments: &Import) -> Result<(), Failure> {
    let path = arguments.file.display();
    let text = read(&arguments.file, arguments.from)?;
    let size = arguments.size.resolve(Size::SQUARE)?;
    let found = match &arguments.name {
        Some(name) => exchange::import_wanted(&text, arguments.from, name, NAMELESS, size),
        None => exchange::import_all(&text, arguments.from, NAMELESS, size),
    };
    let mut imports = found.map_err(|error| Failure::bad_input(format_args!("{path}: {error}")))?;
    if let Some(name) = &arguments.name {
        check_name(name).map_err(|problem| {
            Failure::bad_input(format_args!("--name: {problem}")).way_out("--name MY_PRESET")
        })?;
        match imports.as_mut_slice() {
            // The only one gets the name; of several it says which is meant.
            [only] => only.preset.name.clone_from(name),
            several => {
                let names: Vec<String> =
                    several.iter().map(|import| import.preset.name.clone()).collect();
                imports.retain(|import| import.preset.name == *name);
                if imports.is_empty() {
                    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                    return Err(Failure::bad_input(format_args!(
                        "{path}: there is no `{name}` in it; it has {}",
                        names.join(", ")
                    ))
                    .way_out("leave out --name to import all of them"));
                }
            }
        }
    }
    let several = imports.len() > 1;
    for import in &imports {
        for note in &import.notes {
            match several {
                true => print::warning(format_args!("{}: {note}", import.preset.name)),
                false => print::warning(note),
            }
        }
    }
    let tables: Vec<String> = imports.iter().map(|import| preset_text(&import.preset)).collect();
    print::result(&tables.join("\n"))
}

fn read(path: &Path, from: Tool) -> Result<String, Failure> {
    let (source, shown) = open_or_stdin(path)?;
    let read = read_exchanged(source)
        .map_err(|error| Failure::bad_input(format_args!("cannot read {shown}: {error}")))?;
    match read {
        Exchanged::Text(text) => Ok(text),
        Exchanged::Workflow(text) if from == Tool::ComfyUi => Ok(text),
        Exchanged::Workflow(_) => Err(Failure::bad_input(format_args!(
            "{shown} is a picture with a ComfyUI workflow, not text for {from}"
        ))
        .way_out("--from comfyui")),
    }
}
