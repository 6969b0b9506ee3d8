//! Shards and their index.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use ::safetensors::tensor::{Dtype, TensorView, serialize};
use proptest::prelude::*;
use tempfile::TempDir;

const STEM: &str = "model";

/// A folder of two shards: one with `a` and `b`, one with `c`.
fn shards() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("part");
    std::fs::create_dir(&part).unwrap();
    let file = |names: &[&str]| {
        let views = names.iter().map(|name| (*name, view(name.as_bytes())));
        serialize(views, None).unwrap()
    };
    std::fs::write(part.join("one.safetensors"), file(&["a", "b"])).unwrap();
    std::fs::write(part.join("two.safetensors"), file(&["c"])).unwrap();
    std::fs::write(folder.path().join("outside.safetensors"), file(&["d"])).unwrap();
    folder
}

fn view(bytes: &[u8]) -> TensorView<'_> {
    TensorView::new(Dtype::U8, vec![bytes.len()], bytes).unwrap()
}

fn open_with(folder: &TempDir, index: &[u8]) -> Result<StoredPart, CheckpointError> {
    std::fs::write(folder.path().join("part/model.safetensors.index.json"), index).unwrap();
    open(&Files::Folder(folder.path().to_owned()), "part", &[STEM])
}

const INDEX: &str = r#"{"metadata": {"total_size": 3}, "weight_map": {"a": "one.safetensors",
    "b": "one.safetensors", "c": "two.safetensors"}}"#;

#[test]
fn tensors_of_all_shards_are_one_part() {
    let part = open_with(&shards(), INDEX.as_bytes()).unwrap();
    let names: Vec<&str> = part.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(part.files, 2);
    assert_eq!(part.get("c").unwrap().bytes.as_slice(), b"c");
    assert!(part.place_of("c").ends_with("part/two.safetensors"));
}

#[test]
fn what_the_index_leaves_out_is_left_out() {
    let index = r#"{"weight_map": {"a": "one.safetensors"}}"#;
    let part = open_with(&shards(), index.as_bytes()).unwrap();
    assert!(part.get("a").is_some() && part.get("b").is_none());
}

#[test]
fn an_index_that_cannot_be_trusted_is_refused() {
    let folder = shards();
    let absolute = folder.path().join("outside.safetensors");
    let absolute = absolute.to_str().unwrap();
    for (from, to, words) in [
        ("two.safetensors", "three.safetensors", "three.safetensors that it names is missing"),
        ("two.safetensors", "one.safetensors", "tensor c is not in the shard one.safetensors"),
        ("two.safetensors", "../outside.safetensors", "no file in this folder or below it"),
        ("two.safetensors", absolute, "no file in this folder or below it"),
        ("two.safetensors", "..", "no file in this folder or below it"),
        ("two.safetensors", "", "no file in this folder or below it"),
        ("two.safetensors", r"..\\outside.safetensors", "no file in this folder or below it"),
        ("\"b\"", "\"a\"", "the key \"a\" comes twice"),
        ("\"b\"", "\"d\"", "tensor d is not in the shard"),
        ("weight_map", "weights", "missing field `weight_map`"),
        ("\"one.safetensors\"", "1", "line 1, column"),
        ("}}", "}", "line 2, column"),
    ] {
        let message = open_with(&folder, INDEX.replace(from, to).as_bytes()).unwrap_err();
        let message = message.to_string();
        assert!(message.contains(words), "{words}: {message}");
        assert!(message.contains("model.safetensors.index.json"), "{message}");
    }
    assert!(open_with(&folder, br#"{"weight_map": {}}"#).is_err());
}

/// As people patch checkpoints: the new values in a file of their own, the old ones left behind.
#[test]
fn the_index_decides_which_copy_of_a_tensor_counts() {
    let folder = shards();
    let overlay = serialize([("a", view(b"z"))], None).unwrap();
    std::fs::write(folder.path().join("part/overlay.safetensors"), overlay).unwrap();
    let index = INDEX.replace("\"a\": \"one", "\"a\": \"overlay");
    let part = open_with(&folder, index.as_bytes()).unwrap();
    assert_eq!(part.get("a").unwrap().bytes.as_slice(), b"z");
    assert!(part.place_of("a").ends_with("overlay.safetensors"));
    assert_eq!(part.iter().count(), 3);
    // And the other way round: the overlay is there and the index does not ask for it.
    let part = open_with(&folder, INDEX.as_bytes()).unwrap();
    assert_eq!(part.get("a").unwrap().bytes.as_slice(), b"a");
}

#[test]
fn without_an_index_a_tensor_in_two_files_is_refused() {
    let folder = shards();
    let bytes = serialize([("a", view(b"z")), ("c", view(b"c"))], None).unwrap();
    std::fs::write(folder.path().join("part/two.safetensors"), bytes).unwrap();
    let files = Files::Folder(folder.path().to_owned());
    let paths = ["one", "two"].map(|stem| format!("part/{stem}.safetensors"));
    let message = open_files(&files, &paths, "part".into()).unwrap_err().to_string();
    assert!(message.contains("tensor a is also in"), "{message}");
    assert!(message.contains("two.safetensors"), "{message}");
}

#[test]
fn shards_may_lie_in_folders_below_the_index() {
    let folder = shards();
    std::fs::create_dir(folder.path().join("part/base")).unwrap();
    for name in ["one", "two"] {
        let name = format!("{name}.safetensors");
        let part = folder.path().join("part");
        std::fs::rename(part.join(&name), part.join("base").join(&name)).unwrap();
    }
    let index = INDEX.replace("\"one.", "\"base/one.").replace("\"two.", "\"base/two.");
    let part = open_with(&folder, index.as_bytes()).unwrap();
    assert_eq!(part.get("c").unwrap().bytes.as_slice(), b"c");
    assert!(part.place_of("c").ends_with("part/base/two.safetensors"));
}

#[test]
fn a_stale_split_beside_the_index_and_a_wrong_total_change_nothing() {
    let folder = shards();
    for number in 1..=2 {
        let stale = folder.path().join(format!("part/model-0000{number}-of-00002.safetensors"));
        std::fs::write(stale, serialize([("a", view(b"s"))], None).unwrap()).unwrap();
    }
    for total in ["0", "99999999999999999999999", "\"three\"", "-1", "null"] {
        let index = INDEX.replace("\"total_size\": 3", &format!("\"total_size\": {total}"));
        let part = open_with(&folder, index.as_bytes()).unwrap();
        assert_eq!(part.get("a").unwrap().bytes.as_slice(), b"a");
    }
}

#[test]
fn a_single_file_comes_before_an_index_and_a_missing_one_is_named() {
    let folder = shards();
    let files = Files::Folder(folder.path().to_owned());
    let message = open(&files, "part", &[STEM]).unwrap_err().to_string();
    assert!(message.contains("looked for model.safetensors, model.safetensors.index.json"));
    let single = folder.path().join("part/model.safetensors");
    std::fs::copy(folder.path().join("outside.safetensors"), single).unwrap();
    let part = open_with(&folder, INDEX.as_bytes()).unwrap();
    assert!(part.get("d").is_some() && part.get("a").is_none());
}

#[test]
fn a_missing_tensor_is_named_with_the_nearest_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["layers.0.ffn_norm1.weight", "other"];
    let bytes = serialize(names.map(|name| (name, view(b"x"))), None).unwrap();
    std::fs::create_dir(folder.path().join("part")).unwrap();
    std::fs::write(folder.path().join("part/model.safetensors"), bytes).unwrap();
    let part = open(&Files::Folder(folder.path().to_owned()), "part", &[STEM]).unwrap();
    let message = part.require("layers.0.ffn_norm.weight").unwrap_err().to_string();
    assert!(message.contains("no tensor layers.0.ffn_norm.weight"), "{message}");
    assert!(message.contains("there is layers.0.ffn_norm1.weight"), "{message}");
    assert!(message.contains("part/model.safetensors"), "{message}");
    let message = part.require("unheard_of").unwrap_err().to_string();
    assert!(!message.contains("there is"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_index_panics_or_leads_out_of_the_folder(
        changes in prop::collection::vec((0..INDEX.len(), any::<u8>()), 0..4),
        cut in 0..=INDEX.len(),
    ) {
        let mut index = INDEX.as_bytes().to_vec();
        for (at, byte) in changes {
            index[at] = byte;
        }
        index.truncate(cut);
        if let Ok(part) = open_with(&shards(), &index) {
            prop_assert!(part.iter().all(|(name, _)| ["a", "b", "c"].contains(&name)));
        }
    }

    #[test]
    fn a_shard_stays_in_its_folder(shard in "[./\\\\a]{0,6}") {
        let parts = Path::new(&shard).components();
        let climbs = parts.clone().any(|part| !matches!(part, std::path::Component::Normal(_)));
        if climbs || shard.contains('\\') || shard.is_empty() {
            prop_assert!(!stays_below(&shard));
        }
        let plain = !shard.contains(['/', '\\']) && !["", ".", ".."].contains(&shard.as_str());
        prop_assert!(stays_below(&shard) || !plain);
    }
}
