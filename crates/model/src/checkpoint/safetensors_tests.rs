//! Files that are whole, cut, changed or made up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use ::safetensors::tensor::{TensorView, serialize};
use proptest::prelude::*;
use std::sync::Arc;

fn try_read(file: &[u8]) -> Result<Vec<(String, StoredTensor)>, CheckpointError> {
    let bytes = StoredBytes::new(Arc::new(file.to_vec()));
    read(&bytes, Path::new("here/model.safetensors")).map(|contents| contents.tensors)
}

fn problem(file: &[u8]) -> String {
    let message = try_read(file).unwrap_err().to_string();
    assert!(message.contains("here/model.safetensors"), "{message}");
    assert!(message.contains("fetch the file again"), "{message}");
    message
}

/// A file with this header and `data` bytes behind it.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(vec![7; data]);
    file
}

fn valid() -> Vec<u8> {
    let values: Vec<u8> = (0..48).collect();
    let tensors = [
        ("a.weight", TensorView::new(Dtype::F32, vec![3, 2], &values[..24]).unwrap()),
        ("a.bias", TensorView::new(Dtype::BF16, vec![3], &values[24..30]).unwrap()),
        ("b", TensorView::new(Dtype::F8_E4M3, vec![2, 3, 3], &values[30..]).unwrap()),
    ];
    serialize(tensors, None).unwrap()
}

#[test]
fn a_whole_file_gives_its_tensors() {
    let tensors = try_read(&valid()).unwrap();
    let get = |name: &str| &tensors.iter().find(|(found, _)| found == name).unwrap().1;
    assert_eq!(tensors.len(), 3);
    assert_eq!(get("a.weight").dtype, StoredType::F32);
    assert_eq!(get("a.weight").bytes.as_slice(), (0..24).collect::<Vec<u8>>());
    assert_eq!(get("a.bias").shape, [3]);
    assert_eq!(get("b").dtype, StoredType::F8E4M3);
    assert_eq!(get("b").bytes.as_slice(), (30..48).collect::<Vec<u8>>());
}

#[test]
fn every_way_to_be_broken_is_told_apart() {
    let entry = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let one = |dtype, shape, offsets| format!(r#"{{"the.name":{}}}"#, entry(dtype, shape, offsets));
    let four = entry("U8", "[4]", "[0,4]");
    for (file, words) in [
        (vec![], "0 bytes"),
        (vec![1, 2, 3], "3 bytes"),
        (u64::MAX.to_le_bytes().to_vec(), "claims a header of 18446744073709551615 bytes"),
        (99_999_999u64.to_le_bytes().to_vec(), "claims a header of 99999999 bytes and has 8"),
        (with_header("\u{0}", 0), "its header"),
        (with_header("[]", 0), "its header"),
        (with_header(&one("F9", "[1]", "[0,1]"), 1), "tensor the.name: unknown variant `F9`"),
        (with_header(&one("F32", "[-1]", "[0,4]"), 4), "tensor the.name"),
        (with_header(&one("F32", "[2]", "[0,4]"), 4), "do not fill"),
        (with_header(&one("U8", "[4]", "[0,4]"), 3), "cut short"),
        (with_header(&one("U8", "[4]", "[0,4]"), 5), "cut short"),
        (with_header(&one("U8", "[4]", "[4,8]"), 8), "the.name overlap"),
        (with_header(&one("U8", "[4]", "[4,0]"), 8), "the.name overlap"),
        (
            with_header(&format!(r#"{{"a":{four},"b":{}}}"#, entry("U8", "[4]", "[2,6]")), 6),
            "b overlap",
        ),
        (with_header(&format!(r#"{{"a":{four},"a":{four}}}"#), 4), "the key \"a\" comes twice"),
        (with_header(&one("F32", "[4294967296,4294967296]", "[0,4]"), 4), "overflows"),
    ] {
        let message = problem(&file);
        assert!(message.contains(words), "{words}: {message}");
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(file in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = try_read(&file);
    }

    #[test]
    fn every_truncation_is_an_error(cut in 0..valid().len()) {
        prop_assert!(try_read(&valid()[..cut]).is_err());
    }

    #[test]
    fn a_changed_file_is_an_error_or_gives_tensors_of_the_claimed_size(
        changes in prop::collection::vec((0..valid().len(), any::<u8>()), 1..5),
    ) {
        let mut file = valid();
        for (at, byte) in changes {
            file[at] = byte;
        }
        for (_, tensor) in try_read(&file).unwrap_or_default() {
            let elements: usize = tensor.shape.iter().product();
            prop_assert!(tensor.bytes.as_slice().len() <= file.len());
            prop_assert!(elements == 0 || !tensor.bytes.as_slice().is_empty());
        }
    }

    #[test]
    fn a_made_up_header_never_panics(
        dtype in prop::sample::select(vec!["F32", "BF16", "F4", "U8", "F8_E4M3", "C64", "?"]),
        shape in prop::collection::vec(prop_oneof![0..5u64, any::<u64>()], 0..4),
        (start, end) in prop_oneof![(0..9u64, 0..9u64), (any::<u64>(), any::<u64>())],
        data in 0..64usize,
    ) {
        let header = format!(
            r#"{{"t":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}}}"#
        );
        for (_, tensor) in try_read(&with_header(&header, data)).unwrap_or_default() {
            prop_assert_eq!(tensor.bytes.as_slice().len(), data);
        }
    }
}

#[test]
fn no_damaged_copy_of_a_file_panics_or_gives_bytes_that_are_not_its_own() {
    for damaged in sigmalab_mutations::Mutations::of(&valid(), 20).take(20_000) {
        for (_, tensor) in try_read(&damaged).unwrap_or_default() {
            assert!(tensor.bytes.as_slice().len() <= damaged.len());
        }
    }
}
