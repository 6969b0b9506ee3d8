//! A workbench with a real history in a folder of its own, its gallery_thread, and runs that end with a
//! picture of one colour.

use crate::engine::output;
use crate::keys::Workbench;
use sigmalab::history::{DEFAULT_QUOTA, History};
use sigmalab::tui::app::{App, Effect};
use sigmalab::tui::screens::gallery::GalleryEvent;
use sigmalab::tui::screens::gallery::thread::GalleryThread;
use sigmalab_image::RgbImage;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

pub(crate) const FOUR: &str = "[FOUR]\nmu = 0.0\nstd = 1.5\n\
                               runs = [{ steps = 3, gw = 7.0 }, { steps = 1, gw = 3.0 }]\n";

/// A workbench with [`FOUR`], after these keys.
pub(crate) fn after(keys: &str) -> Workbench {
    let mut workbench = Workbench::with(Some(FOUR), (100, 30));
    workbench.press(keys);
    workbench
}

/// A workbench beside its thread.
pub(crate) struct Session {
    pub(crate) workbench: Workbench,
    pub(crate) gallery_thread: GalleryThread,
    events: Receiver<GalleryEvent>,
    runs: u64,
}

/// The history under a data folder.
pub(crate) fn history(data: &Path) -> History {
    History::under(data, DEFAULT_QUOTA)
}

/// A picture of one colour.
fn picture(shade: u8) -> RgbImage {
    RgbImage { width: 256, height: 256, pixels: vec![shade; 256 * 256 * 3] }
}

/// The colour of a picture.
pub(crate) fn shade(image: &RgbImage) -> u8 {
    assert!(image.pixels.iter().all(|value| *value == image.pixels[0]));
    image.pixels[0]
}

impl Session {
    /// A session that keeps its runs under `data`.
    pub(crate) fn new(data: &Path) -> Self {
        let (sender, events) = mpsc::channel();
        let gallery_thread =
            GalleryThread::start(Some(history(data)), move |event| drop(sender.send(event)));
        let workbench = Workbench::with(Some(FOUR), (100, 30));
        Session { workbench, gallery_thread: gallery_thread.unwrap(), events, runs: 0 }
    }

    pub(crate) fn app(&self) -> &App {
        &self.workbench.app
    }

    /// Presses keys; work goes to the thread.
    pub(crate) fn press(&mut self, keys: &str) {
        self.workbench.press(keys);
        self.carry_out();
    }

    /// Runs what is in the grid; the picture has this shade everywhere. What the thread says is not
    /// taken.
    pub(crate) fn run(&mut self, shade: u8) {
        // Runs that end in one millisecond have no order in the history.
        std::thread::sleep(Duration::from_millis(2));
        self.workbench.press("F2 r");
        self.runs += 1;
        let mut recipe = self.workbench.take_run(self.runs);
        recipe.model.fingerprint = Some("f00d".to_owned());
        recipe.sampler.version = Some("1".to_owned());
        self.workbench.end_run(self.runs, output(recipe, picture(shade), Vec::new()));
        self.carry_out();
    }

    /// Takes what its thread says until something holds.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&App) -> bool) {
        while !holds(&self.workbench.app) {
            let event = self.events.recv_timeout(Duration::from_secs(20));
            let event = event.unwrap_or_else(|_| panic!("never: {what}"));
            let effects = self.workbench.app.gallery_event(event);
            self.workbench.effects.extend(effects);
            self.carry_out();
        }
    }

    /// Until every run of this session is written.
    pub(crate) fn settle(&mut self) {
        self.until("every run is kept", |app| {
            app.gallery().shown().all(|(run, _)| run.id().is_some())
        });
    }

    fn carry_out(&mut self) {
        for effect in &self.workbench.effects {
            if let Effect::Gallery(work) = effect {
                self.gallery_thread.take(work.clone());
            }
        }
        self.workbench.effects.retain(|effect| !matches!(effect, Effect::Gallery(_)));
    }
}
