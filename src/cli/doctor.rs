//! `sigmalab doctor`: what the program finds around it, with a line of advice for what is not well.
//! Text that a bug report can carry: no secrets, no contents of files.

use super::failure::Failure;
use super::generate::show::{self, Show};
use super::model_flags::ModelFlags;
use super::preset_flags::PresetFlags;
use super::{print, samplers, workbench};
use clap::Args;
use sigmalab::history::data_folder;
use sigmalab_engine::folders::cache_folder;
use sigmalab_engine::worker::cuda::{CudaWorker, Missing};
use sigmalab_image::RgbImage;
use sigmalab_kernels::InstructionSet;
use sigmalab_model::hub::{HubSettings, looks_like_repository};
use sigmalab_sampler::Samplers;
use sigmalab_sampler::plugin::{Effort, discover};
use sigmalab_terminal::capabilities::Capabilities;
use sigmalab_terminal::picture::{ProtocolType, choose, protocol_name};
use sigmalab_terminal::tty;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab doctor
  sigmalab doctor > report.txt

The exit code is 0, whatever is found.")]
pub(crate) struct Doctor {
    #[command(flatten)]
    model: ModelFlags,

    #[command(flatten)]
    presets: PresetFlags,

    /// How the test picture is shown: auto, never, kitty, sixel, iterm2 or half-blocks
    #[arg(long, value_name = "auto|never|PROTOCOL", default_value = "auto")]
    show: Show,
}

/// What is written down: facts, and below one that is not well what to do.
#[derive(Default)]
struct Sheet {
    text: String,
    advice: usize,
}

impl Sheet {
    fn fact(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "{name:<12}  {value}");
    }

    fn advise(&mut self, advice: impl std::fmt::Display) {
        self.advice += 1;
        let advice = print::one_line(&advice.to_string());
        let _ = writeln!(self.text, "{:<12}  → {advice}", "");
    }
}

/// Looks around and tells.
pub(crate) fn run(arguments: &Doctor) -> Result<(), Failure> {
    let mut sheet = Sheet::default();
    program(&mut sheet);
    let protocol = terminal(&mut sheet);
    processor(&mut sheet);
    checkpoint(&mut sheet, &arguments.model);
    presets(&mut sheet, &arguments.presets);
    plugins(&mut sheet);
    folders(&mut sheet);
    own_files(&mut sheet);
    let end = match sheet.advice {
        0 => "all is well".to_owned(),
        number => format!("{} to look at, marked →", print::counted(number, "thing")),
    };
    sheet.fact("in short", end);
    print::result(&sheet.text)?;
    // Auto shows a test picture in whatever way there is: that is what is to be seen here.
    let show = if arguments.show == Show::Auto { Show::As(protocol) } else { arguments.show };
    show::picture(show, &test_picture());
    Ok(())
}

fn program(sheet: &mut Sheet) {
    let build = if cfg!(debug_assertions) { ", a debug build" } else { "" };
    sheet.fact("sigmalab", format_args!("{}{build}", env!("CARGO_PKG_VERSION")));
    if let Ok(path) = std::env::current_exe() {
        sheet.fact("program", path.display());
    }
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    sheet.fact(
        "system",
        format_args!(
            "{} {} {}",
            text(system.sysname()),
            text(system.release()),
            text(system.machine())
        ),
    );
}

fn terminal(sheet: &mut Sheet) -> ProtocolType {
    let mut known = Capabilities::of_this_process();
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| "not set".to_owned());
    let is_one = std::io::stdout().is_terminal();
    match tty::measure().ok().filter(|_| is_one) {
        Some(measured) => {
            let (cells, pixels) = (measured.cells, measured.pixels);
            known.measured((pixels.width, pixels.height), (cells.width, cells.height));
            let brand =
                known.brand.map_or("unknown brand".to_owned(), |brand| format!("{brand:?}"));
            sheet.fact(
                "terminal",
                format_args!(
                    "{brand}, {}×{} cells, TERM {}",
                    cells.width,
                    cells.height,
                    variable("TERM")
                ),
            );
            if cells.width < 80 || cells.height < 24 {
                sheet.advise("the workbench wants 80×24 cells or more: enlarge the window");
            }
        }
        None => sheet.fact("terminal", "standard output is not a terminal"),
    }
    let protocol = choose(&known, None);
    sheet.fact("colours", format_args!("{:?}, COLORTERM {}", known.colours, variable("COLORTERM")));
    sheet.fact(
        "pictures",
        format_args!("{}, by what the environment says", protocol_name(protocol)),
    );
    if is_one && protocol == ProtocolType::Halfblocks {
        sheet.advise(
            "a terminal with kitty, iTerm2 or sixel images shows more, see docs/terminals.md; if \
             this one has them, the workbench finds out by asking it, and --image-protocol tells \
             it",
        );
    }
    protocol
}

fn processor(sheet: &mut Sheet) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let chosen = InstructionSet::chosen();
    let best = InstructionSet::available().into_iter().max().unwrap_or(chosen);
    let name = |set: InstructionSet| match set {
        InstructionSet::Scalar => "any processor",
        InstructionSet::Avx2 => "AVX2",
        InstructionSet::Avx512 => "AVX-512",
    };
    let (kernels, cores) = (name(chosen), print::counted(cores, "core"));
    sheet.fact("processor", format_args!("{cores}, kernels for {kernels}"));
    if chosen < best {
        let best = name(best);
        sheet.advise(format_args!("SIGMALAB_KERNELS limits them: this processor can do {best}"));
    } else if chosen == InstructionSet::Scalar {
        sheet.advise("fast kernels exist only for x86-64 with AVX2: computing takes longer here");
    }
    let metal = if cfg!(feature = "metal") { ", metal" } else { "" };
    match CudaWorker::find() {
        Ok(worker) => {
            sheet.fact("devices", format_args!("cpu{metal}"));
            for device in &worker.report.devices {
                sheet.fact("", device);
            }
        }
        // Most machines are meant to be without.
        Err(missing @ Missing::Worker) => {
            sheet.fact("devices", format_args!("cpu{metal}; no GPU: {missing}"));
        }
        Err(missing) => {
            sheet.fact("devices", format_args!("cpu{metal}"));
            sheet.advise(missing);
        }
    }
}

fn checkpoint(sheet: &mut Sheet, model: &ModelFlags) {
    match model.name() {
        Ok(name) => {
            sheet.fact("checkpoint", &name);
            let opened = super::model_flags::default_size_offline(&name);
            if let Err(failure) = opened {
                sheet.advise(&failure.message);
            }
        }
        Err(failure) => {
            sheet.fact("checkpoint", "none");
            sheet.advise(&failure.message);
        }
    }
    let hub = HubSettings::from_env();
    let there = if hub.cache.is_dir() { "" } else { ", which is not there yet" };
    let token = if hub.token.is_some() { "a token" } else { "no token" };
    let offline = if hub.offline { ", offline" } else { "" };
    sheet.fact("hub", format_args!("{}{there}; {token}{offline}", hub.cache.display()));
    let wanted = model.name().is_ok_and(|name| looks_like_repository(&name));
    if wanted && hub.token.is_none() && !hub.offline {
        sheet.advise("the weights of Ideogram 4 are gated: HF_TOKEN is needed to download them");
    }
}

fn presets(sheet: &mut Sheet, flags: &PresetFlags) {
    match flags.load() {
        Ok(presets) => {
            let number = print::counted(presets.file.presets().len(), "preset");
            sheet.fact("presets", format_args!("{}, {number}", presets.origin()));
            if let Some(missing) = flags.missing() {
                sheet.advise(missing);
            }
        }
        Err(failure) => {
            sheet.fact("presets", flags.save_path().display());
            sheet.advise(&failure.message);
        }
    }
}

fn plugins(sheet: &mut Sheet) {
    let samplers = Samplers::with(discover(&samplers::discovery(), Effort::Normal));
    let files = samplers.plugins().plugins.len();
    let built_in = samplers.all().count() - files;
    let plugins = print::counted(files, "plugin");
    sheet.fact("samplers", format_args!("{built_in} built in, {plugins}"));
    for plugin in &samplers.plugins().plugins {
        sheet.fact("", format_args!("{} in {}", plugin.info.id, plugin.file.path.display()));
    }
    for problem in &samplers.plugins().problems {
        sheet.advise(problem);
    }
}

fn folders(sheet: &mut Sheet) {
    let configuration = workbench::configuration_folder();
    for (name, folder, what) in [
        ("settings", configuration, "SIGMALAB_CONFIG"),
        ("data", data_folder(), "SIGMALAB_DATA"),
        ("cache", cache_folder(), "SIGMALAB_CACHE"),
    ] {
        let Some(folder) = folder else {
            sheet.fact(name, "no folder");
            sheet.advise(format_args!("no home folder is known: set {what} to a folder"));
            continue;
        };
        let there = if folder.is_dir() { "" } else { ", made when it is needed" };
        sheet.fact(name, format_args!("{}{there}", folder.display()));
        if !is_writable(&folder) {
            sheet.advise(format_args!("it cannot be written: set {what} to another folder"));
        }
    }
}

/// The user's own settings and keys, where there are some: the workbench does not start with what is
/// wrong in them.
fn own_files(sheet: &mut Sheet) {
    let settings = workbench::configuration().map(drop);
    let keys = workbench::keymap(None).map(drop);
    for (name, file, read) in
        [("config", workbench::CONFIGURATION, settings), ("keys", workbench::KEYMAP, keys)]
    {
        let Some(path) = workbench::own_file(file) else { continue };
        sheet.fact(name, path.display());
        if let Err(failure) = read {
            failure.lines().for_each(|problem| sheet.advise(problem));
        }
    }
}

/// Whether something can be made in a folder, or in the nearest one above that is there.
fn is_writable(folder: &Path) -> bool {
    // A relative one is in the current folder, which has no name above it.
    let Ok(folder) = std::path::absolute(folder) else { return false };
    let there = folder.ancestors().find(|folder| folder.exists());
    let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    there.is_some_and(|folder| rustix::fs::access(folder, wanted).is_ok())
}

/// Bars of the colours that screens mix, above a ramp of grey: what is wrong with a picture is seen
/// at once.
fn test_picture() -> RgbImage {
    const BARS: [[u8; 3]; 8] = [
        [255, 255, 255],
        [255, 255, 0],
        [0, 255, 255],
        [0, 255, 0],
        [255, 0, 255],
        [255, 0, 0],
        [0, 0, 255],
        [0, 0, 0],
    ];
    let (width, height) = (256_u32, 128_u32);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let bar = BARS.get(x as usize * BARS.len() / width as usize).copied();
            let grey = [(x * 255 / (width - 1)) as u8; 3];
            pixels.extend(if y < height * 2 / 3 { bar.unwrap_or_default() } else { grey });
        }
    }
    RgbImage { width, height, pixels }
}
