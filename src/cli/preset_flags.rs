//! Which presets file counts, and finding a preset in it.

use super::failure::Failure;
use super::print;
use super::text_input::{self, Origin};
use clap::Args;
use sigmalab_schedule::free::{FREE, FreeParameters};
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::preset_file::{PresetFile, UnknownPreset};
use sigmalab_text::text_file::{self, TextError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// The environment variable behind `--presets`.
const VARIABLE: &str = "SIGMALAB_PRESETS";

/// Name of the file in the current folder and in the user's configuration folder.
const FILE_NAME: &str = "presets.toml";

/// Most bytes of a presets file that are read.
const LIMIT: u64 = 16 << 20;

/// The flag that names a presets file.
#[derive(Debug, Clone, Args)]
pub(crate) struct PresetFlags {
    /// Presets file [default: $SIGMALAB_PRESETS, else ./presets.toml, else sigmalab/presets.toml
    /// in your configuration folder, else the built-in one]. Where SIGMALAB_PRESETS names a file
    /// that is not there, the built-in presets count, and saving in the workbench makes it
    #[arg(long, value_name = "FILE", help_heading = "Presets")]
    presets: Option<PathBuf>,
}

/// The presets there are, and where they come from.
#[derive(Debug)]
pub(crate) struct Presets {
    /// The file; `None` for the built-in one.
    pub(crate) path: Option<PathBuf>,
    /// Its presets.
    pub(crate) file: PresetFile,
    builtin: PresetFile,
}

/// A presets file, and how it came to count.
struct Chosen {
    path: PathBuf,
    /// Why it was read, where nobody named it.
    because: Option<&'static str>,
}

impl PresetFlags {
    /// Reads the presets file that counts.
    pub(crate) fn load(&self) -> Result<Presets, Failure> {
        let builtin = builtin()?;
        let Some(Chosen { path, because }) = self.chosen() else {
            return Ok(Presets { path: None, file: builtin.clone(), builtin });
        };
        if let Some(missing) = self.missing() {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| print::warning(missing));
            return Ok(Presets { path: None, file: builtin.clone(), builtin });
        }
        let origin = if because.is_some() { Origin::Found } else { Origin::Named };
        let file = read(&path, origin).map_err(|failure| match because {
            Some(because) => failure
                .line(format_args!("`{}` was read because {because}", path.display()))
                .way_out("--presets FILE to read another one in its place"),
            None => failure,
        })?;
        Ok(Presets { path: Some(path), file, builtin })
    }

    /// The preset of that name, see [`Presets::find`]. A file that nobody named and that cannot
    /// be read does not stand in the way of a built-in preset: it costs a warning.
    pub(crate) fn find(
        &self,
        name: Option<&str>,
        use_it: impl Fn(&str) -> String,
        warnings: &mut Vec<String>,
    ) -> Result<Preset, Failure> {
        let failure = match self.load() {
            Ok(presets) => return presets.find(name, use_it),
            Err(failure) => failure,
        };
        let unnamed = self.chosen().filter(|chosen| chosen.because.is_some());
        let (Some(Chosen { path, .. }), Some(name)) = (unnamed, name) else { return Err(failure) };
        let Some(preset) = built_in(name, &builtin()?)? else { return Err(failure) };
        let first = &failure.message;
        let place = path.display();
        warnings
            .push(format!("`{place}` cannot be read and is skipped; {name} is built in: {first}"));
        Ok(preset)
    }

    /// That the environment names a file which is not there, where it does. The rule is one for
    /// all that reads presets: then the built-in ones count, and no other file.
    pub(crate) fn missing(&self) -> Option<String> {
        let named = self.presets.is_none().then(|| std::env::var_os(VARIABLE)).flatten();
        let path = PathBuf::from(named.filter(|path| !path.is_empty())?);
        // A link that leads nowhere and a folder without permission are there, and are told of.
        let gone = path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        gone.then(|| {
            format!(
                "`{}`, which {VARIABLE} names, is not there: the built-in presets are used",
                path.display()
            )
        })
    }

    /// That a file is not there which the flag or the environment names: the workbench begins without
    /// it and makes it.
    pub(crate) fn not_yet_there(&self) -> Option<String> {
        let named = self.presets.as_ref().filter(|path| !path.exists())?;
        Some(format!("`{}` is not there: the built-in presets are used", named.display()))
    }

    /// Where the workbench reads presets from and saves them to, whether it is there or not.
    pub(crate) fn save_path(&self) -> PathBuf {
        self.chosen().map_or_else(|| PathBuf::from(FILE_NAME), |chosen| chosen.path)
    }

    /// A named file must exist; the other places are looked at.
    fn chosen(&self) -> Option<Chosen> {
        let named = |path| Some(Chosen { path, because: None });
        if let Some(path) = &self.presets {
            return named(path.clone());
        }
        if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            return named(path.into());
        }
        let here = PathBuf::from(FILE_NAME);
        let configured = etcetera::choose_base_strategy().ok().map(|folders| {
            use etcetera::BaseStrategy as _;
            folders.config_dir().join("sigmalab").join(FILE_NAME)
        });
        let here = (Some(here), "a file of that name in the current folder counts");
        let configured = (configured, "it is in your configuration folder");
        [here, configured].into_iter().find_map(|(path, because)| {
            let path = path.filter(|path| path.exists())?;
            Some(Chosen { path, because: Some(because) })
        })
    }
}

fn builtin() -> Result<PresetFile, Failure> {
    PresetFile::builtin().map_err(Failure::failed)
}

/// The preset of that name that is there whatever file counts, if there is one.
fn built_in(name: &str, builtin: &PresetFile) -> Result<Option<Preset>, Failure> {
    if name == FREE {
        return FreeParameters::default().preset().map(Some).map_err(Failure::failed);
    }
    Ok(builtin.get(name).ok().cloned())
}

/// Reads one presets file.
fn read(path: &Path, origin: Origin) -> Result<PresetFile, Failure> {
    let name = path.display().to_string();
    let opened = text_input::open(path, origin).map_err(|error| {
        Failure::bad_input(format_args!("cannot read presets `{name}`: {error}"))
    })?;
    read_from(opened, &name)
}

/// Reads a presets file whose name somebody typed, or standard input for `-`; and its name.
pub(crate) fn read_named(path: &Path) -> Result<(PresetFile, String), Failure> {
    if path == Path::new("-") {
        let name = "standard input";
        return Ok((read_from(std::io::stdin().lock(), name)?, name.to_owned()));
    }
    Ok((read(path, Origin::Named)?, path.display().to_string()))
}

fn read_from(from: impl Read, name: &str) -> Result<PresetFile, Failure> {
    let text = text_file::read(from, LIMIT).map_err(|error| match error {
        TextError::TooLarge(_) => {
            Failure::bad_input(format_args!("`{name}` is too large for a presets file"))
        }
        error => Failure::bad_input(format_args!("cannot read presets `{name}`: {error}")),
    })?;
    PresetFile::parse(&text, name).map_err(Failure::bad_input_in_lines)
}

impl Presets {
    /// The preset of that name: `none`, one of the file, or one of the built-in ones, which are
    /// there whatever file counts. Without a name, the file's default. `use_it` says how a preset
    /// is named where this one was.
    pub(crate) fn find(
        &self,
        name: Option<&str>,
        use_it: impl Fn(&str) -> String,
    ) -> Result<Preset, Failure> {
        let Some(name) = name else { return Ok(self.file.default_preset().clone()) };
        if name != FREE
            && let Ok(preset) = self.file.get(name)
        {
            return Ok(preset.clone());
        }
        if let Some(preset) = built_in(name, &self.builtin)? {
            return Ok(preset);
        }
        let unknown = self.unknown(name);
        let failure = Failure::bad_input(&unknown);
        let failure = match unknown.nearest.first() {
            Some(near) => failure.way_out(use_it(near)),
            None => failure,
        };
        Err(failure.way_out("sigmalab presets list"))
    }

    /// What is wrong with a preset's name, where there is no such preset.
    pub(crate) fn problem(&self, name: &str) -> Option<String> {
        let known = name == FREE || [&self.file, &self.builtin].iter().any(|f| f.get(name).is_ok());
        (!known).then(|| self.unknown(name).to_string())
    }

    /// The built-in presets that can be named beside the file's own.
    pub(crate) fn builtin_beside(&self) -> impl Iterator<Item = &Preset> {
        let own = |preset: &&Preset| self.file.get(&preset.name).is_err();
        self.builtin.presets().iter().filter(own)
    }

    /// `name` is neither in the file nor built in: what it looks like in both, and all of both.
    fn unknown(&self, name: &str) -> UnknownPreset {
        let files = [&self.file, &self.builtin];
        let unknown = files.into_iter().filter_map(|file| file.get(name).err());
        let mut all = UnknownPreset { name: name.to_owned(), nearest: vec![], names: vec![] };
        for UnknownPreset { nearest, names, .. } in unknown {
            for (to, from) in [(&mut all.nearest, nearest), (&mut all.names, names)] {
                for name in from {
                    if !to.contains(&name) {
                        to.push(name);
                    }
                }
            }
        }
        all
    }

    /// Where they come from, in words.
    pub(crate) fn origin(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "built-in".to_owned(),
        }
    }
}
