//! Which files of a repository a checkpoint needs, and which of them a folder lacks. Knows names
//! and index files, and no tensors.

use sigmalab_files::shared_folder::{read_plain, stays_below};
use sigmalab_text::text_file::bytes_without_mark;
use std::collections::BTreeSet;
use std::path::Path;

/// Most bytes of an index that are read; the largest in use has some hundred kilobytes.
const INDEX_LIMIT: u64 = 64 << 20;

/// The file that names a checkpoint's parts in the diffusers layout.
pub(super) const MODEL_INDEX: &str = "model_index.json";

/// Files that are fetched from the repository's root.
const ROOT_FILES: [&str; 2] = [MODEL_INDEX, "sigmalab.json"];

/// Folders that hold weights, with the name of an unsharded weights file.
const WEIGHT_FOLDERS: [(&str, &str); 4] = [
    ("text_encoder", "model.safetensors"),
    ("transformer", "diffusion_pytorch_model.safetensors"),
    ("unconditional_transformer", "diffusion_pytorch_model.safetensors"),
    ("vae", "diffusion_pytorch_model.safetensors"),
];

/// The folder of the prompt's tokenizer.
const TOKENIZER: &str = "tokenizer";

/// Files that are fetched from the folders, by ending: configurations, shard indexes and
/// tokenizers, weights, chat templates. Pictures, licences, other formats and other folders
/// (`scheduler/`, `onnx/`) stay where they are.
const ENDINGS: [&str; 3] = [".json", ".safetensors", ".jinja"];

/// Whether a checkpoint needs the file of that name (as the hub lists it).
pub(super) fn is_needed(name: &str) -> bool {
    match name.split_once('/') {
        None => ROOT_FILES.contains(&name),
        Some((folder, file)) => {
            (folder == TOKENIZER || WEIGHT_FOLDERS.iter().any(|(known, _)| *known == folder))
                && is_file_name(file)
                && ENDINGS.iter().any(|ending| file.ends_with(ending))
        }
    }
}

/// Whether the listing has the weights without which there is nothing to run.
pub(super) fn has_transformer(names: &[String]) -> bool {
    names.iter().any(|name| name.starts_with("transformer/") && name.ends_with(".safetensors"))
}

/// What a snapshot lacks to be a checkpoint, by name in the repository. `known_absent` says which
/// files the repository itself does not have.
///
/// A snapshot needs text encoder, transformer, decoder and tokenizer; and the unconditional
/// transformer where `model_index.json` names it or its folder is there. Each part with weights
/// needs its `config.json` and its weights: every shard of an index, else one file.
/// `model_index.json` is in the list where it is missing, because it alone can say whether there
/// should be an unconditional transformer.
pub(super) fn missing(snapshot: &Path, known_absent: impl Fn(&str) -> bool) -> Vec<String> {
    let mut needed = BTreeSet::new();
    let index = read_json(&snapshot.join(MODEL_INDEX));
    needed.insert(MODEL_INDEX.to_owned());
    needed.insert(format!("{TOKENIZER}/tokenizer.json"));
    for (folder, file) in WEIGHT_FOLDERS {
        let named = index.as_ref().and_then(|index| index.get(folder)).is_some_and(is_part);
        if folder != "unconditional_transformer" || named || snapshot.join(folder).is_dir() {
            needed.insert(format!("{folder}/config.json"));
            needed.extend(weight_files(snapshot, folder, file));
        }
    }
    needed.retain(|name| !snapshot.join(name).exists() && !known_absent(name));
    needed.into_iter().collect()
}

/// Whether an entry of `model_index.json` names a part: `["diffusers", "Class"]`, and not
/// `[null, null]`.
fn is_part(entry: &serde_json::Value) -> bool {
    entry.get(0).is_some_and(serde_json::Value::is_string)
}

/// The weight files that a part needs, as far as its folder tells.
fn weight_files(snapshot: &Path, folder: &str, unsharded: &str) -> Vec<String> {
    let path = snapshot.join(folder);
    let present: Vec<String> = std::fs::read_dir(&path)
        .map(|entries| {
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
        })
        .unwrap_or_default();
    let mut needed = Vec::new();
    for name in &present {
        if name.ends_with(".safetensors.index.json") {
            let index = read_json(&path.join(name));
            let shards = index.as_ref().and_then(|index| index.get("weight_map")?.as_object());
            let shards: BTreeSet<&str> =
                shards.into_iter().flatten().filter_map(|(_, shard)| shard.as_str()).collect();
            needed.extend(
                shards.into_iter().filter(|s| stays_below(s)).map(|s| format!("{folder}/{s}")),
            );
        } else if let Some(stem) = shard_stem(name) {
            needed.push(format!("{folder}/{stem}.safetensors.index.json"));
        }
    }
    if needed.is_empty() && !present.iter().any(|name| name.ends_with(".safetensors")) {
        needed.push(format!("{folder}/{unsharded}"));
    }
    needed
}

/// `model` of `model-00002-of-00005.safetensors`.
fn shard_stem(name: &str) -> Option<&str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (rest, count) = name.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    (digits(count) && digits(number)).then_some(stem)
}

fn is_file_name(name: &str) -> bool {
    stays_below(name) && !name.contains('/')
}

fn read_json(path: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(bytes_without_mark(&read_plain(path, INDEX_LIMIT).ok()?)).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const WHOLE: [&str; 9] = [
        "tokenizer/tokenizer.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "unconditional_transformer/config.json",
        "unconditional_transformer/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ];

    fn folder(files: &[&str], contents: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files.iter().map(|name| (*name, "")).chain(contents.iter().copied()) {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn lacks(folder: &tempfile::TempDir) -> Vec<String> {
        missing(folder.path(), |_| false)
    }

    #[test]
    fn weights_configurations_tokenizer_and_template_are_needed_and_nothing_else() {
        for name in WHOLE.into_iter().chain([
            "model_index.json",
            "sigmalab.json",
            "transformer/diffusion_pytorch_model.safetensors.index.json",
            "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
            "tokenizer/chat_template.jinja",
        ]) {
            assert!(is_needed(name), "{name}");
        }
        for name in [
            "README.md",
            "LICENSE",
            "config.json",
            "model.safetensors",
            "assets/grid.png",
            "transformer/grid.png",
            "transformer/model.bin",
            "transformer/old/model.safetensors",
            "transformer/../config.json",
            "scheduler/scheduler_config.json",
            "/transformer/config.json",
        ] {
            assert!(!is_needed(name), "{name}");
        }
    }

    #[test]
    fn a_whole_folder_lacks_only_the_index_that_tells_its_parts() {
        assert_eq!(lacks(&folder(&WHOLE, &[])), [MODEL_INDEX]);
        let absent = |name: &str| name == MODEL_INDEX;
        assert!(missing(folder(&WHOLE, &[]).path(), absent).is_empty());
    }

    #[test]
    fn each_file_of_a_whole_folder_is_missed() {
        for left_out in WHOLE {
            let rest: Vec<&str> = WHOLE.into_iter().filter(|name| *name != left_out).collect();
            let missing = lacks(&folder(&rest, &[]));
            assert_eq!(missing, [MODEL_INDEX, left_out]);
        }
    }

    #[test]
    fn the_unconditional_transformer_is_needed_where_the_model_index_names_it() {
        let conditional: Vec<&str> =
            WHOLE.into_iter().filter(|name| !name.starts_with("unconditional")).collect();
        let with = r#"{"unconditional_transformer": ["diffusers", "Ideogram4Transformer2DModel"]}"#;
        let without = r#"{"unconditional_transformer": [null, null]}"#;
        assert!(lacks(&folder(&conditional, &[(MODEL_INDEX, without)])).is_empty());
        assert!(lacks(&folder(&conditional, &[(MODEL_INDEX, "{}")])).is_empty());
        let marked = format!("\u{feff}{with}");
        assert_eq!(
            lacks(&folder(&conditional, &[(MODEL_INDEX, &marked)])),
            lacks(&folder(&conditional, &[(MODEL_INDEX, with)])),
        );
        assert_eq!(
            lacks(&folder(&conditional, &[(MODEL_INDEX, with)])),
            [WHOLE[5].to_owned(), WHOLE[6].to_owned()]
        );
    }

    #[test]
    fn every_shard_of_an_index_is_needed() {
        let files: Vec<&str> = WHOLE
            .into_iter()
            .filter(|name| *name != "transformer/diffusion_pytorch_model.safetensors")
            .chain(["transformer/m-00001-of-00002.safetensors"])
            .collect();
        let index = r#"{"weight_map": {"a": "m-00001-of-00002.safetensors",
            "b": "m-00002-of-00002.safetensors", "c": "../../elsewhere.safetensors"}}"#;
        let index = [("transformer/m.safetensors.index.json", index), (MODEL_INDEX, "{}")];
        assert_eq!(lacks(&folder(&files, &index)), ["transformer/m-00002-of-00002.safetensors"]);
        assert_eq!(
            lacks(&folder(&files, &index[1..])),
            ["transformer/m.safetensors.index.json"],
            "a shard without its index"
        );
    }

    proptest! {
        #[test]
        fn a_needed_name_never_leads_out_of_its_folder(
            name in "(transformer|vae|\\.\\.|)/?[a-z./\\\\]{0,12}(\\.json|\\.safetensors)"
        ) {
            if is_needed(&name) {
                prop_assert!(stays_below(&name));
                prop_assert!(std::path::Path::new(&name).components().all(
                    |part| matches!(part, std::path::Component::Normal(_))));
            }
        }

        #[test]
        fn no_index_file_makes_the_check_fail(text in "\\PC*") {
            let folder = folder(
                &[], &[(MODEL_INDEX, &text), ("vae/x.safetensors.index.json", &text)]);
            prop_assert!(!lacks(&folder).is_empty());
        }
    }
}
