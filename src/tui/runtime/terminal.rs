//! Taking the terminal and giving it back: at the start and the end, for an editor, for ctrl-z; and
//! what is learnt of it meanwhile.

use super::clock::Haste;
use super::incoming::Incoming;
use super::{REPLIES, Runtime, editor};
use crate::tui::theme::Theme;
use sigmalab_terminal::capabilities::Background;
use sigmalab_terminal::input::Input;
use sigmalab_terminal::meter::Purpose;
use sigmalab_terminal::probe;
use sigmalab_terminal::signals::{self, Signal};
use sigmalab_terminal::tty::{self, Measured, RawMode};
use std::io;
use std::path::Path;
use std::time::Instant;

impl Runtime<'_> {
    /// Uses what is known of the terminal.
    pub(super) fn learnt(&mut self) -> io::Result<()> {
        let colours = self.choices.colours.unwrap_or(self.known.colours);
        let background = self.choices.background.or(self.known.background);
        self.screen.set_synchronized(self.known.synchronized);
        self.screen.set_keyboard(self.known.keyboard)?;
        self.screen.set_colours(colours)?;
        self.app.set_theme(Theme::new(colours, background.unwrap_or(Background::Dark)));
        self.shown.adapt(&self.known, self.screen.size());
        self.tell_protocol();
        self.clock.ask(Haste::Now, Instant::now());
        Ok(())
    }

    pub(super) fn tell_protocol(&mut self) {
        self.app.set_picture_protocol(self.shown.protocol());
    }

    /// Takes the terminal, and asks what it can do.
    pub(super) fn take_terminal(&mut self) -> io::Result<()> {
        self.raw = Some(RawMode::enable()?);
        self.parser.expect_answers(Instant::now() + REPLIES);
        let questions = std::mem::take(&mut self.questions);
        let taken = self.screen.enter(&questions);
        self.questions = questions;
        taken
    }

    /// Gives the terminal back as it was, without the pictures.
    pub(super) fn give_back(&mut self) -> io::Result<()> {
        let farewell = self.shown.farewell();
        self.screen.leave(&farewell)?;
        self.raw = None;
        Ok(())
    }

    /// Leaves the terminal to an editor until it ends.
    pub(super) fn edit(&mut self, file: &Path) -> io::Result<()> {
        let Some(editor) = editor::named() else {
            let advice = "name an editor in $VISUAL or $EDITOR to open it from here".to_owned();
            let effects = self.app.edited(file, Err(advice));
            self.clock.ask(Haste::Now, Instant::now());
            return self.carry_out(effects);
        };
        self.keep_edits();
        self.sources.gate.close(true);
        self.give_back()?;
        let edited = editor::edit(&editor, file);
        self.sources.gate.close(false);
        // Signals of the keyboard were meant for the editor.
        let mut others = Vec::new();
        while let Ok(incoming) = self.sources.incoming.try_recv() {
            let meant_for_it = matches!(
                incoming,
                Incoming::Signal(Signal::Suspend | Signal::Continue | Signal::Interrupt)
            );
            others.extend((!meant_for_it).then_some(incoming));
        }
        self.take_again()?;
        others.into_iter().try_for_each(|incoming| self.receive(incoming))?;
        let edited = edited.unwrap_or_else(|error| Err(format!("`{editor}`: {error}")));
        let effects = self.app.edited(file, edited);
        self.clock.ask(Haste::Now, Instant::now());
        self.carry_out(effects)
    }

    /// Stops this process; SIGCONT brings the terminal back.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        self.keep_edits();
        self.give_back()?;
        signals::stop()
    }

    /// After SIGCONT, also where it was SIGSTOP that stopped us: nothing is as it was.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        self.take_terminal()?;
        self.shown.forget_all();
        self.resized()
    }

    pub(super) fn resized(&mut self) -> io::Result<()> {
        let Measured { cells, pixels } = tty::measure()?;
        let before = self.screen.size();
        self.screen.resize(cells)?;
        self.known.measured((pixels.width, pixels.height), (cells.width, cells.height));
        if before != cells {
            self.parser.expect_replies(Instant::now() + REPLIES);
            self.screen.write(Purpose::Control, probe::questions_of_size())?;
        }
        let effects = self.app.handle(Input::Resize(cells.width, cells.height));
        self.learnt()?;
        self.carry_out(effects)
    }
}
