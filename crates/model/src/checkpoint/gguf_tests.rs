//! GGUF headers, whole and damaged.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;
use std::sync::Arc;

fn try_read(file: &[u8]) -> Result<Contents, CheckpointError> {
    read(&StoredBytes::new(Arc::new(file.to_vec())), Path::new("here/model.gguf"))
}

fn problem(file: &[u8]) -> String {
    let message = try_read(file).unwrap_err().to_string();
    assert!(message.starts_with("here/model.gguf is not a complete GGUF file: "), "{message}");
    assert!(message.ends_with("; fetch the file again"), "{message}");
    message
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn value(key: &str, kind: u32, bytes: &[u8]) -> Vec<u8> {
    [&text(key), &kind.to_le_bytes()[..], bytes].concat()
}

fn tensor(name: &str, innermost_first: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = text(name);
    bytes.extend((innermost_first.len() as u32).to_le_bytes());
    bytes.extend(innermost_first.iter().flat_map(|length| length.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

fn file(
    version: u32,
    values: &[Vec<u8>],
    tensors: &[Vec<u8>],
    align: usize,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((values.len() as u64).to_le_bytes());
    bytes.extend(values.concat());
    bytes.extend(tensors.concat());
    bytes.resize(bytes.len().next_multiple_of(align), 0);
    bytes.extend(data);
    bytes
}

/// A matrix of 2 × 3 f32 and a row of one Q8_0 block, 64 bytes further on.
fn valid() -> Vec<u8> {
    let words = [&8u32.to_le_bytes()[..], &2u64.to_le_bytes(), &text("a"), &text("bc")].concat();
    let nested = [
        &9u32.to_le_bytes()[..],
        &1u64.to_le_bytes(),
        &4u32.to_le_bytes(),
        &2u64.to_le_bytes(),
        &[0; 8],
    ]
    .concat();
    let values = [
        value("general.architecture", 8, &text("qwen3vl")),
        value("tokens", 9, &words),
        value("nested", 9, &nested),
        value("general.alignment", 4, &64u32.to_le_bytes()),
        value("rope", 6, &5e6f32.to_le_bytes()),
        value("flag", 7, &[1]),
    ];
    let data: Vec<u8> = (0..64 + 34).collect();
    file(3, &values, &[tensor("m", &[3, 2], 0, 0), tensor("q", &[32], 8, 64)], 64, &data)
}

#[test]
fn tensors_have_their_lengths_turned_round_and_their_bytes() {
    let contents = try_read(&valid()).unwrap();
    let [(m, matrix), (q, row)] = &contents.tensors[..] else { panic!() };
    assert_eq!((m.as_str(), q.as_str()), ("m", "q"));
    assert_eq!((matrix.dtype, matrix.shape.as_slice()), (StoredType::F32, &[2, 3][..]));
    assert_eq!(matrix.bytes.as_slice(), (0..24).collect::<Vec<u8>>());
    assert_eq!(row.dtype, StoredType::Block(Block::Q8_0));
    assert_eq!(row.bytes.as_slice(), (64..98).collect::<Vec<u8>>());
    let says: Vec<(&str, &str)> =
        contents.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        says,
        [
            ("flag", "true"),
            ("general.alignment", "64"),
            ("general.architecture", "qwen3vl"),
            ("rope", "5000000"),
        ]
    );
}

#[test]
fn a_type_that_is_not_read_is_kept_by_its_name_or_number() {
    let tensors = [tensor("a", &[64], 23, 0), tensor("b", &[64], 4_000, 0)];
    let contents = try_read(&file(2, &[], &tensors, 32, &[0; 36])).unwrap();
    let types = contents.tensors.iter().map(|(_, tensor)| tensor.dtype.to_string());
    assert_eq!(types.collect::<Vec<_>>(), ["IQ4_XS", "GGUF type 4000"]);
}

/// A file of the gguf package: every format, and what that package widens it to.
#[test]
fn every_format_is_widened_to_the_bits_of_the_gguf_package() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/ggml-blocks/blocks.gguf");
    let contents = try_read(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(contents.metadata["general.name"], "every block format");
    assert_eq!(contents.metadata["general.alignment"], "64");
    assert_eq!(contents.metadata["flag"], "true");
    assert!(!contents.metadata.contains_key("words"));
    let find = |name: &str| &contents.tensors.iter().find(|(found, _)| found == name).unwrap().1;
    let bits = |tensor: &StoredTensor| -> Vec<u32> {
        crate::linear::widen_all(tensor).unwrap().iter().map(|v| v.to_bits()).collect()
    };
    for block in Block::ALL {
        let name = block.name();
        let (found, expected) = (find(name), find(&format!("{name}.expected")));
        assert_eq!(found.dtype, StoredType::Block(block));
        assert_eq!(stored_type(block_number(block)), StoredType::Block(block));
        assert_eq!((&found.shape, &found.shape), (&expected.shape, &vec![3, 512]));
        assert_eq!(bits(found), bits(expected), "{name}");
    }
    let rounded = find("Q8_0.rounded");
    assert_eq!(bits(rounded), bits(find("Q8_0.rounded.expected")));
    let wide = |tensor| crate::linear::widen_all(tensor).unwrap();
    let (found, original) = (wide(rounded), wide(find("Q8_0.original")));
    for (found, original) in found.chunks(32).zip(original.chunks(32)) {
        // Half a step of 127 to the largest value, and an f16's rounding of the step.
        let largest = original.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        for (found, original) in found.iter().zip(original) {
            assert!((found - original).abs() <= largest * (0.5 / 127.0 + 1.0 / 2048.0));
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let with = |version, values: &[Vec<u8>], tensor: Vec<u8>| {
        problem(&file(version, values, &[tensor], 32, &[0; 64]))
    };
    let plain = || tensor("a", &[4], 0, 0);
    let alignment = |bytes: u32| value("general.alignment", 4, &bytes.to_le_bytes());
    let list = |kind: u32, length: u64| {
        value("k", 9, &[&kind.to_le_bytes()[..], &length.to_le_bytes()].concat())
    };
    for (found, words) in [
        (problem(b"GGU"), "does not begin with GGUF"),
        (problem(b"version https://git-lfs"), "does not begin with GGUF"),
        (with(1, &[], plain()), "its version is 1"),
        (with(3 << 24, &[], plain()), "big-endian"),
        (with(3, &[value("k", 13, &[])], plain()), "k: a value of the unknown type 13"),
        (with(3, &[alignment(0)], plain()), "general.alignment is 0"),
        (with(3, &[alignment(24)], plain()), "general.alignment is 24"),
        (with(3, &[], tensor("a", &[1; 5], 0, 0)), "tensor a has 5 axes"),
        (
            with(3, &[], tensor("a", &[33], 8, 0)),
            "rows of 33 values do not divide into blocks of 32",
        ),
        (with(3, &[], tensor("a", &[128, 2], 14, 0)), "do not divide into blocks of 256 (Q6_K)"),
        (with(3, &[], tensor("a", &[1 << 40, 1 << 40], 0, 0)), "its size overflows"),
        (with(3, &[], tensor("a", &[16], 0, 32)), "tensor a ends beyond them"),
        (with(3, &[], tensor("a", &[16], 0, u64::MAX)), "tensor a ends beyond them"),
        (with(3, &[], [text("a"), vec![0xff; 4]].concat()), "axes"),
        (with(3, &[], vec![0xff; 8]), "a name in its header has 18446744073709551615 bytes"),
        (with(3, &[value("k", 9, &[[0xff; 12], [0xff; 12]].concat())], plain()), "unknown type"),
        (with(3, &[list(4, u64::MAX)], plain()), "k: a list in its header is too long"),
        (with(3, &[list(8, u64::MAX)], plain()), "may be cut short"),
        (with(3, &[list(0, 1 << 60)], plain()), "may be cut short"),
    ] {
        assert!(found.contains(words), "{words}: {found}");
    }
}

#[test]
fn counts_that_no_file_can_hold_are_refused_at_once() {
    for at in [8, 16] {
        let mut file = valid();
        file[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(!problem(&file).is_empty());
    }
}

#[test]
fn a_long_text_is_passed_over() {
    let long = "x".repeat(70_000);
    let values = [value("chat", 8, &text(&long)), value("name", 8, &text("short"))];
    let contents = try_read(&file(3, &values, &[], 32, &[])).unwrap();
    assert_eq!(
        contents.metadata.into_iter().collect::<Vec<_>>(),
        [("name".into(), "short".into())]
    );
}

proptest! {
    #[test]
    fn a_file_cut_short_is_refused(cut in 0..valid().len()) {
        prop_assert!(try_read(&valid()[..cut]).is_err());
    }

    #[test]
    fn no_bytes_make_reading_panic(
        replacements in prop::collection::vec((0..valid().len(), any::<u8>()), 1..6),
    ) {
        let mut file = valid();
        for (at, byte) in replacements {
            file[at] = byte;
        }
        if let Ok(contents) = try_read(&file) {
            for (_, tensor) in contents.tensors {
                prop_assert!(tensor.bytes.as_slice().len() <= file.len());
            }
        }
    }
}

#[test]
fn no_damaged_copy_of_a_file_panics_or_gives_bytes_that_are_not_its_own() {
    for damaged in sigmalab_mutations::Mutations::of(&valid(), 20).take(20_000) {
        let Ok(contents) = try_read(&damaged) else { continue };
        for (name, tensor) in contents.tensors {
            assert!(std::str::from_utf8(name.as_bytes()).is_ok());
            assert!(tensor.bytes.as_slice().len() <= damaged.len());
        }
    }
}

/// A map of a file that somebody else writes to meanwhile.
#[test]
fn a_name_that_changes_while_it_is_read_is_text_all_the_same() {
    use std::os::unix::fs::FileExt as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    let long = "a".repeat(60_000);
    let bytes = file(3, &[], &[tensor(&long, &[1], 0, 0)], 32, &[0; 4]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, &bytes).unwrap();
    let last = (bytes.windows(4).rposition(|four| four == b"aaaa").unwrap() + 3) as u64;
    let map = crate::checkpoint::map::map(&path).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            while !stop.load(Ordering::Relaxed) {
                file.write_all_at(&[0xff], last).unwrap();
                file.write_all_at(b"a", last).unwrap();
            }
        });
        let is_text = (0..20_000).all(|_| match read(&map, &path) {
            Ok(contents) => std::str::from_utf8(contents.tensors[0].0.as_bytes()).is_ok(),
            Err(_) => true,
        });
        stop.store(true, Ordering::Relaxed);
        assert!(is_text, "a name is no text");
    });
}
