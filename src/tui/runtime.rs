//! The loop around the application: everything that came in is taken, then at most one frame is
//! drawn. It sleeps until something happens; when nothing does, it writes nothing.

mod half_blocks;

use super::app::{App, Effect};
use super::gallery::GalleryNews;
use super::gallery::keeper::Keeper;
use super::theme::Theme;
use crate::engine::request::RunRequest;
use crate::engine::worker::Engine;
use crate::history::History;
use crate::terminal::capabilities::{Background, Capabilities};
use crate::terminal::clipboard;
use crate::terminal::colours::ColourDepth;
use crate::terminal::input::{Input, Parser};
use crate::terminal::probe;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use std::fs::File;
use std::io::{self, BufWriter, Read, Stdout, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(10);

/// How often the engine is asked for news while a run is going.
const NEWS: Duration = Duration::from_millis(10);

/// Something that came in.
enum Incoming {
    Bytes(Vec<u8>),
    Signal(i32),
    Gallery(GalleryNews),
    /// The terminal is gone.
    Closed,
}

type Out = BufWriter<Stdout>;

/// Runs the application on the terminal of this process until it is left. `record` gets every
/// action that was done; finished runs go into `history`.
pub fn run(
    app: &mut App,
    engine: &mut Engine,
    record: Option<File>,
    history: Option<History>,
) -> io::Result<()> {
    let (sender, incoming) = mpsc::channel();
    let news = sender.clone();
    let keeper = Keeper::start(history, move |gallery| {
        // A loop that has ended wants no news.
        let _ = news.send(Incoming::Gallery(gallery));
    });
    read_input(sender.clone());
    catch_signals(sender)?;
    restore_on_panic();
    let mut runtime = Runtime {
        app,
        engine,
        keeper: &keeper,
        record,
        incoming,
        parser: Parser::new(),
        capabilities: Capabilities::of_this_process(),
        terminal: Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(
            1 << 16,
            io::stdout(),
        )))?,
        dirty: true,
        left: false,
        gone: false,
    };
    enter()?;
    let result = runtime.go();
    if runtime.gone {
        // Nobody is there to read it; ratatui would write on drop, fail, and fail to say so.
        std::mem::forget(runtime);
        return Ok(());
    }
    leave()?;
    result
}

struct Runtime<'a> {
    app: &'a mut App,
    engine: &'a mut Engine,
    keeper: &'a Keeper,
    record: Option<File>,
    incoming: Receiver<Incoming>,
    parser: Parser,
    capabilities: Capabilities,
    terminal: Terminal<CrosstermBackend<Out>>,
    dirty: bool,
    left: bool,
    /// Whether the terminal is gone: nothing is written to it then.
    gone: bool,
}

impl Runtime<'_> {
    fn go(&mut self) -> io::Result<()> {
        self.learnt();
        self.parser.expect_replies(Instant::now() + Duration::from_secs(5));
        let questions = probe::questions(probe::is_plain(&|name| std::env::var(name).ok()));
        self.resize()?;
        self.draw()?;
        let out = self.terminal.backend_mut();
        out.write_all(&questions)?;
        Write::flush(out)?;
        let mut drawn = Instant::now();
        while !self.left {
            let wait = match (self.dirty, self.app.runs().going.is_some()) {
                (true, _) => Some(FRAME.saturating_sub(drawn.elapsed())),
                (false, true) => Some(NEWS),
                (false, false) => None,
            };
            let wait = [wait, self.parser.timeout()].into_iter().flatten().min();
            self.take(wait)?;
            if self.dirty && drawn.elapsed() >= FRAME && !self.left {
                self.draw()?;
                drawn = Instant::now();
            }
        }
        Ok(())
    }

    /// Waits for something to come in, and takes all of it.
    fn take(&mut self, wait: Option<Duration>) -> io::Result<()> {
        let first = match wait {
            None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => self.incoming.recv_timeout(wait),
        };
        match first {
            Ok(first) => {
                self.came(first)?;
                while let Ok(next) = self.incoming.try_recv() {
                    self.came(next)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let inputs = self.parser.flush(Instant::now());
                self.inputs(inputs)?;
            }
            Err(RecvTimeoutError::Disconnected) => self.left = true,
        }
        while let Ok(update) = self.engine.updates().try_recv() {
            let effects = self.app.engine(update);
            self.dirty = true;
            self.carry_out(effects)?;
        }
        Ok(())
    }

    fn came(&mut self, incoming: Incoming) -> io::Result<()> {
        match incoming {
            Incoming::Bytes(bytes) => {
                let inputs = self.parser.feed(&bytes, Instant::now());
                self.inputs(inputs)
            }
            Incoming::Gallery(news) => {
                let effects = self.app.gallery_news(news);
                self.dirty = true;
                self.carry_out(effects)
            }
            Incoming::Signal(SIGWINCH) => self.resize(),
            Incoming::Signal(SIGCONT) => {
                enter()?;
                self.redraw()
            }
            Incoming::Signal(SIGTSTP) => self.suspend(),
            Incoming::Signal(SIGHUP) | Incoming::Closed => {
                self.left = true;
                self.gone = true;
                Ok(())
            }
            Incoming::Signal(_) => {
                self.left = true;
                Ok(())
            }
        }
    }

    fn inputs(&mut self, inputs: Vec<Input>) -> io::Result<()> {
        for input in inputs {
            if let Input::Reply(reply) = &input {
                if self.capabilities.learn(reply) {
                    self.learnt();
                    self.dirty = true;
                }
                continue;
            }
            let effects = self.app.handle(input);
            self.dirty = true;
            self.carry_out(effects)?;
        }
        Ok(())
    }

    fn learnt(&mut self) {
        let background = self.capabilities.background.unwrap_or(Background::Dark);
        self.app.set_theme(Theme::new(self.capabilities.colours, background));
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> io::Result<()> {
        for effect in effects {
            match effect {
                Effect::Run(recipe) => {
                    let request = RunRequest { recipe: *recipe, noise: None, previews: true };
                    match self.engine.submit(&request) {
                        Ok(id) => self.app.run_taken(id),
                        Err(failure) => self.app.run_refused(&failure),
                    }
                }
                Effect::Cancel => {
                    if let Some(id) = self.app.runs().going.as_ref().and_then(|going| going.id) {
                        self.engine.cancel(id);
                    }
                }
                Effect::Gallery(work) => self.keeper.take(work),
                Effect::Clipboard(text) => {
                    // What is too long for the terminal can still be pasted here.
                    if let Ok(bytes) = clipboard::copy(&text) {
                        let out = self.terminal.backend_mut();
                        out.write_all(&bytes)?;
                        Write::flush(out)?;
                    }
                }
                Effect::Record(call) => {
                    if let Some(record) = &mut self.record {
                        writeln!(record, "{call}")?;
                    }
                }
                Effect::Print(text) => {
                    self.app.note(&text);
                }
                Effect::Redraw => self.redraw()?,
                Effect::Suspend => self.suspend()?,
                Effect::Quit => self.left = true,
            }
        }
        Ok(())
    }

    fn resize(&mut self) -> io::Result<()> {
        let (columns, rows) = crossterm::terminal::size()?;
        let effects = self.app.handle(Input::Resize(columns, rows));
        self.dirty = true;
        self.carry_out(effects)
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.terminal.clear()?;
        self.resize()
    }

    fn suspend(&mut self) -> io::Result<()> {
        leave()?;
        signal_hook::low_level::emulate_default_handler(SIGTSTP)
    }

    fn draw(&mut self) -> io::Result<()> {
        let depth = match self.capabilities.colours {
            ColourDepth::None => ColourDepth::None,
            // Half-blocks in 24 bits are twice the bytes.
            depth => depth.min(ColourDepth::Indexed),
        };
        if self.capabilities.synchronized {
            queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        }
        let app = &*self.app;
        self.terminal.draw(|frame| {
            app.draw(frame, &mut |placement, buffer| half_blocks::paint(placement, depth, buffer));
        })?;
        if self.capabilities.synchronized {
            queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        }
        Write::flush(self.terminal.backend_mut())?;
        self.dirty = false;
        Ok(())
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange,
        cursor::Hide
    )
}

fn leave() -> io::Result<()> {
    execute!(
        io::stdout(),
        DisableFocusChange,
        DisableBracketedPaste,
        cursor::Show,
        LeaveAlternateScreen
    )?;
    disable_raw_mode()
}

/// Gives the terminal back before a panic is reported.
fn restore_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let _ = leave();
        report(info);
    }));
}

fn read_input(sender: Sender<Incoming>) {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        let mut stdin = io::stdin().lock();
        loop {
            match stdin.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => {
                    let read = bytes.get(..count).unwrap_or_default().to_vec();
                    if sender.send(Incoming::Bytes(read)).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = sender.send(Incoming::Closed);
    });
}

fn catch_signals(sender: Sender<Incoming>) -> io::Result<()> {
    let mut signals =
        signal_hook::iterator::Signals::new([SIGWINCH, SIGTSTP, SIGCONT, SIGHUP, SIGTERM, SIGINT])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if sender.send(Incoming::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}
