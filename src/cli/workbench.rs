//! `sigmalab` without a command: the workbench, on the screen or played from a file.

use super::failure::Failure;
use super::model_flags::{self, ModelFlags};
use super::preset_flags::PresetFlags;
use clap::Args;
use sigmalab::engine::worker::{Engine, EngineOptions};
use sigmalab::history::{self, History};
use sigmalab::terminal::capabilities::{Background, Capabilities};
use sigmalab::tui::app::{App, Setup};
use sigmalab::tui::keymap::Keymap;
use sigmalab::tui::play::play;
use sigmalab::tui::runtime;
use sigmalab::tui::store::Store;
use sigmalab::tui::theme::Theme;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// What is drawn until somebody says something else: the demo checkpoint knows it.
const FIRST_PROMPT: &str = "a red circle on a blue background";

/// Seed of the first run; S changes it.
const FIRST_SEED: u64 = 42;

/// Name of the keymap in the user's configuration folder.
const KEYMAP: &str = "keymap.toml";

/// Most bytes of a keymap or played file that are read.
const LIMIT: u64 = 1 << 20;

/// The flags of the workbench.
#[derive(Debug, Args)]
pub(crate) struct Workbench {
    #[command(flatten)]
    model: ModelFlags,

    #[command(flatten)]
    presets: PresetFlags,

    /// Play a file of actions without a screen, one a line; `-` is standard input
    #[arg(long, value_name = "FILE", help_heading = "Workbench")]
    play: Option<PathBuf>,

    /// Write every action that is done to a file that --play can play
    #[arg(long, value_name = "FILE", help_heading = "Workbench", conflicts_with = "play")]
    record: Option<PathBuf>,

    /// Keys [default: sigmalab/keymap.toml in your configuration folder, else the built-in ones]
    #[arg(long, value_name = "FILE.toml", help_heading = "Workbench")]
    keymap: Option<PathBuf>,
}

/// Opens the workbench, or plays a file.
pub(crate) fn run(arguments: &Workbench) -> Result<(), Failure> {
    let drawn = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !drawn && arguments.play.is_none() {
        return Err(Failure::bad_input("the workbench needs a terminal to draw on")
            .way_out("sigmalab --help for the commands that need none")
            .way_out("sigmalab --play FILE to play actions without a screen"));
    }
    let keymap = keymap(arguments.keymap.as_deref())?;
    let store = Store::open(&arguments.presets.save_path()).map_err(Failure::bad_input)?;
    let model = arguments.model.name()?;
    let size = model_flags::default_size_offline(&model)?;
    let capabilities = Capabilities::of_this_process();
    let background = capabilities.background.unwrap_or(Background::Dark);
    let mut app = App::new(Setup {
        store,
        keymap,
        theme: Theme::new(capabilities.colours, background),
        model,
        size,
        prompt: FIRST_PROMPT.to_owned(),
        seed: FIRST_SEED,
        screen: (80, 24),
    });
    let mut engine = Engine::new(EngineOptions { log: log(), ..EngineOptions::default() });
    if let Some(file) = &arguments.play {
        let name = file.display().to_string();
        let text = match file.as_path() == Path::new("-") {
            true => read(std::io::stdin().lock(), "standard input")?,
            false => read_file(file)?,
        };
        let mut out = std::io::stdout().lock();
        return play(&mut app, &mut engine, kept(), &text, &name, &mut out).map_err(|error| {
            if error.is_bad_input() { Failure::bad_input(&error) } else { Failure::failed(&error) }
        });
    }
    let record = match &arguments.record {
        Some(path) => Some(File::create(path).map_err(|error| {
            Failure::bad_input(format_args!("--record `{}`: {error}", path.display()))
        })?),
        None => None,
    };
    runtime::run(&mut app, &mut engine, record, kept()).map_err(|error| {
        Failure::failed(format_args!("the terminal could not be written: {error}"))
    })
}

/// The keys of the file that is named, else of the user's own, else the defaults.
fn keymap(named: Option<&Path>) -> Result<Keymap, Failure> {
    use etcetera::BaseStrategy as _;
    let own = || {
        let folders = etcetera::choose_base_strategy().ok()?;
        let path = folders.config_dir().join("sigmalab").join(KEYMAP);
        path.exists().then_some(path)
    };
    let Some(path) = named.map(Path::to_owned).or_else(own) else {
        return Ok(Keymap::defaults());
    };
    Keymap::parse(&read_file(&path)?, &path.display().to_string()).map_err(Failure::bad_input)
}

/// Where finished runs are kept.
fn kept() -> Option<History> {
    history::data_folder().map(|data| History::under(&data, history::DEFAULT_QUOTA))
}

/// Where the worker's libraries print: the screen is not theirs.
fn log() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    let folder = etcetera::choose_base_strategy().ok()?.cache_dir().join("sigmalab");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("worker.log"))
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    let file = File::open(path)
        .map_err(|error| Failure::bad_input(format_args!("cannot read `{name}`: {error}")))?;
    read(file, &name)
}

fn read(from: impl Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    from.take(LIMIT)
        .read_to_string(&mut text)
        .map_err(|error| Failure::bad_input(format_args!("cannot read `{name}`: {error}")))?;
    Ok(text)
}
