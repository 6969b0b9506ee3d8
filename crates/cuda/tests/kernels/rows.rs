//! Kernels that work row by row, against their definitions in f64.

use crate::emulator::{Bytes, buffer, last, room, run, there_is_a_compiler, values};
use crate::numbers::{ROUNDING, assert_near, narrow_noise, noise, wide};
use half::bf16;
use sigmalab_cuda::Number;
use sigmalab_cuda::calls::{
    HeadShape, Heads, Product, add_rms_norm, finish, rms_norm, split_heads, swiglu,
};

const EPS: f32 = 1e-5;

fn normalised(row: &[f64], gain: &[f64]) -> Vec<f64> {
    let mean = row.iter().map(|v| v * v).sum::<f64>() / row.len() as f64;
    let scale = 1.0 / (mean + f64::from(EPS)).sqrt();
    row.iter().zip(gain).map(|(v, gain)| v * scale * gain).collect()
}

fn f64s(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn of_product(values: &[f32], scale: Option<&[f32]>, rows: Option<&[f32]>) -> Product<Bytes> {
    Product { values: buffer(values), scale: scale.map(buffer), row_scale: rows.map(buffer) }
}

#[test]
fn rows_are_normalised() {
    if !there_is_a_compiler() {
        return;
    }
    for (rows, width) in [(3, 300), (1, 1), (2, 256), (5, 77)] {
        let (x, gain) = (noise(rows * width, 1), noise(width, 2));
        let expected: Vec<f64> =
            f64s(&x).chunks(width).flat_map(|row| normalised(row, &f64s(&gain))).collect();
        let (out, shape) = (room::<f32>(x.len()), [rows, width]);
        let found = last(rms_norm(Number::F32, buffer(&x), buffer(&gain), out, shape, EPS));
        assert_near("rms norm", &f64s(&values::<f32>(&found)), &expected, 2e-6, 1e-9);

        let (x, gain) = (narrow_noise(rows * width, 1), narrow_noise(width, 2));
        let expected: Vec<f64> =
            wide(&x).chunks(width).flat_map(|row| normalised(row, &wide(&gain))).collect();
        let (out, shape) = (room::<bf16>(x.len()), [rows, width]);
        let found = last(rms_norm(Number::Bf16, buffer(&x), buffer(&gain), out, shape, EPS));
        assert_near("rms norm", &wide(&values::<bf16>(&found)), &expected, ROUNDING, 1e-9);
    }
}

#[test]
fn normalised_products_are_added_to_the_hidden_state() {
    if !there_is_a_compiler() {
        return;
    }
    for (rows, width, scaled) in [(3, 300, true), (2, 64, false), (1, 1000, true)] {
        let (product, hidden) = (noise(rows * width, 1), narrow_noise(rows * width, 2));
        let (gain, scale, by_row) = (narrow_noise(width, 3), noise(width, 4), noise(rows, 5));
        let scale = scaled.then_some(&scale[..]);
        let by_row = scaled.then_some(&by_row[..]);
        let scaled_row = |at: usize, row: &[f32]| -> Vec<f64> {
            let of = |scale: Option<&[f32]>, at: usize| scale.map_or(1.0, |of| f64::from(of[at]));
            (0..width).map(|i| f64::from(row[i]) * of(scale, i) * of(by_row, at)).collect()
        };
        let mut expected = wide(&hidden);
        for (at, (row, out)) in product.chunks(width).zip(expected.chunks_mut(width)).enumerate() {
            let row = scaled_row(at, row);
            out.iter_mut().zip(normalised(&row, &wide(&gain))).for_each(|(out, v)| *out += v);
        }
        let of = of_product(&product, scale, by_row);
        let (gain, hidden, out) = (buffer(&gain), buffer(&hidden), room::<bf16>(rows * width));
        let found = last(add_rms_norm(Number::Bf16, of, gain, hidden, out, [rows, width], EPS));
        assert_near("residual", &wide(&values::<bf16>(&found)), &expected, ROUNDING, 1e-6);

        let (gain, hidden) = (noise(width, 3), noise(rows * width, 2));
        let mut expected = f64s(&hidden);
        for (at, (row, out)) in product.chunks(width).zip(expected.chunks_mut(width)).enumerate() {
            let row = scaled_row(at, row);
            out.iter_mut().zip(normalised(&row, &f64s(&gain))).for_each(|(out, v)| *out += v);
        }
        let of = of_product(&product, scale, by_row);
        let (gain, hidden, out) = (buffer(&gain), buffer(&hidden), room::<f32>(rows * width));
        let found = last(add_rms_norm(Number::F32, of, gain, hidden, out, [rows, width], EPS));
        assert_near("residual", &f64s(&values::<f32>(&found)), &expected, 2e-6, 1e-6);
    }
}

#[test]
fn heads_are_normalised_turned_and_split() {
    if !there_is_a_compiler() {
        return;
    }
    for (tokens, heads, kv_heads, head_dim, scaled) in
        [(5, 2, 2, 48, true), (3, 4, 2, 128, false), (2, 1, 1, 256, true), (4, 3, 1, 10, false)]
    {
        let width = (heads + 2 * kv_heads) * head_dim;
        let (product, scale) = (noise(tokens * width, 1), noise(width, 2));
        let scale = scaled.then_some(&scale[..]);
        let by_token = noise(tokens, 7);
        let by_token = scaled.then_some(&by_token[..]);
        let gains = [narrow_noise(head_dim, 3), narrow_noise(head_dim, 4)];
        let half = head_dim / 2;
        let (cosines, sines) = (narrow_noise(tokens * half, 5), narrow_noise(tokens * half, 6));
        let mut expected = [Vec::new(), Vec::new(), Vec::new()];
        for token in 0..tokens {
            for head in 0..heads + 2 * kv_heads {
                let row: Vec<f64> = (0..head_dim)
                    .map(|i| {
                        let column = head * head_dim + i;
                        let scale = scale.map_or(1.0, |scale| f64::from(scale[column]))
                            * by_token.map_or(1.0, |scale| f64::from(scale[token]));
                        f64::from(product[token * width + column]) * scale
                    })
                    .collect();
                let part = usize::from(head >= heads) + usize::from(head >= heads + kv_heads);
                let Some(gain) = gains.get(part) else {
                    expected[part].extend(row);
                    continue;
                };
                let row = normalised(&row, &wide(gain));
                let angle = |table: &[bf16], i: usize| f64::from(table[token * half + i].to_f32());
                let (cos, sin) = (|i| angle(&cosines, i), |i| angle(&sines, i));
                expected[part].extend((0..half).map(|i| row[i] * cos(i) - row[half + i] * sin(i)));
                expected[part].extend((0..half).map(|i| row[half + i] * cos(i) + row[i] * sin(i)));
            }
        }
        // The same numbers in both formats, so that one expectation holds for both.
        for number in [Number::Bf16, Number::F32] {
            let of = |values: &[bf16]| match number {
                Number::Bf16 => buffer(values),
                Number::F32 => {
                    buffer(&values.iter().map(|value| value.to_f32()).collect::<Vec<_>>())
                }
            };
            let room_for = |part: usize| match number {
                Number::Bf16 => room::<bf16>(expected[part].len()),
                Number::F32 => room::<f32>(expected[part].len()),
            };
            let values_of_heads = Heads {
                product: of_product(&product, scale, by_token),
                query_gain: of(&gains[0]),
                key_gain: of(&gains[1]),
                cosines: of(&cosines),
                sines: of(&sines),
                query: room_for(0),
                key: room_for(1),
                value: room_for(2),
            };
            let shape = HeadShape { tokens, heads, kv_heads, head_dim };
            let found = run(split_heads(number, shape, values_of_heads, EPS));
            let found = &found[found.len() - 3..];
            for (part, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let (found, relative) = match number {
                    Number::Bf16 => (wide(&values::<bf16>(found)), ROUNDING),
                    Number::F32 => (f64s(&values::<f32>(found)), 3e-6),
                };
                assert_near(["query", "key", "value"][part], &found, expected, relative, 1e-6);
            }
        }
    }
}

#[test]
fn gates_and_ends_of_products_are_rounded_once() {
    if !there_is_a_compiler() {
        return;
    }
    for (rows, width, scaled) in [(3, 300, true), (1, 1, false), (4, 256, true)] {
        let count = rows * width;
        let wide_noise = |seed| noise(count, seed).iter().map(|v| v * 9.0).collect::<Vec<f32>>();
        let (gate, up) = (wide_noise(1), wide_noise(2));
        let (first, second) = (noise(width, 3), noise(width, 4));
        fn some_if(scaled: bool, scale: &[f32]) -> Option<&[f32]> {
            scaled.then_some(scale)
        }
        let some = |scale| some_if(scaled, scale);
        let (gate_rows, up_rows) = (noise(rows, 5), noise(rows, 6));
        let of = |scale: &[f32], at: usize| {
            if scaled { f64::from(scale[at % width]) } else { 1.0 }
        };
        let of_row = |scale: &[f32], at: usize| {
            if scaled { f64::from(scale[at / width]) } else { 1.0 }
        };
        let expected: Vec<f64> = (0..count)
            .map(|i| {
                let g = f64::from(gate[i]) * of(&first, i) * of_row(&gate_rows, i);
                let up = f64::from(up[i]) * of(&second, i) * of_row(&up_rows, i);
                g / (1.0 + (-g).exp()) * up
            })
            .collect();
        let shape = [rows, width];
        let gate_of = || of_product(&gate, some(&first), some(&gate_rows));
        let up_of = || of_product(&up, some(&second), some(&up_rows));
        let found = last(swiglu(Number::F32, gate_of(), up_of(), room::<f32>(count), shape));
        assert_near("gate", &f64s(&values::<f32>(&found)), &expected, 3e-6, 1e-12);
        let found = last(swiglu(Number::Bf16, gate_of(), up_of(), room::<bf16>(count), shape));
        assert_near("gate", &wide(&values::<bf16>(&found)), &expected, ROUNDING, 1e-12);

        let expected: Vec<f64> = (0..count)
            .map(|i| {
                let bias = if scaled { of(&second, i) } else { 0.0 };
                f64::from(gate[i]) * of(&first, i) * of_row(&gate_rows, i) + bias
            })
            .collect();
        let bias = || some(&second).map(buffer);
        let found = last(finish(Number::F32, gate_of(), bias(), room::<f32>(count), shape));
        assert_near("end", &f64s(&values::<f32>(&found)), &expected, 1e-6, 1e-6);
        let found = last(finish(Number::Bf16, gate_of(), bias(), room::<bf16>(count), shape));
        assert_near("end", &wide(&values::<bf16>(&found)), &expected, ROUNDING, 1e-6);
    }
}
