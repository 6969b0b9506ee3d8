//! Actions about what is drawn: prompt, size, seed, sampler, terminal rule, overlay.

use crate::tui::app::{App, At, Done};
use sigmalab_engine::noise;
use sigmalab_schedule::edit::commands;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use std::collections::BTreeMap;

impl App {
    pub(in crate::tui) fn set_prompt(&mut self, text: &str) -> Done {
        if text.trim().is_empty() {
            return Err("a prompt needs words: say what to draw".to_owned());
        }
        self.document.prompt = text.to_owned();
        self.settings_changed();
        Ok(None)
    }

    pub(in crate::tui) fn set_size(&mut self, text: &str) -> Done {
        let size: Size = text
            .parse()
            .map_err(|error: sigmalab_schedule::size::ParseSizeError| error.to_string())?;
        let before = self.document.proxy();
        self.document.set_size(size);
        self.settings_changed();
        let gone = match (before, self.document.proxy()) {
            (Some(before), None) => {
                format!("; the proxy size {before} is no longer smaller, so it is off")
            }
            _ => String::new(),
        };
        Ok(Some(format!("{size}: σ is shifted for it{gone}")))
    }

    /// `off`, or a size smaller than the image.
    pub(in crate::tui) fn set_proxy_size(&mut self, text: &str) -> Done {
        let proxy: Option<Size> = match text.trim() {
            "off" => None,
            text => Some(
                text.parse()
                    .map_err(|error: sigmalab_schedule::size::ParseSizeError| error.to_string())?,
            ),
        };
        let size = self.document.size();
        if !self.document.set_proxy(proxy) {
            return Err(format!(
                "a proxy is smaller than the image, which is {size}: give a smaller size, or off"
            ));
        }
        self.settings_changed();
        Ok(Some(match proxy {
            Some(proxy) => format!("runs are drawn at {proxy} with the σ of {size}"),
            None => format!("runs are drawn at {size}"),
        }))
    }

    pub(in crate::tui) fn set_seed(&mut self, text: &str) -> Done {
        self.document.seed = match text.trim() {
            "random" => noise::random_seed(),
            number => number
                .parse()
                .map_err(|_| format!("`{number}` is not a seed: give a whole number, or random"))?,
        };
        self.settings_changed();
        Ok(Some(format!("seed {}", self.document.seed)))
    }

    pub(in crate::tui) fn lock_seed(&mut self) -> Done {
        self.document.seed_locked = !self.document.seed_locked;
        Ok(Some(match self.document.seed_locked {
            true => format!("every run has seed {}", self.document.seed),
            false => "every run gets a new seed".to_owned(),
        }))
    }

    /// `euler`, or a name and parameters: `NAME key=value …`. Parameters not named get their
    /// defaults.
    pub(in crate::tui) fn set_sampler(&mut self, text: &str) -> Done {
        let mut words = text.split_whitespace();
        let id = words.next().ok_or("name a sampler")?.to_owned();
        let mut params = BTreeMap::new();
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| format!("`{word}` is not a parameter: write key=value"))?;
            let value = match crate::tui::screens::editor::parse_number(value) {
                Ok(number) => number,
                // A choice by its name, on or off.
                Err(_) => {
                    self.samplers.read_value(&id, key, value).map_err(|error| error.to_string())?
                }
            };
            params.insert(key.to_owned(), value);
        }
        let chosen = self.samplers.choose(&id, &params).map_err(|error| error.to_string())?;
        let keys = chosen.info.params.iter().map(|param| param.key.to_string());
        // All of them, as a run writes them into its recipe.
        self.document.sampler.params = keys.zip(chosen.params).collect();
        self.document.sampler.id = id;
        self.settings_changed();
        Ok(None)
    }

    pub(in crate::tui) fn set_terminal(&mut self, argument: Option<&str>) -> Done {
        let terminal: Terminal = match argument {
            Some(text) => text
                .parse()
                .map_err(|error: sigmalab_schedule::terminal::TerminalError| error.to_string())?,
            None => match self.document.draft().terminal {
                Terminal::Reference => Terminal::Zero,
                Terminal::Zero => Terminal::Reference,
            },
        };
        let changed = commands::set_terminal(self.document.draft(), terminal);
        self.document
            .change(changed, &format!("terminal {terminal}"), None)
            .map_err(|error| error.to_string())?;
        Ok(Some(format!("the last step ends at σ {:.6}", terminal.sigma().0)))
    }

    /// Draws the curves of the named preset beside; without a name, of the next one in the file.
    pub(in crate::tui) fn overlay(&mut self, argument: Option<&str>) -> Done {
        self.other = match argument {
            Some("none") => None,
            Some(name) => Some(self.store.get(name).map_err(|error| error.to_string())?.clone()),
            None => {
                let presets = self.store.presets();
                let now = self
                    .other
                    .as_ref()
                    .and_then(|other| presets.iter().position(|preset| preset.name == other.name));
                presets.get(now.map_or(0, |now| now + 1)).cloned()
            }
        };
        Ok(Some(match &self.other {
            Some(other) => format!("the curves of {} are drawn too", other.name),
            None => "only these curves are drawn".to_owned(),
        }))
    }

    /// Something other than the schedule changed that the image depends on.
    pub(in crate::tui) fn settings_changed(&mut self) {
        if self.run_on_edit {
            self.run_or_again(At::Set);
        }
    }
}
