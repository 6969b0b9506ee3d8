//! A program in a PTY of which every byte is kept, with the time it came. The terminal in front
//! of it answers questions as it is told to. Nothing is rendered but text cells.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take. Generous: a test that fails by it is a hang, not a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Ends a synchronized update, and so a frame.
pub(crate) const FRAME_END: &[u8] = b"\x1b[?2026l";

/// What a terminal says when it is asked; `None` where it says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answers {
    /// Name and version.
    pub(crate) version: Option<&'static str>,
    pub(crate) kitty: bool,
    /// Sixel among the attributes, which every terminal that answers at all lists.
    pub(crate) sixel: bool,
    /// Attributes, and that it got here.
    pub(crate) basic: bool,
    pub(crate) synchronized: bool,
    /// Pixels of a cell.
    pub(crate) cell: Option<(u16, u16)>,
}

impl Answers {
    /// A terminal that never answers.
    pub(crate) const MUTE: Answers = Answers {
        version: None,
        kitty: false,
        sixel: false,
        basic: false,
        synchronized: false,
        cell: None,
    };

    pub(crate) const KITTY: Answers = Answers {
        version: Some("kitty(0.36.4)"),
        kitty: true,
        sixel: false,
        basic: true,
        synchronized: true,
        cell: Some((10, 20)),
    };

    /// foot.
    pub(crate) const SIXEL: Answers =
        Answers { version: Some("foot(1.20.2)"), kitty: false, sixel: true, ..Answers::KITTY };

    /// iTerm2.
    pub(crate) const ITERM2: Answers =
        Answers { version: Some("iTerm2 3.5.10"), kitty: false, ..Answers::KITTY };

    /// A terminal that shows no pictures but knows frames.
    pub(crate) const PLAIN: Answers =
        Answers { version: Some("alacritty"), kitty: false, ..Answers::KITTY };

    /// The questions and their answers.
    fn all(self) -> [(&'static [u8], Option<String>); 7] {
        let attributes = if self.sixel { "\x1b[?62;4;22c" } else { "\x1b[?62;22c" };
        [
            (b"\x1b[>q", self.version.map(|name| format!("\x1bP>|{name}\x1b\\"))),
            (b"\x1b_Gi=31,s=1,v=1,a=q", self.kitty.then(|| "\x1b_Gi=31;OK\x1b\\".to_owned())),
            (b"\x1b[16t", self.cell.map(|(width, height)| format!("\x1b[6;{height};{width}t"))),
            (b"\x1b[?2026$p", self.synchronized.then(|| "\x1b[?2026;2$y".to_owned())),
            (b"\x1b]11;?", self.basic.then(|| "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\".to_owned())),
            (b"\x1b[c", self.basic.then(|| attributes.to_owned())),
            (b"\x1b[5n", self.basic.then(|| "\x1b[0n".to_owned())),
        ]
    }
}

/// Finds questions in a stream and answers them.
struct Responder {
    answers: [(&'static [u8], Option<String>); 7],
    /// The start of something that may become a question.
    rest: Vec<u8>,
}

impl Responder {
    fn new(answers: Answers) -> Self {
        Responder { answers: answers.all(), rest: Vec::new() }
    }

    fn answer(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let text = std::mem::take(&mut self.rest);
        let mut answer = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].iter().position(|&byte| byte == 0x1b) {
            at += found;
            let here = &text[at..];
            let question = self.answers.iter().find(|(question, _)| here.starts_with(question));
            if let Some((question, given)) = question {
                answer.extend(given.as_deref());
                at += question.len();
            } else if self.answers.iter().any(|(question, _)| question.starts_with(here)) {
                self.rest = here.to_vec();
                return answer;
            } else {
                at += 1;
            }
        }
        answer
    }
}

/// Bytes and when they came.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) at: Instant,
    pub(crate) bytes: Vec<u8>,
}

type Writer = Arc<Mutex<Option<Box<dyn Write + Send>>>>;

/// A program in a PTY.
pub(crate) struct Tty {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Writer,
    incoming: Receiver<Chunk>,
    chunks: Vec<Chunk>,
    bytes: Vec<u8>,
    screen: vt100::Parser,
    ended: bool,
    closed: Arc<AtomicBool>,
    cell: (u16, u16),
    modes_before: String,
    started: Instant,
}

impl Tty {
    /// Starts a command in a terminal of so many columns and rows.
    pub(crate) fn start(command: CommandBuilder, size: (u16, u16), answers: Answers) -> Self {
        let cell = answers.cell.unwrap_or_default();
        let pair = native_pty_system().openpty(pty_size(size, cell)).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer: Writer = Arc::new(Mutex::new(Some(pair.master.take_writer().unwrap())));
        let replies = Arc::clone(&writer);
        let (sender, incoming) = mpsc::channel();
        let closed = Arc::new(AtomicBool::new(false));
        let is_closed = Arc::clone(&closed);
        std::thread::spawn(move || {
            let mut responder = Responder::new(answers);
            let mut buffer = [0; 1 << 16];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if is_closed.load(Ordering::SeqCst) {
                    return;
                }
                let chunk = Chunk { at: Instant::now(), bytes: buffer[..count].to_vec() };
                let answer = responder.answer(&chunk.bytes);
                if sender.send(chunk).is_err() {
                    return;
                }
                if !answer.is_empty()
                    && let Some(writer) = replies.lock().unwrap().as_mut()
                {
                    // The program may be gone by now.
                    let _ = writer.write_all(answer.as_bytes());
                }
            }
        });
        let modes_before = modes(pair.master.as_ref());
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        let screen = vt100::Parser::new(cells(size.1), cells(size.0), 0);
        Tty {
            child,
            master: Some(pair.master),
            writer,
            incoming,
            chunks: Vec::new(),
            bytes: Vec::new(),
            screen,
            ended: false,
            closed,
            cell,
            modes_before,
            started,
        }
    }

    /// When the program was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Process id of the program.
    pub(crate) fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Types.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let mut writer = self.writer.lock().unwrap();
        writer.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.screen.screen_mut().set_size(cells(size.1), cells(size.0));
        self.master.as_ref().unwrap().resize(pty_size(size, self.cell)).unwrap();
    }

    /// How the terminal's line discipline is set, and how it was before the program started.
    pub(crate) fn modes(&self) -> (String, &str) {
        (modes(self.master.as_deref().unwrap()), &self.modes_before)
    }

    /// The text on the screen.
    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents()
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    /// Every byte so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Everything that came so far, in the pieces it was read in.
    pub(crate) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// How many bytes came so far, for [`Tty::since`].
    pub(crate) fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes after a mark.
    pub(crate) fn since(&self, mark: usize) -> &[u8] {
        &self.bytes[mark..]
    }

    /// Takes what has come; waits at most until `deadline` for something. Whether anything came.
    fn take(&mut self, deadline: Instant) -> bool {
        let wait = deadline.saturating_duration_since(Instant::now());
        match self.incoming.recv_timeout(wait) {
            Ok(chunk) => {
                self.screen.process(&chunk.bytes);
                self.bytes.extend_from_slice(&chunk.bytes);
                self.chunks.push(chunk);
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                self.ended = true;
                false
            }
        }
    }

    /// Waits until `condition` holds.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            if !self.take(deadline) {
                let why = if self.ended { "the program ended" } else { "nothing more came" };
                panic!("no {what}: {why}; the screen:\n{}", self.text());
            }
        }
    }

    /// Waits for a text on the screen.
    #[track_caller]
    pub(crate) fn wait_text(&mut self, text: &str) {
        self.wait(text, |tty| tty.text().contains(text));
    }

    /// Waits until nothing came for so long.
    #[track_caller]
    pub(crate) fn settle(&mut self, quiet: Duration) {
        let start = Instant::now();
        while self.take(Instant::now() + quiet) {
            assert!(start.elapsed() < PATIENCE, "bytes do not cease; the screen:\n{}", self.text());
        }
    }

    /// Takes everything that comes within a time, and does nothing else.
    pub(crate) fn watch(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while self.take(deadline) {}
        if self.ended {
            std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// Waits for the end of the program and gives its exit code; what it wrote last is taken.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What is left in the PTY ends with an end of file, unless a process that the
                // program started holds it.
                while self.take(Instant::now() + Duration::from_millis(500)) {}
                assert!(status.signal().is_none(), "{status}");
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "it does not end; the screen:\n{}", self.text());
            self.take(Instant::now() + Duration::from_millis(5));
        }
    }

    /// The terminal goes away, as when a window is closed or a connection is lost. The program
    /// gets a line feed and ctrl-d before, which the PTY library sends.
    pub(crate) fn close(&mut self) {
        // The thread that reads holds the terminal open until it has read something more: the
        // program redraws where the size changes.
        self.closed.store(true, Ordering::SeqCst);
        self.resize((70, 20));
        self.writer.lock().unwrap().take();
        self.master.take();
    }

    /// Whether the program still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // A program that ended already is no failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cells(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

fn pty_size((columns, rows): (u16, u16), (width, height): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: columns.saturating_mul(width),
        pixel_height: rows.saturating_mul(height),
    }
}
