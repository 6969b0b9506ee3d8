//! The page: one HTML file that needs no other, with every trial in a table. All text that
//! comes from files of users is escaped here, once.

use super::finding::{Finding, METRICS, setting};
use super::sheet;
use super::summary::summary;
use crate::experiment::record::Record;
use crate::experiment::tables::{AFTER, BEFORE, PARAMETER, row};
use crate::history::thumbnail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use std::path::Path;

const TEMPLATE: &str = include_str!("page.html");

/// Most pictures that lie inside the page; further trials have a link to theirs.
const MOST_PICTURES: usize = 500;

/// Longer side of the pictures inside the page, in pixels.
const SIDE: u32 = 160;

/// Quality of the pictures inside the page, of 100.
const QUALITY: u8 = 82;

/// The page of a sweep whose run directory is `directory`.
pub(super) fn page(finding: &Finding<'_>, directory: &Path) -> String {
    let parameters = finding.swept.iter().map(|path| format!("{PARAMETER}{path}"));
    let columns: Vec<String> = BEFORE
        .iter()
        .map(|name| (*name).to_owned())
        .chain(parameters)
        .chain(AFTER.iter().map(|name| (*name).to_owned()))
        .chain(["nfe".to_owned()])
        .collect();
    // The picture itself comes first, and its file's name is its link.
    let shown: Vec<usize> =
        (0..columns.len()).filter(|at| columns.get(*at).is_some_and(|c| c != "image")).collect();
    let mut head = "<th>picture</th>".to_owned();
    for name in shown.iter().filter_map(|at| columns.get(*at)) {
        head.push_str(&format!("<th>{}</th>", escaped(name)));
    }
    let mut rows = String::new();
    for (place, record) in finding.trials.iter().chain(&finding.failed).enumerate() {
        let mut cells = row(record, &finding.swept);
        let nfe = METRICS.iter().find(|metric| metric.name == "nfe");
        let nfe = nfe.and_then(|metric| (metric.of)(record));
        cells.push(nfe.map(|nfe| nfe.to_string()).unwrap_or_default());
        let class = if record.measured().is_some() { "" } else { " class=\"failed\"" };
        let title =
            escaped(&format!("{} · {} · seed {}", setting(record), record.prompt_id, record.seed));
        rows.push_str(&format!("<tr{class} title=\"{title}\"><td data-v=\"\">"));
        rows.push_str(&picture(record, directory, place < MOST_PICTURES, &title));
        rows.push_str("</td>");
        for cell in shown.iter().filter_map(|at| cells.get(*at)) {
            rows.push_str(&format!("<td class=\"long\">{}</td>", escaped(cell)));
        }
        rows.push_str("</tr>\n");
    }
    let references: String = finding
        .references
        .iter()
        .enumerate()
        .map(|(place, record)| {
            let title = escaped(&format!(
                "{} · seed {} · {} · {} steps",
                record.prompt_id,
                record.seed,
                record.recipe.size,
                record.recipe.steps.len()
            ));
            let picture = picture(record, directory, place < MOST_PICTURES, &title);
            format!("<figure>{picture}<figcaption>{title}</figcaption></figure>\n")
        })
        .collect();
    let references = if references.is_empty() { "none".to_owned() } else { references };
    fill(&[
        ("title", escaped(finding.name)),
        ("description", escaped(finding.description.unwrap_or_default())),
        ("summary", escaped(&summary(finding))),
        ("head", head),
        ("rows", rows),
        ("references", references),
    ])
}

/// The template with its places filled. What is filled in is never looked at again, so that a
/// prompt may hold what looks like a place.
fn fill(values: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(TEMPLATE.len());
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            text.push_str("{{");
            rest = after;
            continue;
        };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            text.push_str(value);
        }
        rest = after;
    }
    text + rest
}

/// The picture of a run as a link to its file, with a small one inside.
pub(super) fn picture(record: &Record, directory: &Path, inside: bool, title: &str) -> String {
    let Some(file) = record.measured().and_then(|measured| measured.image.as_ref()) else {
        return String::new();
    };
    let link = escaped(file);
    let small = inside.then(|| sheet::read(&directory.join(file))).flatten().and_then(|image| {
        let small = thumbnail(&image, SIDE);
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .encode(&small.pixels, small.width, small.height, ExtendedColorType::Rgb8)
            .ok()?;
        Some(format!(
            "<img alt=\"{title}\" width=\"{}\" height=\"{}\" src=\"data:image/jpeg;base64,{}\">",
            small.width,
            small.height,
            STANDARD.encode(jpeg)
        ))
    });
    let inside = small.unwrap_or_else(|| "picture".to_owned());
    format!("<a href=\"{link}\">{inside}</a>")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_users_cannot_leave_its_place() {
        let wild = "<script>alert('x')</script> \"&{{rows}}";
        let page = fill(&[("title", escaped(wild)), ("rows", "ROWS".to_owned())]);
        assert!(!page.contains("<script>alert"), "escaped");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"));
        assert_eq!(page.matches("ROWS").count(), 1, "what is filled in is not filled again");
    }

    #[test]
    fn every_place_of_the_template_has_its_value() {
        let mut places: Vec<&str> =
            TEMPLATE.split("{{").skip(1).filter_map(|part| part.split("}}").next()).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places, ["description", "head", "references", "rows", "summary", "title"]);
    }
}
