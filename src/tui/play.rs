//! Playing a file of actions without a screen: one call a line, `#` begins a comment. Every run
//! is waited for before the next line, so a record gives the same result every time.

use crate::history::History;
use crate::tui::action::Call;
use crate::tui::app::{App, Effect};
use crate::tui::screens::gallery::GalleryEvent;
use crate::tui::screens::gallery::thread::GalleryThread;
use crate::tui::screens::sweeps::SweepEvent;
use crate::tui::screens::sweeps::folders::SweepFolders;
use crate::tui::screens::sweeps::program::Program;
use crate::tui::screens::sweeps::threads::SweepThreads;
use sigmalab_engine::request::RunRequest;
use sigmalab_engine::worker::Engine;
use std::io::Write;
use std::sync::mpsc;

/// Why playing stopped.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    #[error("{file}:{line}: {problem}; nothing was done")]
    Line {
        file: String,
        /// The line, from 1.
        line: usize,
        problem: String,
    },
    /// A call could not be done.
    #[error("{file}:{line}: `{call}`: {problem}")]
    Call {
        file: String,
        /// The line, from 1.
        line: usize,
        call: Call,
        problem: String,
    },
    #[error("the engine sent no more events")]
    NoMoreEvents,
    /// Standard output cannot be written.
    #[error("cannot print: {0}")]
    Print(std::io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl PlayError {
    /// Whether the file is at fault.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, PlayError::Line { .. } | PlayError::Call { .. })
    }
}

/// The calls of a file with their lines. The first line that is none ends it.
pub fn parse(text: &str, file: &str) -> Result<Vec<(usize, Call)>, PlayError> {
    let mut calls = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let call = line.parse::<Call>().map_err(|error| PlayError::Line {
            file: file.to_owned(),
            line: at + 1,
            problem: error.to_string(),
        })?;
        calls.push((at + 1, call));
    }
    Ok(calls)
}

/// Plays the calls of `text` until its end or `quit`. What `print-…` actions print goes to `out`;
/// finished runs go into `history`; experiments and run directories are in `sweeps`.
pub fn play(
    app: &mut App,
    engine: &mut Engine,
    (history, sweeps): (Option<History>, SweepFolders),
    text: &str,
    file: &str,
    out: &mut dyn Write,
) -> Result<(), PlayError> {
    let (sender, incoming) = mpsc::channel();
    // Nobody listens once the file has ended.
    let gallery_thread = GalleryThread::start(history, {
        let sender = sender.clone();
        move |gallery| drop(sender.send(Incoming::Gallery(gallery)))
    });
    let program = Program::new(None).limited(sweeps.memory_limit);
    let sweep_threads =
        SweepThreads::start(sweeps, program, app.samplers().clone(), move |event| {
            drop(sender.send(Incoming::Sweeps(event)));
        });
    let threads = Threads {
        gallery_thread: gallery_thread.map_err(PlayError::Thread)?,
        sweep_threads: sweep_threads.map_err(PlayError::Thread)?,
    };
    for (line, call) in parse(text, file)? {
        let failed = |problem: String| PlayError::Call {
            file: file.to_owned(),
            line,
            call: call.clone(),
            problem,
        };
        let (effects, result) = app.play(&call);
        result.map_err(failed)?;
        if carry_out(app, engine, &threads, effects, out)? {
            return Ok(());
        }
        loop {
            let effects = if app.runs().going.is_some() {
                let update = engine.updates().recv().map_err(|_| PlayError::NoMoreEvents)?;
                app.engine(update)
            } else if app.is_waiting() || app.is_waiting_for_sweeps() {
                match incoming.recv().map_err(|_| PlayError::NoMoreEvents)? {
                    Incoming::Gallery(event) => app.gallery_event(event),
                    Incoming::Sweeps(event) => app.sweep_event(event),
                }
            } else {
                break;
            };
            carry_out(app, engine, &threads, effects, out)?;
        }
        // A run that failed has its cause as the message.
        if let Some(message) = app.message().filter(|message| message.is_problem) {
            return Err(failed(message.text.clone()));
        }
    }
    Ok(())
}

enum Incoming {
    Gallery(GalleryEvent),
    Sweeps(SweepEvent),
}

struct Threads {
    gallery_thread: GalleryThread,
    sweep_threads: SweepThreads,
}

/// Does what the application asked for; `true` where it is to end.
fn carry_out(
    app: &mut App,
    engine: &mut Engine,
    threads: &Threads,
    effects: Vec<Effect>,
    out: &mut dyn Write,
) -> Result<bool, PlayError> {
    for effect in effects {
        match effect {
            Effect::Run(recipe) => {
                app.run_answered(engine.submit(&RunRequest::of(*recipe)));
            }
            Effect::Cancel => {
                if let Some(id) = app.runs().going.as_ref().and_then(|going| going.id) {
                    engine.cancel(id);
                }
            }
            Effect::ReplaceWorker => engine.replace_worker(),
            Effect::Gallery(work) => threads.gallery_thread.take(work),
            Effect::Sweeps(work) => threads.sweep_threads.take(work),
            Effect::Print(text) => writeln!(out, "{text}").map_err(PlayError::Print)?,
            Effect::Quit => return Ok(true),
            // Nothing to see and nobody to see it.
            Effect::Clipboard(_)
            | Effect::Compare(_)
            | Effect::Edit(_)
            | Effect::Record(_)
            | Effect::Mouse(_)
            | Effect::PictureProtocol(_)
            | Effect::CountBytes
            | Effect::Redraw
            | Effect::Suspend => {}
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_that_is_no_call_is_named_before_anything_is_done() {
        let error = parse("# tuning\n\nundo\nfil 2\n", "a.play").unwrap_err().to_string();
        assert!(error.starts_with("a.play:4: ") && error.contains("`fill`"), "{error}");
    }
}
