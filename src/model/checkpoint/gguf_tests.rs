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
    assert!(message.starts_with("here/model.gguf is no whole GGUF file: "), "{message}");
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
fn a_type_that_is_not_read_is_kept_by_its_name() {
    let file = file(2, &[], &[tensor("a", &[64], 20, 0)], 32, &[0; 36]);
    let contents = try_read(&file).unwrap();
    assert_eq!(contents.tensors[0].1.dtype, StoredType::Other("IQ4_NL"));
}

#[test]
fn what_is_wrong_is_said() {
    let with = |version, values: &[Vec<u8>], tensor: Vec<u8>| {
        problem(&file(version, values, &[tensor], 32, &[0; 64]))
    };
    let plain = || tensor("a", &[4], 0, 0);
    let alignment = |bytes: u32| value("general.alignment", 4, &bytes.to_le_bytes());
    for (found, words) in [
        (problem(b"GGU"), "does not begin with GGUF"),
        (problem(b"version https://git-lfs"), "does not begin with GGUF"),
        (with(1, &[], plain()), "its version is 1"),
        (with(3, &[value("k", 13, &[])], plain()), "k: a value of the unknown type 13"),
        (with(3, &[alignment(0)], plain()), "general.alignment is 0"),
        (with(3, &[alignment(24)], plain()), "general.alignment is 24"),
        (with(3, &[], tensor("a", &[1; 5], 0, 0)), "tensor a has 5 axes"),
        (with(3, &[], tensor("a", &[33], 8, 0)), "rows of 33 values are no whole blocks of 32"),
        (with(3, &[], tensor("a", &[128, 2], 14, 0)), "no whole blocks of 256 (Q6_K)"),
        (with(3, &[], tensor("a", &[1 << 40, 1 << 40], 0, 0)), "its size overflows"),
        (with(3, &[], tensor("a", &[16], 0, 32)), "tensor a ends behind them"),
        (with(3, &[], tensor("a", &[16], 0, u64::MAX)), "tensor a ends behind them"),
        (with(3, &[], [text("a"), vec![0xff; 4]].concat()), "axes"),
    ] {
        assert!(found.contains(words), "{words}: {found}");
    }
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
