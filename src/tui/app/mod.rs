//! The application: what is on the screen and what every input does to it. It changes state and
//! asks for effects; it writes to no terminal, starts no process and draws through `&self`.

mod asking;
mod mouse;
mod perform;
mod running;
mod settings;
mod tour;

pub use crate::tui::screens::Screen;
pub(super) use asking::how_found;
pub(super) use perform::count;

use crate::preset_store::Store;
use crate::tui::action::{Action, Argument, Call};
use crate::tui::document::Document;
use crate::tui::keymap::{Context, Keymap};
use crate::tui::line::Line;
use crate::tui::recovery::Unsaved;
use crate::tui::runs::Runs;
use crate::tui::screens;
use crate::tui::screens::compare::{Comparing, Comparison, ComparisonJob};
use crate::tui::screens::editor::grid::Grid;
use crate::tui::screens::gallery::{Gallery, GalleryWork};
use crate::tui::screens::samplers::SamplerList;
use crate::tui::screens::sweeps::{SweepWork, Sweeps};
use crate::tui::theme::Theme;
use ratatui::layout::Rect;
use sigmalab_compute::DeviceChoice;
use sigmalab_engine::recipe::Recipe;
use sigmalab_sampler::Samplers;
use sigmalab_schedule::free::FREE;
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::size::Size;
use sigmalab_terminal::input::Input;
use sigmalab_terminal::key::{Key, KeyCode, Modifiers};
use sigmalab_terminal::meter::ByteMeter;
use sigmalab_terminal::picture::ProtocolType;
use std::path::PathBuf;
use std::time::Instant;

/// What an application begins with.
#[derive(Debug)]
pub struct Setup {
    /// The presets.
    pub store: Store,
    /// The keys.
    pub keymap: Keymap,
    /// The colours.
    pub theme: Theme,
    /// Name of the checkpoint.
    pub model: String,
    /// Image size to begin with.
    pub size: Size,
    /// Prompt to begin with.
    pub prompt: String,
    /// Seed to begin with.
    pub seed: u64,
    /// Columns and rows of the terminal.
    pub screen: (u16, u16),
}

/// Something the application asks of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Make this image.
    Run(Box<Recipe>),
    /// Stop the run that is going.
    Cancel,
    /// Give up the worker, which does not stop it.
    ReplaceWorker,
    /// Compute what lies between two runs, on another thread, and tell [`App::compared`].
    Compare(Box<ComparisonJob>),
    /// Work for the gallery's thread.
    Gallery(GalleryWork),
    /// Work for the threads of sweeps.
    Sweeps(SweepWork),
    /// Let somebody edit a file, and tell [`App::edited`].
    Edit(PathBuf),
    /// Put text into the terminal's clipboard.
    Clipboard(String),
    /// Print a line on standard output, in `--play`.
    Print(String),
    /// Remember what was done, in `--record`.
    Record(Call),
    /// Show pictures in this way; `None` as the terminal can.
    PictureProtocol(Option<ProtocolType>),
    /// Say how many bytes were written to the terminal.
    CountBytes,
    /// Draw everything again, images too.
    Redraw,
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Go back to the shell.
    Suspend,
    /// Leave.
    Quit,
}

/// Something that takes the keys for itself until it is answered.
#[derive(Debug, Clone)]
pub(super) enum Asking {
    /// An input line for an action's argument.
    Line(LineAsk),
    /// The palette.
    Palette { line: Line, chosen: usize },
    /// The keys, narrowed by what is typed.
    Help(Line),
    /// A question before something that cannot be undone.
    Question { text: String, call: Call },
    /// One of several ways to go on.
    Choice(Choice),
    /// Something to read.
    Text(Reading),
}

impl Asking {
    /// Whether it is a value for the grid, and nothing is wrong with it.
    pub(super) fn is_value(&self) -> bool {
        matches!(self, Asking::Line(ask) if ask.is_value())
    }
}

/// Several ways to go on.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) title: String,
    /// What it is about.
    pub(super) text: String,
    /// In words, and what each does.
    pub(super) ways: Vec<(String, Call)>,
    pub(super) chosen: usize,
}

/// Something to read, in lines.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) title: String,
    pub(super) lines: Vec<(Tone, String)>,
}

/// How a line to read is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Head,
    Aside,
    Warning,
}

/// An input line for an action's argument.
#[derive(Debug, Clone)]
pub(super) struct LineAsk {
    pub(super) action: Action,
    pub(super) line: Line,
    /// Whether the first character replaces the text.
    pub(super) fresh: bool,
    /// What stands before the text in the argument, such as a parameter's `eta=`; an input line
    /// that is written out with a `=` of its own says it itself.
    pub(super) before: String,
    /// What it takes, where that is more than the action says.
    pub(super) hint: Option<String>,
    /// The preset that it is about, which keeps the list from meaning another one meanwhile.
    pub(super) preset: Option<String>,
    /// What went wrong with it.
    pub(super) problem: Option<String>,
}

impl LineAsk {
    /// A line that begins with a text, which typing replaces.
    pub(super) fn new(action: Action, text: &str) -> Self {
        let (line, fresh) = (Line::new(text), !text.is_empty());
        let (before, hint, preset, problem) = (String::new(), None, None, None);
        LineAsk { action, line, fresh, before, hint, preset, problem }
    }

    /// The argument that it makes.
    pub(super) fn argument(&self) -> String {
        let text = self.line.text();
        match text.contains('=') {
            true => text,
            false => format!("{}{text}", self.before),
        }
    }

    /// Whether it is a value for the grid, and nothing is wrong with it.
    pub(super) fn is_value(&self) -> bool {
        self.action == Action::Set && self.problem.is_none()
    }
}

/// A line about what was done last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The line.
    pub text: String,
    /// Whether something went wrong.
    pub is_problem: bool,
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
    /// The preset under the cursor of the presets screen.
    pub(super) chosen_preset: usize,
    pub(super) gallery: Gallery,
    pub(super) sweeps: Sweeps,
    pub(super) sampler_list: SamplerList,
    /// The revision under the cursor of their screen.
    pub(super) chosen_revision: usize,
    /// What the presets in the list have in their names or descriptions.
    pub(super) preset_filter: String,
    pub(super) run_on_edit: bool,
    /// The run that follows the one that is going.
    pub(super) run_again: Option<At>,
    /// A and B.
    pub(super) comparing: Comparing,
    /// Whether what each step did is shown where it usually is not, and the other way round.
    pub(super) measures_toggled: bool,
    /// Whether the image has the whole screen of the editor.
    pub(super) image_zoomed: bool,
    /// Whether the grid shows every column, whatever room that leaves beside it.
    pub(super) all_columns: bool,
    /// What the mouse is in the middle of.
    pointer: mouse::Pointer,
    /// Whether the mouse is ours.
    has_mouse: bool,
    /// The preset whose curves are drawn beside.
    pub(super) other: Option<Preset>,
    /// What was yanked last.
    pub(super) yanked: Option<String>,
    pub(super) searched: Option<String>,
    /// The samplers there are.
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
            chosen_preset: 0,
            gallery: Gallery::default(),
            sweeps: Sweeps::default(),
            sampler_list: SamplerList::default(),
            chosen_revision: 0,
            preset_filter: String::new(),
            run_on_edit: false,
            run_again: None,
            comparing: Comparing::default(),
            measures_toggled: false,
            image_zoomed: false,
            all_columns: false,
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

    /// Cursor and selection.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The finished runs.
    pub fn gallery(&self) -> &Gallery {
        &self.gallery
    }

    /// Experiments and run directories.
    pub fn sweeps(&self) -> &Sweeps {
        &self.sweeps
    }

    /// The runs.
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

    fn key(&mut self, key: &Key) {
        self.message = None;
        self.pressed(key);
        // One question to the system, whatever the key did.
        self.notice_presets();
    }

    /// The keys that one key may have been. Where a terminal writes alt with a key as an escape and
    /// that key, the escape key and another typed right after it look the same: what means nothing
    /// with alt was both.
    pub fn apart(&self, key: Key) -> Vec<Key> {
        let is_alt = key.modifiers == Modifiers::ALT && matches!(key.code, KeyCode::Char(_));
        let context = self.context();
        let types = matches!(context, Context::Line | Context::Palette) && Line::knows(&key);
        if !is_alt || types || self.keymap.call(context, &key).is_some() {
            return vec![key];
        }
        vec![KeyCode::Esc.into(), key.code.into()]
    }

    fn pressed(&mut self, key: &Key) {
        let context = self.context();
        if self.is_count(key) {
            return;
        }
        if self.image_zoomed && context == Context::Grid && !self.works_while_zoomed(key) {
            self.image_zoomed = false;
            return;
        }
        if let Some(call) = self.keymap.call(context, key).cloned() {
            // What went wrong is on the screen; here nobody waits for it.
            let _ = self.perform(&call);
            return;
        }
        match &mut self.asking {
            Some(Asking::Line(ask)) => {
                if ask.fresh && (is_text(key) || deletes(key)) {
                    ask.line = Line::default();
                }
                ask.fresh = false;
                ask.problem = None;
                ask.line.key(key);
                match ask.action {
                    Action::FilterPresets => self.preset_filter = ask.line.text(),
                    Action::FilterTrials => {
                        let text = ask.line.text();
                        self.show_only(&text);
                    }
                    _ => {}
                }
            }
            Some(Asking::Palette { line, chosen }) => {
                line.key(key);
                *chosen = 0;
            }
            Some(Asking::Help(line)) => {
                line.key(key);
                self.scroll = 0;
            }
            Some(_) => {}
            None if context == Context::Grid => self.begin_value(key),
            None => {}
        }
    }

    /// Whether a key does something that is seen while the image hides the grid. Any other key leads
    /// back to the grid, which nobody edits unseen.
    fn works_while_zoomed(&self, key: &Key) -> bool {
        let own = [Action::Zoom, Action::Undo, Action::Redo, Action::Save, Action::SaveAs];
        let is_own = |call: &Call| own.contains(&call.action);
        self.keymap.call(Context::Grid, key).is_some_and(is_own)
            || self.keymap.call(Context::Global, key).is_some()
    }

    /// A digit begins a value, and so do a point and a minus.
    fn begin_value(&mut self, key: &Key) {
        if let KeyCode::Char(c) = key.code
            && is_text(key)
            && (c.is_ascii_digit() || matches!(c, '.' | '-' | '−'))
        {
            let ask = LineAsk::new(Action::Set, &c.to_string());
            self.asking = Some(Asking::Line(LineAsk { fresh: false, ..ask }));
        }
    }

    /// A motion after digits: the digits were its count, not a value.
    fn is_count(&mut self, key: &Key) -> bool {
        let Some(Asking::Line(ask)) = &self.asking else { return false };
        let digits = ask.line.text();
        let counts = ask.action == Action::Set
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && is_text(key);
        let call = self.keymap.call(Context::Grid, key).filter(|_| counts);
        let Some(action) = call
            .map(|call| call.action)
            .filter(|action| matches!(action.argument(), Argument::Optional("steps" | "columns")))
        else {
            return false;
        };
        self.asking = None;
        let _ = self.perform(&Call::with(action, digits));
        true
    }

    fn pasted(&mut self, text: &str) {
        match &mut self.asking {
            // Lines matter to what it reads; an input line has only one.
            Some(Asking::Line(ask)) if ask.action == Action::ImportPreset && is_long(text) => {
                self.asking = None;
                let _ = self.perform(&Call::with(Action::ImportPreset, text));
            }
            Some(Asking::Line(ask)) => {
                if std::mem::take(&mut ask.fresh) {
                    ask.line = Line::default();
                }
                ask.line.insert(text);
            }
            Some(Asking::Palette { line, .. } | Asking::Help(line)) => line.insert(text),
            Some(_) => {}
            None => self.screen.component().pasted(self, text),
        }
    }

    /// Says what was done, and remembers it.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.tell(Message { text: text.into(), is_problem: false });
    }

    /// Says what went wrong, and remembers it.
    pub(super) fn complain(&mut self, text: impl Into<String>) {
        self.tell(Message { text: text.into(), is_problem: true });
    }

    fn tell(&mut self, message: Message) {
        self.write_down(message.clone());
        self.message = Some(message);
    }

    /// Into the log alone.
    pub(super) fn write_down(&mut self, message: Message) {
        const MOST: usize = 1000;
        if self.log.len() >= MOST {
            self.log.remove(0);
        }
        self.log.push(message);
    }

    /// What is worked on and not saved, the schedule or the prompt and settings beside it;
    /// `None` where nothing would be lost.
    pub fn unsaved(&self) -> Option<Unsaved> {
        let name = self.document.draft().name.clone();
        let recipe = self.document.recipe();
        let beside = |recipe: &Recipe| {
            let Recipe { prompt, size, noise, sampler, .. } = recipe.clone();
            (prompt, size, noise, sampler)
        };
        let lost = self.document.is_edited() || beside(&recipe) != beside(&self.opening);
        lost.then(|| Unsaved::new(name, recipe))
    }

    /// Brings back what an earlier session did not save `ago`, as one step of undo.
    pub fn restore(&mut self, unsaved: &Unsaved, ago: &str) {
        let earlier = self.message.take().map(|message| format!(" · {}", message.text));
        match self.store.get(&unsaved.name).cloned() {
            // Into an untouched document this cannot fail; if it did, the edits still come.
            Ok(preset) => drop(self.document.load(&preset)),
            Err(_) => self.document.named(&unsaved.name),
        }
        match self.document.load_recipe(&unsaved.recipe, "edits of the last session") {
            Ok(()) => {
                let undo = self.key_of(Action::Undo);
                let name = match unsaved.name.as_str() {
                    FREE => "unnamed steps",
                    name => name,
                };
                self.say(format!(
                    "restored unsaved edits of {name}, kept {ago}; {undo} undoes that{}",
                    earlier.unwrap_or_default()
                ));
            }
            Err(error) => self.complain(format!("unsaved edits could not be restored: {error}")),
        }
        self.fit();
    }

    /// Something went wrong beside the application.
    pub fn trouble(&mut self, report: &str) {
        report.lines().for_each(|line| self.complain(line));
    }

    /// How the terminal shows pictures.
    pub fn set_picture_protocol(&mut self, protocol: ProtocolType) {
        self.protocol = Some(protocol);
    }

    /// Says how many bytes were written to the terminal.
    pub fn say_bytes(&mut self, meter: &ByteMeter) {
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        self.say(format!(
            "written to the terminal: {:.1} KiB of frames, {:.1} KiB of pictures, {:.1} KiB of \
             modes and questions, in {} writes",
            kib(meter.frames),
            kib(meter.pictures),
            kib(meter.control),
            meter.writes
        ));
    }

    /// Runs are made there, in the number format that is usual there.
    pub fn use_device(&mut self, device: DeviceChoice) {
        self.document.device = device;
        self.document.dtype = device.usual_dtype();
        self.opening = self.document.recipe();
    }

    /// What would be printed, into the log, line by line.
    pub fn note(&mut self, text: &str) {
        text.lines().for_each(|line| self.say(line));
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
        if !shown.contains(&self.chosen_preset) {
            let after = shown.iter().copied().find(|at| *at > self.chosen_preset);
            self.chosen_preset = after.or(shown.last().copied()).unwrap_or(0);
        }
    }
}

/// Whether a text has several lines.
fn is_long(text: &str) -> bool {
    text.trim_end().contains('\n')
}

/// Whether a key deletes what is selected.
fn deletes(key: &Key) -> bool {
    matches!(key.code, KeyCode::Backspace | KeyCode::Delete)
}

/// Whether a key types a character.
fn is_text(key: &Key) -> bool {
    matches!(key.code, KeyCode::Char(_))
        && !key.modifiers.contains(Modifiers::CTRL)
        && !key.modifiers.contains(Modifiers::ALT)
}
