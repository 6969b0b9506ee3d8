// What is left to do with a product: the scales of the rows of both operands, the bias, and one
// rounding.
#include "dialect.cuh"

// `scale` and `bias` have one value a column, `row_scale` one a row, or are null. Grid: rows ×
// columns.
template <class T>
DEVICE void finish(const float *product, const float *scale, const float *row_scale,
                   const float *bias, T *out, int width) {
    int column = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
    if (column >= width) return;
    long long at = static_cast<long long>(blockIdx.x) * width + column;
    float value = product[at];
    if (row_scale != nullptr) value *= row_scale[blockIdx.x];
    if (scale != nullptr) value *= scale[column];
    if (bias != nullptr) value += bias[column];
    put(out + at, value);
}

KERNEL finish_bf16(const float *product, const float *scale, const float *row_scale,
                   const float *bias, bf16 *out, int width) {
    finish<bf16>(product, scale, row_scale, bias, out, width);
}

KERNEL finish_f32(const float *product, const float *scale, const float *row_scale,
                  const float *bias, float *out, int width) {
    finish<float>(product, scale, row_scale, bias, out, width);
}
