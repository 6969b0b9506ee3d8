//! The thread that reads pictures of trials: what somebody looks at before the small ones.

use crate::tui::screens::sweeps::work::{Look, SweepEvent};
use sigmalab_engine::image_file::{read_latents, read_picture};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_image::{RgbImage, thumbnail};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

/// Pixels of the longer side of a small picture.
const SMALL: u32 = 320;

pub(super) enum ToRead {
    Thumbnails(Vec<PathBuf>),
    Look(Look),
}

pub(super) fn read_pictures(work: &Receiver<ToRead>, events: &Sender<SweepEvent>) {
    let mut small: Vec<PathBuf> = Vec::new();
    loop {
        let next = match small.is_empty() {
            true => work.recv().map_err(|_| mpsc::TryRecvError::Disconnected),
            false => work.try_recv(),
        };
        let sent = match next {
            // What somebody looks at now is read first.
            Ok(ToRead::Thumbnails(paths)) => {
                small = paths;
                small.reverse();
                Ok(())
            }
            Ok(ToRead::Look(look)) => {
                let latents = look.latents.as_ref().and_then(|latents| {
                    let file = RunDirectory::open_below(latents).ok()?;
                    read_latents(file, latents, look.tokens).ok().map(Arc::from)
                });
                let read = read(&look.picture).map(|image| (Arc::new(image), latents));
                events.send(SweepEvent::Looked(look.picture, read))
            }
            Err(mpsc::TryRecvError::Disconnected) => return,
            Err(mpsc::TryRecvError::Empty) => match small.pop() {
                None => Ok(()),
                Some(path) => {
                    let read = read(&path).map(|image| Arc::new(thumbnail(&image, SMALL)));
                    events.send(SweepEvent::Thumbnail(path, read))
                }
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

fn read(path: &Path) -> Result<RgbImage, String> {
    let file =
        RunDirectory::open_below(path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    read_picture(BufReader::new(file)).map_err(|error| format!("`{}`: {error}", path.display()))
}
