//! An application on a small preset, keys as text, and the grid as text.

use sigmalab::preset_store::Store;
use sigmalab::tui::app::{App, Effect, Setup};
use sigmalab::tui::cell::{Cell, GridColumn};
use sigmalab::tui::keymap::Keymap;
use sigmalab::tui::theme::Theme;
use sigmalab_schedule::size::Size;
use sigmalab_terminal::capabilities::Background;
use sigmalab_terminal::colours::ColourDepth;
use sigmalab_terminal::input::Input;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An application in a folder of its own.
pub(crate) struct Workbench {
    pub(crate) app: App,
    pub(crate) effects: Vec<Effect>,
    /// Removed with it.
    folder: Option<TempDir>,
}

impl Workbench {
    /// With this text as its presets file; without, the built-in presets.
    pub(crate) fn with(presets: Option<&str>, screen: (u16, u16)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("presets.toml");
        if let Some(text) = presets {
            std::fs::write(&path, text).unwrap();
        }
        Workbench { folder: Some(folder), ..Workbench::at(&path, screen) }
    }

    /// With that presets file, which is not written.
    pub(crate) fn at(path: &Path, screen: (u16, u16)) -> Self {
        let app = App::new(Setup {
            store: Store::open(path).unwrap(),
            keymap: Keymap::defaults(),
            theme: Theme::new(ColourDepth::True, Background::Dark),
            model: "demo".to_owned(),
            size: Size::new(256, 256).unwrap(),
            prompt: "a red circle on a blue background".to_owned(),
            seed: 42,
            screen,
        });
        Workbench { app, effects: Vec::new(), folder: None }
    }

    /// Its presets file.
    pub(crate) fn presets(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("presets.toml")
    }

    /// Presses keys with a space between; `"text"` in quotes is typed letter by letter.
    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            match key.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(text) => text.chars().for_each(|c| self.key(&c.to_string())),
                None => self.key(key),
            }
        }
    }

    fn key(&mut self, key: &str) {
        let effects = self.app.handle(Input::Key(key.parse().unwrap()));
        self.effects.extend(effects);
    }

    /// What was said last.
    pub(crate) fn said(&self) -> &str {
        self.app.message().map_or("", |message| &message.text)
    }

    #[track_caller]
    pub(crate) fn says(&self, part: &str) {
        let said = self.said();
        assert!(said.contains(part), "no `{part}` in: {said}");
    }

    /// The calls that were recorded.
    pub(crate) fn records(&self) -> Vec<String> {
        let calls = self.effects.iter().filter_map(|effect| match effect {
            Effect::Record(call) => Some(call.to_string()),
            _ => None,
        });
        calls.collect()
    }

    /// What was copied last.
    pub(crate) fn copied(&self) -> Option<String> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Clipboard(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// The grid: a row a step, the cursor's cell in brackets, other selected cells in braces.
    pub(crate) fn grid(&self) -> String {
        let (app, grid) = (&self.app, self.app.grid());
        let block = grid.is_range().then(|| grid.block()).flatten();
        let mut rows = Vec::new();
        for step in 0..app.document().len() {
            let mut row = Vec::new();
            for column in [GridColumn::Gw, GridColumn::Mu, GridColumn::Std] {
                let cell = Cell { step, column };
                let value = app.document().value(cell).unwrap();
                let selected = |column| block.is_some_and(|block| block.contains(step, column));
                row.push(if grid.cursor == cell {
                    format!("[{value}]")
                } else if column.column().is_some_and(selected) {
                    format!("{{{value}}}")
                } else {
                    value.to_string()
                });
            }
            rows.push(row.join(" "));
        }
        rows.join("\n")
    }
}
