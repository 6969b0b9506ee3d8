// Matrix products of an emulated device: columns first, as cuBLAS counts, sums in f32 (f64 for f64).
#pragma once

#include <algorithm>
#include <vector>

#include "numbers.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDEST
#endif

namespace emulated {

// A matrix op(M), of which element (i, j) is at values[i * down + j * across].
struct Matrix {
    Type type;
    const void *values;
    size_t down, across;
};

constexpr size_t TILE_ROWS = 32, TILE_COLUMNS = 4;

// sums[column][row] = Σ left[p][row] · right[column][p]
WIDEST inline void multiply_one(const float *left, const float *const right[TILE_COLUMNS], size_t depth,
                                float sums[TILE_COLUMNS][TILE_ROWS]) {
    float all[TILE_COLUMNS][TILE_ROWS] = {};
    for (size_t p = 0; p < depth; ++p) {
        for (size_t column = 0; column < TILE_COLUMNS; ++column) {
            float factor = right[column][p];
            for (size_t row = 0; row < TILE_ROWS; ++row) {
                all[column][row] += left[p * TILE_ROWS + row] * factor;
            }
        }
    }
    memcpy(sums, all, sizeof all);
}

// c = alpha · a · b + beta · c, with a [rows, depth], b [depth, columns] and c in columns of `step`.
inline void multiply(const Matrix &a, const Matrix &b, Type c_type, void *c, size_t step, size_t rows,
                     size_t columns, size_t depth, double alpha, double beta) {
    auto put = [&](size_t row, size_t column, double sum) {
        size_t at = column * step + row;
        double before = beta == 0.0 ? 0.0 : beta * read(c_type, c, at);
        write(c_type, c, at, alpha * sum + before);
    };
    if (a.type == Type::F64) {
        for (size_t column = 0; column < columns; ++column) {
            for (size_t row = 0; row < rows; ++row) {
                double sum = 0.0;
                for (size_t p = 0; p < depth; ++p) {
                    sum += read(a.type, a.values, row * a.down + p * a.across) *
                           read(b.type, b.values, p * b.down + column * b.across);
                }
                put(row, column, sum);
            }
        }
        return;
    }
    std::vector<float> right((columns + TILE_COLUMNS) * depth), left(TILE_ROWS * depth);
    for (size_t column = 0; column < columns; ++column) {
        for (size_t p = 0; p < depth; ++p) {
            right[column * depth + p] =
                static_cast<float>(read(b.type, b.values, p * b.down + column * b.across));
        }
    }
    for (size_t row = 0; row < rows; row += TILE_ROWS) {
        size_t height = std::min(TILE_ROWS, rows - row);
        for (size_t p = 0; p < depth; ++p) {
            for (size_t i = 0; i < TILE_ROWS; ++i) {
                left[p * TILE_ROWS + i] =
                    i < height ? static_cast<float>(read(a.type, a.values,
                                                         (row + i) * a.down + p * a.across))
                               : 0.0f;
            }
        }
        for (size_t column = 0; column < columns; column += TILE_COLUMNS) {
            const float *four[TILE_COLUMNS];
            for (size_t j = 0; j < TILE_COLUMNS; ++j) four[j] = right.data() + (column + j) * depth;
            float sums[TILE_COLUMNS][TILE_ROWS];
            multiply_one(left.data(), four, depth, sums);
            for (size_t j = 0; j < TILE_COLUMNS && column + j < columns; ++j) {
                for (size_t i = 0; i < height; ++i) put(row + i, column + j, sums[j][i]);
            }
        }
    }
}

}  // namespace emulated
