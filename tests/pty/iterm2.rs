//! Pictures in iTerm2, whose sequence is taken from the bytes.

use crate::pixels::{self, Cells};
use crate::place::{PROGRAM, Place};
use crate::tty::{Answers, Tty};
use crate::workbench::{EDITOR, command, generated, keys, tty};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbImage, load_from_memory_with_format};

/// Mean difference of a channel: JPEG of quality 75 or more.
const DIFFERENCE: f64 = 3.0;

/// The title of its pane.
const IMAGE: [&str; 5] = ["i", "m", "a", "g", "e"];

const BEGIN: &str = "\x1b]1337;File=";

/// A picture as it was sent.
#[derive(Debug)]
struct Sent {
    cells: Cells,
    bytes: usize,
    file: Vec<u8>,
}

/// Every picture so far.
fn pictures(tty: &Tty) -> Vec<Sent> {
    // Everything that is written is UTF-8; a picture is ASCII.
    let text = String::from_utf8_lossy(tty.bytes()).into_owned();
    let mut pictures = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let Some((picture, _)) = text[at..].split_once('\x07') else { continue };
        let (head, data) = picture.split_once(':').unwrap();
        let value = |name: &str| {
            let found = head[BEGIN.len()..].split(';').find_map(|part| part.strip_prefix(name));
            found.unwrap().parse::<u16>().unwrap()
        };
        // The cursor was moved just before.
        let place = text[..at].rsplit("\x1b[").next().unwrap().trim_end_matches('H');
        let (row, column) = place.split_once(';').unwrap();
        let from_one = |text: &str| text.parse::<u16>().unwrap() - 1;
        pictures.push(Sent {
            cells: Cells {
                column: from_one(column),
                row: from_one(row),
                columns: value("width="),
                rows: value("height="),
            },
            bytes: picture.len(),
            file: STANDARD.decode(data).unwrap(),
        });
    }
    pictures
}

fn decoded(sent: &Sent) -> RgbImage {
    load_from_memory_with_format(&sent.file, ImageFormat::Jpeg).unwrap().to_rgb8()
}

#[test]
fn a_picture_arrives_as_a_jpeg_in_its_cells() {
    let place = Place::new();
    let mut tty = tty(&place, Answers::ITERM2, (100, 30));
    tty.send("r");
    tty.wait_text("NFE 4+4");
    tty.wait("picture", |tty| {
        pictures(tty).last().is_some_and(|sent| decoded(sent).width() == 256)
    });
    let all = pictures(&tty);
    let last = all.last().unwrap();
    assert!(last.bytes <= 150 * 1024);
    let arguments = ["--prompt", "a red circle on a blue background", "--seed", "42"];
    let should = pixels::of_file(&generated(&place, &arguments));
    let difference = pixels::mean_difference(&decoded(last), &should);
    assert!(difference <= DIFFERENCE, "{difference}");

    let screen = tty.screen();
    let symbol = |row, column| screen.cell(row, column).unwrap().contents();
    let (rows, columns) = screen.size();
    let corners = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |at| (row, at)));
    let corner = corners.into_iter().find(|&(row, column)| {
        symbol(row, column) == "┌" && (2..7).map(|at| symbol(row, column + at)).eq(IMAGE)
    });
    let room = Cells::within_border(corner.unwrap(), symbol);
    last.cells.assert_square_within(room);
    let cells = last.cells;

    // Moving about sends nothing again, a popup does: it destroyed the picture.
    let sent = all.len();
    tty.send(keys("j k j"));
    tty.settle(std::time::Duration::from_millis(200));
    assert_eq!(pictures(&tty).len(), sent);
    tty.send("?");
    tty.wait_text("On this screen");
    tty.send("\x1b");
    tty.wait("picture again", |tty| pictures(tty).len() == sent + 1);
    assert_eq!(pictures(&tty).last().unwrap().cells, cells);
}

#[test]
fn it_can_be_chosen_for_a_terminal_that_does_not_say_so() {
    let place = Place::new();
    let command = command(&place, PROGRAM, &["--image-protocol", "iterm2"]);
    let mut tty = Tty::start(command, (100, 30), Answers::PLAIN);
    tty.wait_text(EDITOR);
    tty.send("r");
    tty.wait_text("NFE 4+4");
    tty.wait("picture", |tty| !pictures(tty).is_empty());
    // And left to the terminal again: half-blocks.
    let sent = pictures(&tty).len();
    tty.send(keys(": \"image-protocol\" space \"auto\" enter"));
    tty.wait_text("▀");
    assert_eq!(pictures(&tty).len(), sent);
}
