#![allow(clippy::unwrap_used)]

use super::*;
use crate::base::isa::InstructionSet;
use half::bf16;
use proptest::prelude::*;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 31 + seed) * 7919 % 2003) as f32 / 500.0 - 2.0).collect()
}

fn cores(precision: Precision) -> Vec<Core> {
    let sets = InstructionSet::available();
    let lanes: &[Lane] = match precision {
        Precision::F32 => &[Lane::F32],
        Precision::Bf16 => &[Lane::F32, Lane::Bf16Pair],
    };
    sets.iter().flat_map(|set| lanes.iter().map(|lane| Core::new(*set, *lane, precision))).collect()
}

/// The definition, in f64.
fn expected(a: &Attention, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f64> {
    let Attention { heads, kv_heads, head_dim, length, keys, causal } = *a;
    let (q_row, k_row) = (heads * head_dim, kv_heads * head_dim);
    let mut out = vec![0.0; length * q_row];
    for h in 0..heads {
        let kv = h / (heads / kv_heads);
        for i in 0..length {
            let seen = if causal { (i + 1).min(keys) } else { keys };
            let weights: Vec<f64> = (0..seen)
                .map(|j| {
                    let q = &q[i * q_row + h * head_dim..][..head_dim];
                    let k = &k[j * k_row + kv * head_dim..][..head_dim];
                    let dot: f64 =
                        q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                    (dot / (head_dim as f64).sqrt()).exp()
                })
                .collect();
            let total: f64 = weights.iter().sum();
            for d in 0..head_dim {
                out[i * q_row + h * head_dim + d] = (0..seen)
                    .map(|j| weights[j] / total * f64::from(v[j * k_row + kv * head_dim + d]))
                    .sum();
            }
        }
    }
    out
}

fn check(a: Attention) {
    let (q_row, k_row) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
    let narrow =
        |values: Vec<f32>| -> Vec<bf16> { values.into_iter().map(bf16::from_f32).collect() };
    let q = narrow(numbers(a.length * q_row, 1));
    let (k, v) = (narrow(numbers(a.keys * k_row, 2)), narrow(numbers(a.keys * k_row, 3)));
    let wide = |values: &[bf16]| -> Vec<f32> { values.iter().map(|v| v.to_f32()).collect() };
    let (qw, kw, vw) = (wide(&q), wide(&k), wide(&v));
    let expected = expected(&a, &qw, &kw, &vw);
    for core in cores(Precision::F32) {
        let heads = |values, token| Heads { values, token, head: a.head_dim };
        let mut out = vec![0f32; expected.len()];
        a.apply_with(core, heads(&qw, q_row), heads(&kw, k_row), heads(&vw, k_row), &mut out);
        for (out, expected) in out.iter().zip(&expected) {
            assert!((f64::from(*out) - expected).abs() < 1e-5, "{a:?} {core:?} {out} {expected}");
        }
    }
    for core in cores(Precision::Bf16) {
        let heads = |values, token| Heads { values, token, head: a.head_dim };
        let mut out = vec![bf16::ZERO; expected.len()];
        a.apply_with(core, heads(&q, q_row), heads(&k, k_row), heads(&v, k_row), &mut out);
        for (out, expected) in out.iter().zip(&expected) {
            // The result is rounded, and where pairs are multiplied every weight is.
            let error = (out.to_f64() - expected).abs();
            assert!(error < 2.0 * 2f64.powi(-7), "{a:?} {core:?} {out} {expected}");
        }
    }
}

#[test]
fn blocks_of_queries_and_keys_meet_without_a_seam() {
    for causal in [false, true] {
        let (length, keys) = (QUERIES + 17, 2 * KEYS + 33);
        check(Attention { heads: 2, kv_heads: 1, head_dim: 40, length, keys, causal: false });
        let length = keys;
        check(Attention { heads: 1, kv_heads: 1, head_dim: 16, length, keys, causal });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_shape_follows_the_definition(
        kv_heads in 1..4usize,
        shared in 1..3usize,
        head_dim in 1..80usize,
        length in 1..60usize,
        causal in any::<bool>(),
    ) {
        let heads = kv_heads * shared;
        check(Attention { heads, kv_heads, head_dim, length, keys: length, causal });
    }
}

#[test]
fn heads_that_stand_one_after_the_other_are_read_where_they_are() {
    // Each head's tokens in one run, as rotary embedding leaves them.
    let a = Attention { heads: 3, kv_heads: 3, head_dim: 8, length: 5, keys: 5, causal: false };
    let q = numbers(5 * 24, 1);
    let fused = Heads { values: &q[..], token: 24, head: 8 };
    let (mut one, mut other) = (vec![0f32; 120], vec![0f32; 120]);
    attend(&a, fused, fused, fused, &mut one);
    // Behind other values of the token, as in a fused projection.
    let padded: Vec<f32> = q.chunks(24).flat_map(|row| [&[9.0; 7], row].concat()).collect();
    let behind = Heads { values: &padded[7..], token: 31, head: 8 };
    attend(&a, behind, behind, behind, &mut other);
    assert_eq!(one, other);
}
