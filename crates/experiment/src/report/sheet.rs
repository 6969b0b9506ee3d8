//! The contact sheet: a row an instance (prompt, seed, size), a column a setting, the reference
//! run in front, every picture with its distance below.

use super::canvas::{GLYPH, blank, paste, wrap, write_text};
use super::finding::{Finding, digits, instance};
use crate::directory::RunDirectory;
use crate::record::Record;
use sigmalab_engine::image_file::read_picture;
use sigmalab_image::{RgbImage, thumbnail};
use std::collections::HashMap;
use std::io::BufReader;

/// Settings side by side; more go into further bands below.
const COLUMNS: usize = 8;

/// Most pictures on a sheet.
const MOST_PICTURES: usize = 600;

/// Scale of all text.
const SCALE: u32 = 1;

const MARGIN: u32 = 12;
const GAP: u32 = 8;
const LINE: u32 = (GLYPH + 2) * SCALE;
/// Lines of a column's heading.
const HEADING: usize = 4;
/// Width of the row headings, in characters.
const ROW_HEADING: usize = 16;

/// Draws the sheet; `None` where no picture is left.
pub(super) fn draw(finding: &Finding<'_>, directory: &RunDirectory) -> Option<RgbImage> {
    let mut instances: Vec<_> = finding.trials.iter().map(|record| instance(record)).collect();
    instances.sort();
    instances.dedup();
    let settings = finding.settings();
    let pictures = |record: &&Record| record.measured().is_some_and(|m| m.image.is_some());
    if !finding.trials.iter().any(pictures) {
        return None;
    }
    let with_reference = !finding.references.is_empty();
    let columns = settings.len().min(COLUMNS) + usize::from(with_reference);
    // Many pictures are smaller ones.
    let side: u32 = match settings.len() * instances.len() {
        0..=64 => 192,
        65..=200 => 144,
        _ => 112,
    };
    let rows_kept = (MOST_PICTURES / columns.max(1)).max(1);
    let bands: Vec<&[(String, Vec<&Record>)]> = settings.chunks(COLUMNS).collect();
    let cell = (side + GAP, side + GAP + 2 * LINE);
    let left = MARGIN + ROW_HEADING as u32 * GLYPH * SCALE + GAP;
    let band_heights: Vec<usize> = {
        let mut left_rows = rows_kept;
        bands
            .iter()
            .map(|_| {
                let rows = instances.len().min(left_rows);
                left_rows -= rows;
                rows
            })
            .take_while(|rows| *rows > 0)
            .collect()
    };
    let shown: usize = band_heights.iter().sum();
    let heading = HEADING as u32 * LINE + GAP;
    let title = 2 * LINE + GAP;
    let height = MARGIN * 2
        + title
        + band_heights.iter().map(|rows| heading + *rows as u32 * cell.1).sum::<u32>()
        + LINE;
    let width = (left + columns as u32 * cell.0 + MARGIN).max(60 * GLYPH * SCALE);
    let mut canvas = blank(width, height);
    write_text(&mut canvas, finding.name, MARGIN, MARGIN, SCALE * 2);
    let mut y = MARGIN + title + LINE;
    let references = by_instance(&finding.references);
    for (band, rows) in bands.iter().zip(&band_heights) {
        let reference = with_reference.then(|| "reference".to_owned());
        let names = reference.into_iter().chain(band.iter().map(|(name, _)| name.clone()));
        for (column, name) in (0_u32..).zip(names) {
            let characters = (side / (GLYPH * SCALE)) as usize;
            for (row, line) in (0_u32..).zip(wrap(&name, characters, HEADING)) {
                write_text(&mut canvas, &line, left + column * cell.0, y + row * LINE, SCALE);
            }
        }
        y += heading;
        let members: Vec<_> = band.iter().map(|(_, members)| by_instance(members)).collect();
        for place in instances.iter().take(*rows) {
            let (prompt, seed, size) = place;
            let heading = [prompt.as_str(), &format!("seed {seed}"), size];
            let lines = heading.iter().flat_map(|text| wrap(text, ROW_HEADING, 4));
            for (row, line) in (0_u32..).zip(lines) {
                write_text(&mut canvas, &line, MARGIN, y + row * LINE, SCALE);
            }
            let reference = with_reference.then_some(&references);
            for (column, of_instance) in (0_u32..).zip(reference.into_iter().chain(&members)) {
                if let Some(record) = of_instance.get(place) {
                    picture(&mut canvas, record, directory, side, left + column * cell.0, y);
                }
            }
            y += cell.1;
        }
    }
    let all = instances.len() * bands.len();
    if shown < all {
        let note = format!("{} of {all} rows; the page has every trial", shown);
        write_text(&mut canvas, &note, MARGIN, y, SCALE);
    }
    Some(canvas)
}

/// Records by what they were tried on; of several the first.
fn by_instance<'a>(records: &[&'a Record]) -> HashMap<(String, u64, String), &'a Record> {
    // The later ones first, which those before them replace.
    records.iter().rev().map(|record| (instance(record), *record)).collect()
}

fn picture(
    canvas: &mut RgbImage,
    record: &Record,
    directory: &RunDirectory,
    side: u32,
    x: u32,
    y: u32,
) {
    let Some(measured) = record.measured() else { return };
    let image = measured.image.as_ref().and_then(|file| read(directory, file));
    match image {
        Some(image) => {
            let small = thumbnail(&image, side);
            paste(canvas, &small, x, y);
        }
        None => write_text(canvas, "no picture", x, y, SCALE),
    }
    let distance = measured.against.map(|against| format!("rmse {}", digits(against.latent_rmse)));
    let nfe = measured.nfe;
    let cost = nfe.cond_done + nfe.cond_saved + nfe.uncond_done + nfe.uncond_saved;
    let caption = [distance, Some(format!("nfe {cost}"))];
    for (row, line) in (0_u32..).zip(caption.into_iter().flatten()) {
        write_text(canvas, &line, x, y + side + 2 + row * LINE, SCALE);
    }
}

/// A picture of the run directory, if it can be read.
pub(super) fn read(directory: &RunDirectory, file: &str) -> Option<RgbImage> {
    read_picture(BufReader::new(directory.open(file).ok()?)).ok()
}
