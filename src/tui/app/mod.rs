//! The application: what is on the screen and what every input does to it. It changes state and
//! asks for effects; it writes to no terminal, starts no process and draws through `&self`.

mod ask;
mod asking;
mod effect;
mod keys;
mod messages;
mod mouse;
mod perform;
mod running;
mod settings;
mod tour;
mod unsaved;

pub use crate::tui::screens::Screen;
pub(super) use ask::{Asking, Choice, LineAsk, Reading, Tone};
pub(super) use asking::how_found;
pub use effect::Effect;
pub use messages::Message;
pub(super) use perform::count;

use crate::preset_store::Store;
use crate::tui::action::Call;
use crate::tui::context::Context;
use crate::tui::document::Document;
use crate::tui::keymap::Keymap;
use crate::tui::runs::Runs;
use crate::tui::screens;
use crate::tui::screens::compare::{Comparing, Comparison};
use crate::tui::screens::editor::EditorView;
use crate::tui::screens::editor::grid::Grid;

use crate::tui::screens::gallery::Gallery;
use crate::tui::screens::presets::PresetList;
use crate::tui::screens::samplers::SamplerList;
use crate::tui::screens::sweeps::Sweeps;
use crate::tui::theme::Theme;
use ratatui::layout::Rect;
use sigmalab_compute::DeviceChoice;
use sigmalab_engine::recipe::Recipe;
use sigmalab_sampler::Samplers;
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::size::Size;
use sigmalab_terminal::input::Input;
use sigmalab_terminal::picture::ProtocolType;
use std::time::Instant;

/// What an application begins with.
#[derive(Debug)]
pub struct Setup {
    pub store: Store,
    pub keymap: Keymap,
    pub theme: Theme,
    /// Name of the checkpoint.
    pub model: String,
    /// Image size to begin with.
    pub size: Size,
    pub prompt: String,
    pub seed: u64,
    /// Columns and rows of the terminal.
    pub screen: (u16, u16),
}

/// The size of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The proxy size where there is one.
    Set,
    /// The image size.
    Full,
}

/// The application.
#[derive(Debug)]
pub struct App {
    pub(super) document: Document,
    /// The card that runs are made on, by its name, where it is known.
    pub(super) card: Option<String>,
    /// What the first run would have drawn.
    opening: Recipe,
    pub(super) grid: Grid,
    pub(super) runs: Runs,
    pub(super) store: Store,
    pub(super) keymap: Keymap,
    pub(super) theme: Theme,
    pub(super) screen: Screen,
    /// The step of the tour, while it is on.
    tour: Option<tour::Tour>,
    /// The screens that were passed on the way to it, the editor first.
    pub(super) way: Vec<Screen>,
    /// Whether it was said that runs cannot be written into the history.
    pub(super) told_of_history: bool,
    pub(super) asking: Option<Asking>,
    pub(super) message: Option<Message>,
    pub(super) log: Vec<Message>,
    /// Lines the log or help is scrolled down by.
    pub(super) scroll: usize,
    pub(super) preset_list: PresetList,
    pub(super) gallery: Gallery,
    pub(super) sweeps: Sweeps,
    pub(super) sampler_list: SamplerList,
    /// The revision under the cursor of their screen.
    pub(super) chosen_revision: usize,
    pub(super) run_on_edit: bool,
    /// The run that follows the one that is going.
    pub(super) run_again: Option<At>,
    pub(super) comparing: Comparing,
    pub(super) editor: EditorView,
    /// What the mouse is in the middle of.
    pointer: mouse::Pointer,
    /// Whether the mouse is ours.
    has_mouse: bool,
    /// The preset whose curves are drawn beside.
    pub(super) other: Option<Preset>,
    /// What was yanked last.
    pub(super) yanked: Option<String>,
    pub(super) searched: Option<String>,
    pub(super) samplers: Samplers,
    /// How pictures are shown, once it is known.
    pub(super) protocol: Option<ProtocolType>,
    pub(super) size: (u16, u16),
    effects: Vec<Effect>,
}

/// What an action did: a message, or why it could not.
pub(super) type Done = Result<Option<String>, String>;

impl App {
    /// The application as it starts: the default preset in the grid.
    pub fn new(setup: Setup) -> Self {
        let Setup { store, keymap, theme, model, size, prompt, seed, screen } = setup;
        let document = Document::new(store.default_preset(), size, model, prompt, seed);
        let mut app = App {
            opening: document.recipe(),
            document,
            card: None,
            grid: Grid::default(),
            runs: Runs::default(),
            store,
            keymap,
            theme,
            screen: Screen::Editor,
            tour: None,
            way: Vec::new(),
            told_of_history: false,
            asking: None,
            message: None,
            log: Vec::new(),
            scroll: 0,
            preset_list: PresetList::default(),
            gallery: Gallery::default(),
            sweeps: Sweeps::default(),
            sampler_list: SamplerList::default(),
            chosen_revision: 0,
            run_on_edit: false,
            run_again: None,
            comparing: Comparing::default(),
            editor: EditorView::default(),
            pointer: mouse::Pointer::default(),
            has_mouse: true,
            other: None,
            yanked: None,
            searched: None,
            samplers: Samplers::built_in(),
            protocol: None,
            size: screen,
            effects: Vec::new(),
        };
        app.fit();
        app
    }

    /// The samplers that can be chosen from now on.
    pub fn set_samplers(&mut self, samplers: Samplers) {
        self.samplers = samplers;
        if self.screen == Screen::Samplers {
            self.list_samplers();
        }
    }

    /// The samplers that can be chosen.
    pub fn samplers(&self) -> &Samplers {
        &self.samplers
    }

    /// Takes one input. What it asks of the world is in order.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        self.handle_at(input, Instant::now())
    }

    /// Takes one input that came at `now`: two clicks are a double click by their times.
    pub fn handle_at(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        if matches!(input, Input::Key(_) | Input::Paste(_)) {
            self.grid.follow();
        }
        match input {
            Input::Key(key) => self.key(&key),
            Input::Paste(text) => self.pasted(&text),
            Input::Mouse(mouse) => self.mouse(&mouse, now),
            Input::Resize(columns, rows) => self.size = (columns, rows),
            Input::Focus(true) => self.notice_presets(),
            Input::Focus(false) | Input::Reply(_) => {}
        }
        self.effects()
    }

    /// Does one action, as a line of a played file.
    pub fn play(&mut self, call: &Call) -> (Vec<Effect>, Result<(), String>) {
        self.message = None;
        let result = self.perform(call);
        let result = match &self.asking {
            Some(Asking::Question { text, .. }) => Err(text.clone()),
            Some(Asking::Choice(choice)) if result.is_ok() => Err(choice.text.clone()),
            _ => result,
        };
        self.asking = None;
        (self.effects(), result)
    }

    /// Colours that became known later.
    pub fn set_theme(&mut self, theme: Theme) {
        self.theme = theme;
    }

    /// What is being worked on.
    pub fn document(&self) -> &Document {
        &self.document
    }

    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    pub fn gallery(&self) -> &Gallery {
        &self.gallery
    }

    pub fn sweeps(&self) -> &Sweeps {
        &self.sweeps
    }

    pub fn runs(&self) -> &Runs {
        &self.runs
    }

    /// What was said last.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// The size of the terminal, as it was told last.
    pub fn area(&self) -> Rect {
        Rect::new(0, 0, self.size.0, self.size.1)
    }

    /// Where the keys go.
    pub(super) fn context(&self) -> Context {
        match (&self.asking, self.screen) {
            (Some(Asking::Line(_)), _) => Context::Line,
            (Some(Asking::Palette { .. } | Asking::Help(_)), _) => Context::Palette,
            (Some(Asking::Choice(_)), _) => Context::Choice,
            (Some(Asking::Text(_)), _) => Context::Reading,
            (Some(Asking::Question { .. }), _) => Context::Question,
            (None, screen) => screen.context(),
        }
    }

    /// Whether somebody types into an input line.
    pub(super) fn is_typing(&self) -> bool {
        matches!(self.asking, Some(Asking::Line(_)))
    }

    /// How the terminal shows pictures.
    pub fn set_picture_protocol(&mut self, protocol: ProtocolType) {
        self.protocol = Some(protocol);
    }

    /// Runs are made there, in the number format that is usual there. `card` is its name, where it is
    /// known.
    pub fn use_device(&mut self, device: DeviceChoice, card: Option<String>) {
        self.document.device = device;
        self.card = card;
        self.document.dtype = device.usual_dtype();
        self.opening = self.document.recipe();
    }

    pub(super) fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Takes what was asked of the world since.
    pub fn effects(&mut self) -> Vec<Effect> {
        self.follow_gallery();
        self.follow_sweeps();
        self.follow_tour();
        self.fit();
        if let Some(job) = self.comparing.wanted(&self.runs) {
            self.emit(Effect::Compare(Box::new(job)));
        }
        std::mem::take(&mut self.effects)
    }

    /// Takes what was computed of two runs.
    pub fn compared(&mut self, comparison: Comparison) -> Vec<Effect> {
        self.comparing.take(comparison);
        self.effects()
    }

    /// What is known of A and B.
    pub fn comparison(&self) -> Option<&Comparison> {
        self.comparing.of(&self.runs)
    }

    fn fit(&mut self) {
        let rows = screens::editor::draw::grid_rows(self);
        self.grid.fit(self.document.len(), rows);
        if self.screen == Screen::Compare {
            self.scroll = self.scroll.min(screens::compare::draw::most_scroll(self));
        }
        let shown = self.shown_presets();
        if !shown.contains(&self.preset_list.chosen) {
            let after = shown.iter().copied().find(|at| *at > self.preset_list.chosen);
            self.preset_list.chosen = after.or(shown.last().copied()).unwrap_or(0);
        }
    }
}
