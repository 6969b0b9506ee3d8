//! `sigmalab` without a command: the workbench, on the screen or played from a file.

use super::devices;
use super::failure::{Exit, Failure};
use super::memory_flags::MemoryFlags;
use super::model_flags::{self, ModelFlags};
use super::preset_flags::PresetFlags;
use super::prompt::unreadable;
use super::samplers;
use super::text_input::{self, Origin};
use super::values::device;
use clap::Args;
use sigmalab::history::{DEFAULT_QUOTA, History, data_folder};
use sigmalab::preset_store::Store;
use sigmalab::tui::app::{App, Setup};
use sigmalab::tui::configuration::Configuration;
use sigmalab::tui::keymap::Keymap;
use sigmalab::tui::play::play;
use sigmalab::tui::recovery::{self, Recovery};
use sigmalab::tui::runtime::{self, Beside, Choices, Ended};
use sigmalab::tui::screens::gallery::when::ago;
use sigmalab::tui::screens::sweeps::folders::SweepFolders;
use sigmalab::tui::theme::Theme;
use sigmalab_compute::DeviceChoice;
use sigmalab_engine::folders::cache_folder;
use sigmalab_engine::memory_size::MemorySize;
use sigmalab_engine::worker::{Engine, EngineOptions};
use sigmalab_files::planted::planted_link;
use sigmalab_files::shared_folder::{append_to_private, make_private_folder};
use sigmalab_sampler::Samplers;
use sigmalab_sampler::plugin::{Effort, discover, follow};
use sigmalab_terminal::capabilities::{Background, Capabilities};
use sigmalab_terminal::picture::{ProtocolType, protocol_named};
use sigmalab_text::text_file;
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is drawn until somebody says something else: the demo checkpoint knows it.
const FIRST_PROMPT: &str = "a red circle on a blue background";

/// Seed of the first run; S changes it.
const FIRST_SEED: u64 = 42;

/// Names the configuration folder.
const CONFIG_VARIABLE: &str = "SIGMALAB_CONFIG";

/// Name of the keymap in the user's configuration folder.
pub(super) const KEYMAP: &str = "keymap.toml";

/// Name of the configuration there.
pub(super) const CONFIGURATION: &str = "config.toml";

/// The file in the data folder that says that the tour was shown.
const TOUR: &str = "tour-shown";

/// Most bytes of a keymap or played file that are read.
const LIMIT: u64 = 1 << 20;

/// The flags of the workbench.
#[derive(Debug, Args)]
pub(crate) struct Workbench {
    #[command(flatten)]
    model: ModelFlags,

    #[command(flatten)]
    memory: MemoryFlags,

    /// Where the networks run: cpu, cuda, cuda:N or metal [default: cpu]
    #[arg(long, value_name = "DEVICE", value_parser = device, help_heading = "Model")]
    device: Option<DeviceChoice>,

    #[command(flatten)]
    presets: PresetFlags,

    /// Play a file of actions without a screen, one a line; `-` is standard input
    #[arg(long, value_name = "FILE", help_heading = "Workbench")]
    play: Option<PathBuf>,

    /// Write every action that is done to a file that --play can play
    #[arg(long, value_name = "FILE", help_heading = "Workbench", conflicts_with = "play")]
    record: Option<PathBuf>,

    /// How images are shown [default: image-protocol of config.toml, else as the terminal can]
    #[arg(
        long,
        value_name = "auto|kitty|sixel|iterm2|half-blocks",
        value_parser = image_protocol,
        help_heading = "Workbench"
    )]
    image_protocol: Option<ImageProtocol>,

    /// Pass images through tmux to the terminal around it; tmux must allow it
    #[arg(long, help_heading = "Workbench")]
    tmux_passthrough: bool,

    /// Keys [default: sigmalab/keymap.toml in your configuration folder, else the built-in ones]
    #[arg(long, value_name = "FILE.toml", help_heading = "Workbench")]
    keymap: Option<PathBuf>,
}

/// A protocol, or none to leave it to the terminal.
#[derive(Debug, Clone, Copy)]
struct ImageProtocol(Option<ProtocolType>);

fn image_protocol(text: &str) -> Result<ImageProtocol, String> {
    match text {
        "auto" => Ok(ImageProtocol(None)),
        name => protocol_named(name)
            .map(|protocol| ImageProtocol(Some(protocol)))
            .map_err(|error| error.to_string()),
    }
}

/// Opens the workbench, or plays a file.
pub(crate) fn run(arguments: &Workbench) -> Result<(), Failure> {
    check_terminal(arguments)?;
    let keymap = keymap(arguments.keymap.as_deref())?;
    let configuration = configuration()?;
    let card = arguments.device.map_or(Ok(None), devices::card)?.map(|card| card.name);
    let model = arguments.model.name()?;
    let mut app = application(arguments, keymap, &configuration, &model)?;
    if let Some(device) = arguments.device {
        app.use_device(device, card);
    }
    let discovery = samplers::discovery();
    // The first frame waits for no process; a file that is played waits for all of them.
    let effort = if arguments.play.is_some() { Effort::Normal } else { Effort::Cached };
    let samplers = Samplers::with(discover(&discovery, effort));
    app.set_samplers(samplers.clone());
    let memory_limit = arguments.memory.limit()?;
    let mut engine = Engine::new(EngineOptions {
        log: log(),
        named_model: Some(model),
        samplers,
        memory_limit,
        ..EngineOptions::default()
    });
    if let Some(file) = &arguments.play {
        return play_file(file, &mut app, &mut engine, memory_limit);
    }
    let record = match &arguments.record {
        Some(path) => Some(record_to(path)?),
        None => None,
    };
    let follow_samplers: runtime::FollowSamplers = Box::new(move |tell| {
        follow(&discovery, &mut |listing| tell(Samplers::with(listing)));
    });
    let choices = Choices {
        pictures: match arguments.image_protocol {
            Some(ImageProtocol(choice)) => choice,
            None => configuration.image_protocol,
        },
        tmux_passthrough: arguments.tmux_passthrough || configuration.tmux_passthrough,
        colours: configuration.colours,
        background: configuration.background,
    };
    let data = data_folder();
    match data.as_deref().and_then(recovery::take_abandoned) {
        Some((unsaved, written)) => app.restore(&unsaved, &ago(SystemTime::now(), written)),
        None if data.as_deref().is_some_and(is_first_start) => app.begin_tour(),
        None => {}
    }
    let recovery = Recovery::under(data.as_deref());
    let history = kept(data.as_deref());
    let samplers = app.samplers().clone();
    let beside = Beside { history, follow_samplers, samplers, sweeps: sweep_folders(memory_limit) };
    match runtime::run(&mut app, &mut engine, choices, record, recovery, beside) {
        Ok(Ended::Left | Ended::TerminalGone) => Ok(()),
        Ok(Ended::Interrupted) => Err(Failure::new(
            Exit::Interrupted,
            match app.unsaved() {
                Some(_) => "interrupted; unsaved edits will be back at the next start",
                None => "interrupted; there were no unsaved edits",
            },
        )),
        Err(error) => Err(Failure::failed(error)),
    }
}

/// The file that actions are written to.
fn record_to(path: &Path) -> Result<File, Failure> {
    let refused = |problem: &dyn std::fmt::Display| {
        Failure::bad_input(format_args!("--record `{}`: {problem}", path.display()))
    };
    if let Some(link) = planted_link(path) {
        let link = link.display();
        return Err(refused(&format_args!("the link `{link}` belongs to another user")));
    }
    File::create(path).map_err(|error| refused(&error))
}

/// Refuses to draw where nothing can be drawn.
fn check_terminal(arguments: &Workbench) -> Result<(), Failure> {
    let drawn = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    // A terminal of that name obeys no escapes: an editor's shell, a build's log.
    if arguments.play.is_none() && drawn && std::env::var_os("TERM").is_some_and(|t| t == "dumb") {
        return Err(Failure::bad_input(
            "the workbench needs a terminal that it can draw on, and TERM is `dumb`",
        )
        .way_out("TERM=xterm-256color sigmalab, if the terminal understands escapes after all")
        .way_out("sigmalab --help for the commands that need none"));
    }
    if !drawn && arguments.play.is_none() {
        return Err(Failure::bad_input("the workbench needs a terminal to draw on")
            .way_out("sigmalab --help for the commands that need none")
            .way_out("sigmalab --play FILE to play actions without a screen"));
    }
    Ok(())
}

/// The application as it begins, with what is missing said.
fn application(
    arguments: &Workbench,
    keymap: Keymap,
    configuration: &Configuration,
    model: &str,
) -> Result<App, Failure> {
    let presets = arguments.presets.save_path();
    let store = Store::open(&presets).map_err(Failure::bad_input_in_lines)?;
    let size = model_flags::default_size_offline(model)?;
    let known = Capabilities::of_this_process();
    let background = configuration.background.or(known.background).unwrap_or(Background::Dark);
    let mut app = App::new(Setup {
        store,
        keymap,
        theme: Theme::new(configuration.colours.unwrap_or(known.colours), background),
        model: model.to_owned(),
        size,
        prompt: FIRST_PROMPT.to_owned(),
        seed: FIRST_SEED,
        screen: (80, 24),
    });
    let presets = &arguments.presets;
    let no_presets = presets.missing().or_else(|| presets.not_yet_there());
    let no_presets = no_presets.map(|missing| format!("{missing}; saving a preset makes the file"));
    let missing: Vec<_> = no_presets.into_iter().chain(model_flags::not_here(model)).collect();
    if !missing.is_empty() {
        app.trouble(&missing.join(" · "));
    }
    Ok(app)
}

/// Does what a file of actions says.
fn play_file(
    file: &Path,
    app: &mut App,
    engine: &mut Engine,
    memory_limit: Option<MemorySize>,
) -> Result<(), Failure> {
    let name = file.display().to_string();
    let text = match file == Path::new("-") {
        true => text_file::read(std::io::stdin().lock(), LIMIT)
            .map_err(|error| unreadable("standard input", error))?,
        false => read_file(file, Origin::Named)?,
    };
    let mut out = std::io::stdout().lock();
    let history = kept(data_folder().as_deref());
    let beside = (history, sweep_folders(memory_limit));
    play(app, engine, beside, &text, &name, &mut out).map_err(|error| {
        if error.is_bad_input() { Failure::bad_input(&error) } else { Failure::failed(&error) }
    })
}

/// The keys of the file that is named, else of the user's own, else the defaults.
pub(super) fn keymap(named: Option<&Path>) -> Result<Keymap, Failure> {
    let named = named.map(|path| (path.to_owned(), Origin::Named));
    let Some((path, origin)) = named.or_else(|| Some((own_file(KEYMAP)?, Origin::Found))) else {
        return Ok(Keymap::defaults());
    };
    let text = read_file(&path, origin)?;
    Keymap::parse(&text, &path.display().to_string()).map_err(Failure::bad_input_in_lines)
}

/// Where experiments and run directories are: beside where somebody works, and experiments of their
/// own in the configuration folder.
fn sweep_folders(memory_limit: Option<MemorySize>) -> SweepFolders {
    let here = Some(PathBuf::from("experiments"));
    let own = configuration_folder().map(|folder| folder.join("experiments"));
    SweepFolders {
        here: PathBuf::new(),
        experiments: here.into_iter().chain(own).collect(),
        runs: PathBuf::from("runs"),
        memory_limit,
    }
}

/// Whether the workbench never ran with this data folder. It is asked once: from then on it did.
/// Where that cannot be noted, nobody is shown the same tour every time.
fn is_first_start(data: &Path) -> bool {
    let seen = data.join(TOUR);
    !seen.exists() && make_private_folder(data).is_ok() && File::create_new(&seen).is_ok()
}

/// Where finished runs are kept.
fn kept(data: Option<&Path>) -> Option<History> {
    data.map(|data| History::under(data, DEFAULT_QUOTA))
}

/// The text of the user's own file and its name, where there is one.
pub(super) fn own_configuration() -> Result<Option<(String, String)>, Failure> {
    let Some(path) = own_file(CONFIGURATION) else { return Ok(None) };
    Ok(Some((read_file(&path, Origin::Found)?, path.display().to_string())))
}

/// What the user's own file says, where there is one.
pub(super) fn configuration() -> Result<Configuration, Failure> {
    let Some(path) = own_file(CONFIGURATION) else { return Ok(Configuration::default()) };
    Configuration::parse(&read_file(&path, Origin::Found)?, &path.display().to_string())
        .map_err(Failure::bad_input_in_lines)
}

/// A file of the user's configuration folder, where it exists.
pub(super) fn own_file(name: &str) -> Option<PathBuf> {
    Some(configuration_folder()?.join(name)).filter(|path| path.exists())
}

/// The user's configuration folder: `SIGMALAB_CONFIG`, else the platform's.
pub(super) fn configuration_folder() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    match std::env::var_os(CONFIG_VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => Some(etcetera::choose_base_strategy().ok()?.config_dir().join("sigmalab")),
    }
}

/// Where the worker's libraries print: the screen is not theirs.
fn log() -> Option<PathBuf> {
    let folder = cache_folder()?;
    make_private_folder(&folder).ok()?;
    let log = folder.join("worker.log");
    // Whoever writes to it reports what is wrong with it.
    drop(append_to_private(&log));
    Some(log)
}

fn read_file(path: &Path, origin: Origin) -> Result<String, Failure> {
    text_input::read(path, origin, LIMIT)
        .map_err(|error| unreadable(&format!("`{}`", path.display()), error))
}
