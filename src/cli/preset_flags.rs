//! Which presets file counts, and finding a preset in it.

use super::failure::Failure;
use clap::Args;
use sigmalab::schedule::free::{FREE, FreeParameters};
use sigmalab::schedule::preset::Preset;
use sigmalab::schedule::preset_file::PresetFile;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The environment variable behind `--presets`.
const VARIABLE: &str = "SIGMALAB_PRESETS";

/// Name of the file in the current folder and in the user's configuration folder.
const FILE_NAME: &str = "presets.toml";

/// Most bytes of a presets file that are read.
const LIMIT: u64 = 16 << 20;

/// The flag that names a presets file.
#[derive(Debug, Args)]
pub(crate) struct PresetFlags {
    /// Presets file [default: $SIGMALAB_PRESETS, else ./presets.toml, else sigmalab/presets.toml
    /// in your configuration folder, else the built-in one]
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

impl PresetFlags {
    /// Reads the presets file that counts.
    pub(crate) fn load(&self) -> Result<Presets, Failure> {
        let path = self.path();
        let builtin = PresetFile::builtin().map_err(Failure::failed)?;
        let file = match &path {
            Some(path) => read(path)?,
            None => builtin.clone(),
        };
        Ok(Presets { path, file, builtin })
    }

    /// Where the workbench reads presets from and saves them to, whether it is there or not.
    pub(crate) fn save_path(&self) -> PathBuf {
        self.path().unwrap_or_else(|| PathBuf::from(FILE_NAME))
    }

    /// A named file must exist; the other places are looked at.
    fn path(&self) -> Option<PathBuf> {
        if let Some(path) = &self.presets {
            return Some(path.clone());
        }
        if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            return Some(path.into());
        }
        let here = PathBuf::from(FILE_NAME);
        let configured = etcetera::choose_base_strategy().ok().map(|folders| {
            use etcetera::BaseStrategy as _;
            folders.config_dir().join("sigmalab").join(FILE_NAME)
        });
        [Some(here), configured].into_iter().flatten().find(|path| path.exists())
    }
}

/// Reads one presets file.
pub(crate) fn read(path: &Path) -> Result<PresetFile, Failure> {
    let name = path.display().to_string();
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LIMIT + 1).read_to_string(&mut text))
        .map_err(|error| {
            Failure::bad_input(format_args!("cannot read presets `{name}`: {error}"))
        })?;
    if text.len() as u64 > LIMIT {
        return Err(Failure::bad_input(format_args!("`{name}` is too large for a presets file")));
    }
    PresetFile::parse(&text, &name).map_err(Failure::bad_input)
}

impl Presets {
    /// The preset of that name: `none`, one of the file, or one of the built-in ones, which are
    /// there whatever file counts. Without a name, the file's default.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<Preset, Failure> {
        let Some(name) = name else { return Ok(self.file.default_preset().clone()) };
        if name == FREE {
            return FreeParameters::default().preset().map_err(Failure::failed);
        }
        self.file
            .get(name)
            .or_else(|unknown| {
                self.builtin.get(name).map_err(|builtin| {
                    // Of the two, the file's own names are the better help, unless only the
                    // built-in ones have a name like it.
                    let unknown = if unknown.nearest.is_empty() { builtin } else { unknown };
                    let failure = Failure::bad_input(&unknown);
                    let failure = match unknown.nearest.first() {
                        Some(near) => failure.way_out(format_args!("--sampler-preset {near}")),
                        None => failure,
                    };
                    failure.way_out("sigmalab presets list")
                })
            })
            .cloned()
    }

    /// Where they come from, in words.
    pub(crate) fn origin(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "built-in".to_owned(),
        }
    }
}
