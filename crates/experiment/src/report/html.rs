//! What pages are made of: text that stays text, pictures inside of them, and what they may load and
//! run.

use super::sheet;
use crate::directory::RunDirectory;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use sigmalab_image::thumbnail;

/// Longer side of the pictures inside the page, in pixels.
const SIDE: u32 = 160;

/// Quality of the pictures inside the page, of 100.
const QUALITY: u8 = 82;

/// What the page may load and run: its own style and script, known by their hashes, pictures inside
/// of it and pictures beside it. Nothing from a network, and no script that a text smuggled in.
pub(super) fn policy(style: &str, script: Option<&str>) -> String {
    let hash = |text: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        format!("'sha256-{}'", STANDARD.encode(digest))
    };
    let script = script.map_or("'none'".to_owned(), hash);
    format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: file: 'self'; \
         style-src {}; script-src {script}",
        hash(style)
    )
}

/// Width, height and JPEG of a small picture; `None` where it cannot be read.
pub(super) fn small(directory: &RunDirectory, file: &str) -> Option<(u32, u32, Vec<u8>)> {
    let small = thumbnail(&sheet::read(directory, file)?, SIDE);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode(&small.pixels, small.width, small.height, ExtendedColorType::Rgb8)
        .ok()?;
    Some((small.width, small.height, jpeg))
}

/// Text that is text in HTML, in and out of quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
