//! Attention without stored scores, against its definition in f64.

use crate::emulator::{buffer, last, room, there_is_a_compiler, values};
use crate::numbers::{narrow_noise, wide};
use half::bf16;
use proptest::prelude::*;
use sigmalab_cuda::calls::{Attended, HeadShape, attention};

/// Shared memory that a block may have: the most of 9.0, and of 8.6.
const LARGE: usize = 227 << 10;
const SMALL: usize = 99 << 10;

#[derive(Debug, Clone, Copy)]
struct Shape {
    length: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    causal: bool,
}

fn by_definition(shape: Shape, q: &[f64], k: &[f64], v: &[f64]) -> Vec<f64> {
    let Shape { length, heads, kv_heads, head_dim, causal } = shape;
    let mut out = vec![0.0; length * heads * head_dim];
    for head in 0..heads {
        let shared = head / (heads / kv_heads);
        for i in 0..length {
            let seen = if causal { i + 1 } else { length };
            let query = &q[(i * heads + head) * head_dim..][..head_dim];
            let row = |values: &'_ [f64], j: usize| -> Vec<f64> {
                values[(j * kv_heads + shared) * head_dim..][..head_dim].to_vec()
            };
            let scores: Vec<f64> = (0..seen)
                .map(|j| {
                    let dot: f64 = query.iter().zip(row(k, j)).map(|(q, k)| q * k).sum();
                    dot / (head_dim as f64).sqrt()
                })
                .collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - top).exp()).collect();
            let total: f64 = weights.iter().sum();
            for (j, weight) in weights.iter().enumerate() {
                for (d, value) in row(v, j).into_iter().enumerate() {
                    out[(i * heads + head) * head_dim + d] += weight / total * value;
                }
            }
        }
    }
    out
}

fn check(shape: Shape, shared: usize, size: f32) {
    let Shape { length, heads, kv_heads, head_dim, causal } = shape;
    let grown = |count: usize, seed| -> Vec<bf16> {
        narrow_noise(count, seed).iter().map(|v| bf16::from_f32(v.to_f32() * size)).collect()
    };
    let query = grown(length * heads * head_dim, 1);
    let key = grown(length * kv_heads * head_dim, 2);
    let value = narrow_noise(length * kv_heads * head_dim, 3);
    let expected = by_definition(shape, &wide(&query), &wide(&key), &wide(&value));
    let of = Attended {
        query: buffer(&query),
        key: buffer(&key),
        value: buffer(&value),
        out: room::<bf16>(expected.len()),
    };
    let heads = HeadShape { tokens: length, heads, kv_heads, head_dim };
    let call = attention(of, heads, causal, shared);
    let kernel = call.as_ref().unwrap().launch.kernel;
    let found = wide(&values::<bf16>(&last(call)));
    // Values are within 1: weights are rounded to bf16 (their sum is not), and the result once more.
    for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let near = (found - expected).abs() <= 1.0 / 256.0;
        assert!(near, "{shape:?} {kernel} at {place}: {found}, not {expected}");
    }
}

#[test]
fn every_variant_follows_the_definition_at_seams_and_tails() {
    if !there_is_a_compiler() {
        return;
    }
    let shape = |length, heads, kv_heads, head_dim, causal| Shape {
        length,
        heads,
        kv_heads,
        head_dim,
        causal,
    };
    // Heads that are filled up and those that are not; tokens before, at and behind a tile's end.
    check(shape(1, 1, 1, 8, false), SMALL, 1.0);
    check(shape(64, 2, 2, 64, false), SMALL, 1.0);
    check(shape(65, 2, 1, 48, true), SMALL, 2.0);
    check(shape(130, 4, 2, 32, true), SMALL, 1.0);
    check(shape(77, 1, 1, 128, true), SMALL, 1.0);
    check(shape(70, 2, 1, 120, false), SMALL, 3.0);
    check(shape(129, 1, 1, 256, false), LARGE, 1.0);
    check(shape(66, 1, 1, 200, true), LARGE, 1.0);
    check(shape(100, 1, 1, 256, true), SMALL, 1.0);
    check(shape(63, 1, 1, 256, false), SMALL, 2.0);
}

#[test]
fn scores_are_not_rounded_before_they_are_weighed() {
    if !there_is_a_compiler() {
        return;
    }
    // Scores up to some hundreds: in bf16 they would be off by one and more.
    let shape = Shape { length: 40, heads: 1, kv_heads: 1, head_dim: 64, causal: false };
    check(shape, SMALL, 12.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_shape_follows_the_definition(
        length in 1_usize..150,
        kv_heads in 1_usize..3,
        group in 1_usize..3,
        eighths in 1_usize..17,
        causal in any::<bool>(),
    ) {
        if there_is_a_compiler() {
            let (heads, head_dim) = (kv_heads * group, 8 * eighths);
            check(Shape { length, heads, kv_heads, head_dim, causal }, SMALL, 1.5);
        }
    }
}
