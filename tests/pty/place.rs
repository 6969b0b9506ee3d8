//! A folder that a program under test lives in: home, settings, caches and data are all within,
//! so that nothing of the user's is read or written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_sigmalab");

/// Presets that are quick to draw, the default first.
const PRESETS: &str = "\
[QUICK]
mu = 0.5
std = 1.75
runs = [{ steps = 3, gw = 3.0 }, { steps = 1, gw = 2.0 }]

[LONG]
mu = 0.0
std = 1.75
runs = [{ steps = 400, gw = 3.0 }]
";

/// A folder, removed with it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// With presets that are quick to draw.
    pub(crate) fn new() -> Self {
        let place = Place::with_built_in_presets();
        std::fs::write(place.path("presets.toml"), PRESETS).unwrap();
        place
    }

    /// With no presets file.
    pub(crate) fn with_built_in_presets() -> Self {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        // As after the first start, which offers a tour.
        std::fs::create_dir(place.path("data")).unwrap();
        std::fs::write(place.path("data/tour-shown"), "").unwrap();
        place
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The whole environment of a program that runs here.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let within = |name: &str| self.path(name).into_os_string();
        vec![
            ("HOME", within("home")),
            ("XDG_CONFIG_HOME", within("config")),
            ("XDG_CACHE_HOME", within("xdg-cache")),
            ("XDG_DATA_HOME", within("xdg-data")),
            ("XDG_STATE_HOME", within("state")),
            ("SIGMALAB_DATA", within("data")),
            ("SIGMALAB_CACHE", within("cache")),
            ("SIGMALAB_PRESETS", within("presets.toml")),
            ("HF_HUB_OFFLINE", "1".into()),
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "xterm-256color".into()),
        ]
    }
}
