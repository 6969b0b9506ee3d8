//! What settings are tried on: prompts, seeds and sizes.

use super::text::Text;
use crate::spec::{MOST_TRIALS, Prompt, PromptSource};
use sigmalab_schedule::size::Size;
use toml::de::{DeTable, DeValue};

pub(super) fn prompts(
    text: &mut Text<'_>,
    table: &DeTable<'_>,
    swept: bool,
) -> Option<PromptSource> {
    let Some(value) = table.get("prompts") else {
        if swept {
            return Some(PromptSource::Inline(Vec::new()));
        }
        let message = "`prompts` is missing: give a list of texts, or { file = \"prompts.txt\" }";
        text.problem(0..0, "", message);
        return None;
    };
    if let DeValue::Table(source) = value.get_ref() {
        text.known_keys(source, "prompts", &["file"]);
        let file = source.get("file").map(|file| text.string(file, "prompts.file"));
        if file.is_none() {
            text.problem(value.span(), "prompts", "`file` is missing: name a text or JSONL file");
        }
        return file.flatten().map(PromptSource::File);
    }
    let list = text.array(value, "prompts", "texts, or { file = \"prompts.txt\" }")?;
    let mut prompts: Vec<Prompt> = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let path = format!("prompts[{number}]");
        let prompt = match value.get_ref() {
            DeValue::Table(table) if table.contains_key("file") => {
                let message = "a file of prompts takes the place of the whole list: write \
                               prompts = { file = \"…\" }, without brackets";
                text.problem(value.span(), &path, message);
                return None;
            }
            DeValue::Table(table) => {
                text.known_keys(table, &path, &["id", "text"]);
                let mut part = |name: &str| {
                    let found = table.get(name);
                    if found.is_none() {
                        text.problem(value.span(), &path, format!("`{name}` is missing"));
                    }
                    found.and_then(|found| text.string(found, &format!("{path}.{name}")))
                };
                let (id, words) = (part("id"), part("text"));
                Prompt { id: id?, text: words? }
            }
            _ => Prompt { id: format!("p{number}"), text: text.string(value, &path)? },
        };
        if prompts.iter().any(|other| other.id == prompt.id) {
            let message = format!("two prompts have the id `{}`: give each its own", prompt.id);
            text.problem(value.span(), &path, message);
        }
        prompts.push(prompt);
    }
    Some(PromptSource::Inline(prompts))
}

pub(super) fn seeds(text: &mut Text<'_>, table: &DeTable<'_>, swept: bool) -> Option<Vec<u64>> {
    let Some(value) = table.get("seeds") else {
        if swept {
            return Some(Vec::new());
        }
        let message = "`seeds` is missing: give a list, or { first = 1, count = 8 }";
        text.problem(0..0, "", message);
        return None;
    };
    if swept {
        text.problem(value.span(), "seeds", "`seed` is a parameter: take `seeds` out");
        return None;
    }
    if let DeValue::Table(range) = value.get_ref() {
        text.known_keys(range, "seeds", &["first", "count"]);
        let mut part = |name: &str, ends| {
            let Some(found) = range.get(name) else {
                text.problem(value.span(), "seeds", format!("`{name}` is missing"));
                return None;
            };
            text.whole(found, &format!("seeds.{name}"), ends)
        };
        let first = part("first", (0, u64::MAX - MOST_TRIALS as u64));
        let count = part("count", (1, MOST_TRIALS as u64));
        let (first, count) = (first?, count?);
        return Some((first..first + count).collect());
    }
    let list = text.array(value, "seeds", "whole numbers")?;
    let mut seeds = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let path = format!("seeds[{number}]");
        let seed = text.whole(value, &path, (0, u64::MAX))?;
        if seeds.contains(&seed) {
            text.problem(value.span(), &path, format!("seed {seed} appears twice"));
        }
        seeds.push(seed);
    }
    Some(seeds)
}

pub(super) fn sizes(text: &mut Text<'_>, table: &DeTable<'_>, swept: bool) -> Option<Vec<Size>> {
    let Some(value) = table.get("sizes") else { return Some(Vec::new()) };
    if swept {
        text.problem(value.span(), "sizes", "`size` is a parameter: take `sizes` out");
        return None;
    }
    let list = text.array(value, "sizes", "sizes such as \"1024x768\"")?;
    let mut sizes = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let path = format!("sizes[{number}]");
        let size = text.parsed::<Size>(value, &path)?;
        if sizes.contains(&size) {
            text.problem(value.span(), &path, format!("{size} appears twice"));
        }
        sizes.push(size);
    }
    Some(sizes)
}
