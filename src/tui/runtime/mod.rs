//! The loop around the application: everything that came in is taken, then at most one frame is
//! drawn, then a piece of a picture is written. It sleeps until something happens; when nothing
//! does, it writes nothing.

mod clock;
mod editor;
mod incoming;
mod reports;
mod shown;
mod terminal;

use crate::tui::app::{App, Effect};
use crate::tui::recovery::Recovery;
use crate::tui::screens::gallery::GalleryEvent;
use crate::tui::screens::sweeps::SweepEvent;
use clock::{Clock, Haste};
pub use incoming::{Beside, FollowSamplers};
use incoming::{Incoming, Sources};
use ratatui::layout::Rect;
use reports::Reports;
use shown::Shown;
use sigmalab_engine::request::RunRequest;
use sigmalab_engine::worker::Engine;
use sigmalab_terminal::capabilities::{Background, Brand, Capabilities};
use sigmalab_terminal::clipboard;
use sigmalab_terminal::colours::ColourDepth;
use sigmalab_terminal::input::{Input, Parser, Reply};
use sigmalab_terminal::meter::Purpose;
use sigmalab_terminal::picture::ProtocolType;
use sigmalab_terminal::probe;
use sigmalab_terminal::screen::Screen;
use sigmalab_terminal::signals::Signal;
use sigmalab_terminal::tty::{self, Measured, RawMode, TtyError};
use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// How often it is looked whether the worker has fallen silent while a run is going.
const SILENCE: Duration = Duration::from_secs(1);

/// How long answers to the questions may take.
const REPLIES: Duration = Duration::from_secs(5);

/// What a user chose about the terminal.
#[derive(Debug, Default)]
pub struct Choices {
    /// How pictures are shown; `None` leaves it to what is known of the terminal.
    pub pictures: Option<ProtocolType>,
    /// Pass pictures through tmux to the terminal around it.
    pub tmux_passthrough: bool,
    /// Colours; `None` as many as the terminal has.
    pub colours: Option<ColourDepth>,
    /// Background; `None` as the terminal says.
    pub background: Option<Background>,
}

/// How the application was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Left,
    /// A signal ended it; edits that were not saved are kept for the next start.
    Interrupted,
    /// The terminal went away; the same.
    TerminalGone,
}

/// Runs the application on the terminal of this process until it is left. `record` gets every
/// action that was done; `recovery` keeps edits that are not saved.
///
/// # Errors
/// Where there is no terminal, or it cannot be written while it is there.
pub fn run(
    app: &mut App,
    engine: &mut Engine,
    choices: Choices,
    record: Option<File>,
    recovery: Recovery,
    beside: Beside,
) -> Result<Ended, TtyError> {
    let output = tty::output()?;
    let Measured { cells, pixels } = tty::measure()?;
    let variable = |name: &str| std::env::var(name).ok();
    let mut known = Capabilities::from_environment(&variable);
    known.measured((pixels.width, pixels.height), (cells.width, cells.height));
    known.tmux_passthrough = choices.tmux_passthrough && known.brand == Some(Brand::Tmux);
    let sources = Sources::open(beside, engine)?;
    let mut runtime = Runtime {
        sources,
        parser: Parser::new(),
        screen: Screen::new(output, cells, choices.colours.unwrap_or(known.colours))?,
        raw: None,
        shown: Shown::new(choices.pictures, &known, cells),
        questions: probe::questions(probe::is_plain(&variable), known.tmux_passthrough),
        known,
        choices,
        clock: Clock::new(Instant::now()),
        reports: Reports::new(Instant::now()),
        record,
        recovery,
        ended: None,
        app,
        engine,
    };
    match runtime.go() {
        Ok(ended) => {
            runtime.give_back()?;
            Ok(ended)
        }
        // A terminal that went away fails first and hangs up later, or never.
        Err(error) if is_gone(&error) => {
            runtime.keep_edits();
            Ok(Ended::TerminalGone)
        }
        Err(error) => {
            runtime.keep_edits();
            Err(error.into())
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    let no_device = rustix::io::Errno::IO.raw_os_error();
    error.raw_os_error() == Some(no_device) || error.kind() == io::ErrorKind::BrokenPipe
}

/// Fields are dropped in this order: the terminal is given back before raw mode ends.
struct Runtime<'a> {
    screen: Screen<File>,
    /// While the terminal is ours.
    raw: Option<RawMode>,
    sources: Sources,
    parser: Parser,
    known: Capabilities,
    choices: Choices,
    questions: Vec<u8>,
    shown: Shown,
    clock: Clock,
    reports: Reports,
    record: Option<File>,
    recovery: Recovery,
    ended: Option<Ended>,
    app: &'a mut App,
    engine: &'a mut Engine,
}

impl Runtime<'_> {
    fn go(&mut self) -> io::Result<Ended> {
        self.take_terminal()?;
        self.resized()?;
        loop {
            let now = Instant::now();
            if self.clock.is_due(now) {
                self.draw(now)?;
            }
            self.send_pictures(now)?;
            if self.recovery.is_due(now) {
                self.keep_edits();
            }
            self.wait()?;
            if let Some(ended) = self.ended {
                return Ok(ended);
            }
        }
    }

    /// Waits for something to come in, and takes all that did.
    fn wait(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let waits = [
            self.clock.wait(now),
            self.parser.wait(now),
            self.shown.wait(now),
            self.recovery.wait(now),
            self.reports.wait(now),
            self.app.runs().going.is_some().then_some(SILENCE),
        ];
        let first = match waits.into_iter().flatten().min() {
            None => self.sources.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => self.sources.incoming.recv_timeout(wait),
        };
        match first {
            Ok(first) => {
                self.receive(first)?;
                while self.ended.is_none()
                    && let Ok(next) = self.sources.incoming.try_recv()
                {
                    self.receive(next)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.end(Ended::TerminalGone),
        }
        let now = Instant::now();
        // Whatever came: news of a run may leave no pause in which a wait could end.
        if self.ended.is_none() {
            let inputs = self.parser.flush(now);
            self.inputs(inputs)?;
        }
        if self.app.follow_worker(self.engine.silence(), now) {
            self.clock.ask(Haste::Now, now);
        }
        for update in self.reports.take(now) {
            let effects = self.app.engine(update);
            self.clock.ask(Haste::Now, now);
            self.carry_out(effects)?;
        }
        Ok(())
    }

    fn receive(&mut self, incoming: Incoming) -> io::Result<()> {
        match incoming {
            Incoming::Bytes(bytes, read) => {
                let inputs = self.parser.feed(&bytes, read);
                self.inputs(inputs)
            }
            Incoming::Encoded(encoded) => {
                self.shown.encoded(encoded);
                self.follow_pictures();
                Ok(())
            }
            Incoming::Run(update) => {
                self.reports.push(update, Instant::now());
                Ok(())
            }
            Incoming::Compared(comparison) => {
                let effects = self.app.compared(*comparison);
                self.clock.ask(Haste::Now, Instant::now());
                self.carry_out(effects)
            }
            Incoming::Gallery(event) => {
                // A long history comes in many pieces.
                let haste = match &event {
                    GalleryEvent::Found(_) => Haste::Piece,
                    _ => Haste::Now,
                };
                let effects = self.app.gallery_event(event);
                self.clock.ask(haste, Instant::now());
                self.carry_out(effects)
            }
            Incoming::Sweeps(event) => {
                let haste = match &event {
                    SweepEvent::Followed(..) => Haste::Progress,
                    SweepEvent::Thumbnail(..) => Haste::Piece,
                    _ => Haste::Now,
                };
                let effects = self.app.sweep_event(event);
                self.clock.ask(haste, Instant::now());
                self.carry_out(effects)
            }
            Incoming::Samplers(samplers) => {
                self.sources.sweep_threads.set_samplers(samplers.clone());
                self.engine.set_samplers(samplers.clone());
                self.app.set_samplers(samplers);
                self.clock.ask(Haste::Now, Instant::now());
                Ok(())
            }
            Incoming::Trouble(report) => {
                self.app.trouble(&report);
                self.see();
                Ok(())
            }
            Incoming::Signal(Signal::Resize) => {
                self.shown.repaint();
                self.resized()
            }
            Incoming::Signal(Signal::Suspend) => self.suspend(),
            Incoming::Signal(Signal::Continue) => self.take_again(),
            Incoming::Closed | Incoming::Signal(Signal::HangUp) => {
                self.end(Ended::TerminalGone);
                Ok(())
            }
            Incoming::Signal(Signal::Terminate | Signal::Interrupt) => {
                self.end(Ended::Interrupted);
                Ok(())
            }
        }
    }

    fn end(&mut self, ended: Ended) {
        match ended {
            Ended::Left => self.recovery.forget(),
            Ended::Interrupted | Ended::TerminalGone => self.keep_edits(),
        }
        self.ended = Some(ended);
    }

    fn inputs(&mut self, inputs: Vec<Input>) -> io::Result<()> {
        for input in inputs {
            match input {
                Input::Reply(Reply::Ready) => {
                    self.shown.ready(Instant::now());
                    self.follow_pictures();
                }
                Input::Reply(reply) => {
                    if self.known.learn(&reply) {
                        self.learnt()?;
                    }
                }
                input => {
                    // Reattached to a multiplexer from elsewhere: the terminal around it may be
                    // another one, without the pictures.
                    let reattached = input == Input::Focus(true)
                        && matches!(self.known.brand, Some(Brand::Tmux | Brand::Screen));
                    if reattached {
                        self.shown.forget_all();
                    }
                    let keys = match input {
                        // kitty's keyboard protocol tells an escape from alt.
                        Input::Key(key) if !self.known.keyboard => self.app.apart(key),
                        _ => Vec::new(),
                    };
                    let inputs = match keys.as_slice() {
                        [] => vec![input],
                        keys => keys.iter().copied().map(Input::Key).collect(),
                    };
                    for input in inputs {
                        let effects = self.app.handle(input);
                        self.see();
                        self.carry_out(effects)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Something changed that is to be seen at once; what was edited is kept before long.
    fn see(&mut self) {
        let now = Instant::now();
        self.clock.ask(Haste::Now, now);
        self.recovery.touched(now);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> io::Result<()> {
        for effect in effects {
            match effect {
                Effect::Run(recipe) => {
                    let request = RunRequest { previews: true, ..RunRequest::of(*recipe) };
                    self.app.run_answered(self.engine.submit(&request));
                }
                Effect::Cancel => {
                    if let Some(id) = self.app.runs().going.as_ref().and_then(|going| going.id) {
                        self.engine.cancel(id);
                    }
                }
                Effect::ReplaceWorker => self.engine.replace_worker(),
                Effect::Compare(job) => {
                    // Where nobody takes it, the numbers are missing.
                    let _ = self.sources.comparisons.send(*job);
                }
                Effect::Gallery(work) => self.sources.gallery_thread.take(work),
                Effect::Sweeps(work) => self.sources.sweep_threads.take(work),
                Effect::Edit(file) => self.edit(&file)?,
                Effect::Clipboard(text) => {
                    // What is too long for the terminal can still be pasted here.
                    if let Ok(bytes) = clipboard::copy(&text) {
                        self.screen.write(Purpose::Control, &bytes)?;
                    }
                }
                Effect::Record(call) => {
                    if let Some(record) = &mut self.record {
                        writeln!(record, "{call}")?;
                    }
                }
                Effect::Print(text) => self.app.note(&text),
                Effect::PictureProtocol(choice) => {
                    self.shown.choose(choice, &self.known, self.screen.size());
                    self.tell_protocol();
                }
                Effect::CountBytes => self.app.say_bytes(self.screen.meter()),
                Effect::Redraw => {
                    self.screen.redraw()?;
                    self.shown.forget_all();
                }
                Effect::Mouse(ours) => self.screen.set_mouse(ours)?,
                Effect::Suspend => self.suspend()?,
                Effect::Quit => self.end(Ended::Left),
            }
        }
        Ok(())
    }

    fn draw(&mut self, now: Instant) -> io::Result<()> {
        let size = self.screen.size();
        let placements = self.app.pictures(Rect::new(0, 0, size.width, size.height));
        self.shown.place(&placements);
        let (app, shown) = (&*self.app, &mut self.shown);
        let bytes = self.screen.draw(|frame| {
            app.draw(frame, &mut |placement, buffer| shown.paint(placement, buffer));
            shown.observe(frame.buffer_mut());
        })?;
        self.clock.drawn(now);
        let coloured_cells = self.shown.protocol() == ProtocolType::Halfblocks;
        self.reports.drawn(if coloured_cells { 0 } else { bytes }, now);
        self.follow_pictures();
        Ok(())
    }

    /// Does what the pictures want after a change: another frame, or encoding.
    fn follow_pictures(&mut self) {
        if self.shown.take_changed() {
            self.clock.ask(Haste::Now, Instant::now());
        }
        if let Some(job) = self.shown.take_job() {
            // Where nobody takes it, half-blocks stay.
            let _ = self.sources.jobs.send(job);
        }
    }

    fn send_pictures(&mut self, now: Instant) -> io::Result<()> {
        if let Some(bytes) = self.shown.next_chunk(now) {
            self.screen.write(Purpose::Picture, &bytes)?;
            self.follow_pictures();
        }
        Ok(())
    }

    fn keep_edits(&mut self) {
        if let Err(problem) = self.recovery.keep(self.app.unsaved().as_ref()) {
            self.app.trouble(&problem);
        }
    }
}
