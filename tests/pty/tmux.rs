//! Inside tmux, on a server of our own.

use crate::place::{PROGRAM, Place};
use crate::tty::{Answers, PATIENCE, Tty};
use crate::workbench::command;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A tmux server with one window, ended with it.
struct Tmux<'a> {
    place: &'a Place,
}

impl<'a> Tmux<'a> {
    /// `None`, with a message, where there is no tmux.
    fn start(place: &'a Place, options: &[&str], program: &[&str]) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("skipped: tmux is not installed");
            return None;
        }
        let tmux = Tmux { place };
        let size = ["-x", "100", "-y", "30"];
        // Options that are set before there is a pane hold for every pane.
        let mut arguments = options.to_vec();
        arguments.extend(["new-session", "-d"]);
        arguments.extend(size);
        arguments.push(PROGRAM);
        arguments.extend(program);
        let started = tmux.run(&arguments);
        assert!(started.status.success(), "{started:?}");
        Some(tmux)
    }

    /// A server's name and settings, away from the user's.
    fn server(&self) -> [String; 4] {
        let socket = self.place.path("tmux").display().to_string();
        ["-S".to_owned(), socket, "-f".to_owned(), "/dev/null".to_owned()]
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .args(self.server())
            .args(arguments)
            .current_dir(self.place.folder())
            .env_clear()
            .envs(self.place.environment())
            .output()
            .unwrap()
    }

    /// What the pane shows.
    fn text(&self) -> String {
        String::from_utf8(self.run(&["capture-pane", "-p"]).stdout).unwrap()
    }

    #[track_caller]
    fn wait_text(&self, text: &str) {
        let start = Instant::now();
        while !self.text().contains(text) {
            assert!(start.elapsed() < PATIENCE, "no {text:?} in\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A kitty that shows it.
    fn attach(&self) -> Tty {
        let server = self.server();
        let mut arguments: Vec<&str> = server.iter().map(String::as_str).collect();
        arguments.push("attach");
        Tty::start(command(self.place, "tmux", &arguments), (100, 31), Answers::KITTY)
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

/// Pictures that the terminal around tmux got.
fn pictures(tty: &Tty) -> usize {
    String::from_utf8_lossy(tty.bytes()).matches("\x1b_Ga=T,U=1,f=100").count()
}

#[test]
fn it_draws_half_blocks_unless_images_are_passed_through_on_request() {
    let place = Place::new();
    let Some(tmux) = Tmux::start(&place, &[], &[]) else { return };
    tmux.wait_text("? help");
    let mut outside = tmux.attach();
    outside.wait_text("? help");
    outside.send("r");
    outside.wait_text("NFE 4+4");
    outside.wait_text("▀");
    assert_eq!(pictures(&outside), 0);
    drop(outside);
    drop(tmux);

    let place = Place::new();
    let allowed = ["set", "-g", "allow-passthrough", "on", ";"];
    let start = ["start-server", ";"];
    let options = [start.as_slice(), &allowed].concat();
    let Some(tmux) = Tmux::start(&place, &options, &["--tmux-passthrough"]) else { return };
    let mut outside = tmux.attach();
    outside.wait_text("? help");
    // What the terminal around it answered at the start went nowhere: nobody was attached. It is
    // asked by hand.
    outside.send(crate::workbench::keys(": \"image-protocol\" space \"kitty\" enter"));
    outside.send("r");
    outside.wait_text("NFE 4+4");
    outside.wait("picture", |outside| pictures(outside) > 0);
    outside.wait("its cells", |outside| outside.text().contains('\u{10eeee}'));
}
