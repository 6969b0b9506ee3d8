// What is left to do with a product: the scale of the weight's rows, the bias, and one rounding.
#include "dialect.cuh"

// `scale` and `bias` have one value a column, or are null. Grid: rows × columns.
template <class T>
DEVICE void finish(const float *product, const float *scale, const float *bias, T *out,
                   int width) {
    int column = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
    if (column >= width) return;
    long long at = static_cast<long long>(blockIdx.x) * width + column;
    float value = product[at];
    if (scale != nullptr) value *= scale[column];
    if (bias != nullptr) value += bias[column];
    put(out + at, value);
}

KERNEL finish_bf16(const float *product, const float *scale, const float *bias, bf16 *out,
                   int width) {
    finish<bf16>(product, scale, bias, out, width);
}

KERNEL finish_f32(const float *product, const float *scale, const float *bias, float *out,
                  int width) {
    finish<float>(product, scale, bias, out, width);
}
