//! Writing a block of columns of a product: row scale and bias on the way.

/// Which columns of a row-major matrix a block fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// The first column.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// Columns of the whole matrix.
    pub total: usize,
}

/// Copies `block` [rows, `columns.count`] into its columns of `out` [rows, `columns.total`],
/// as `block · scale + bias`. `scale` and `bias` are per column of the block; without them the
/// factor is 1 and the term 0. A block or matrix that is too short is copied as far as it goes.
pub fn place(
    block: &[f32],
    columns: Columns,
    scale: Option<&[f32]>,
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    let Columns { first, count, total } = columns;
    if count == 0 || total == 0 {
        return;
    }
    for (block, out) in block.chunks(count).zip(out.chunks_mut(total)) {
        let Some(out) = out.get_mut(first..(first + count).min(total)) else { continue };
        out.iter_mut().zip(block).for_each(|(out, block)| *out = *block);
        if let Some(scale) = scale {
            out.iter_mut().zip(scale).for_each(|(out, scale)| *out *= scale);
        }
        if let Some(bias) = bias {
            out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_of_columns_make_up_the_scaled_and_biased_matrix(
            rows in 0..5usize,
            widths in proptest::collection::vec(0..6usize, 1..5),
            with_scale in any::<bool>(),
            with_bias in any::<bool>(),
        ) {
            let total: usize = widths.iter().sum();
            let value = |row: usize, column: usize| (row * 100 + column) as f32;
            let scale: Vec<f32> = (0..total).map(|column| 1.0 + column as f32).collect();
            let bias: Vec<f32> = (0..total).map(|column| 0.5 - column as f32).collect();
            let mut out = vec![f32::NAN; rows * total];
            let mut first = 0;
            for count in widths {
                let columns = first..first + count;
                let block: Vec<f32> = (0..rows)
                    .flat_map(|row| columns.clone().map(move |column| value(row, column)))
                    .collect();
                let scale = with_scale.then(|| &scale[columns.clone()]);
                let bias = with_bias.then(|| &bias[columns.clone()]);
                place(&block, Columns { first, count, total }, scale, bias, &mut out);
                first += count;
            }
            for row in 0..rows {
                for column in 0..total {
                    let mut expected = value(row, column);
                    if with_scale {
                        expected *= scale[column];
                    }
                    if with_bias {
                        expected += bias[column];
                    }
                    prop_assert_eq!(out[row * total + column], expected);
                }
            }
        }

        #[test]
        fn columns_outside_the_matrix_change_nothing_and_do_not_panic(
            length in 0..20usize,
            block in 0..20usize,
            first in 0..20usize,
            count in 0..20usize,
            total in 0..20usize,
        ) {
            let mut out = vec![1.0; length];
            place(&vec![2.0; block], Columns { first, count, total }, None, None, &mut out);
            prop_assert!(first < total || out.iter().all(|value| *value == 1.0));
        }
    }
}
