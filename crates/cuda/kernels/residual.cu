// What a branch of a block adds to the hidden state: hidden + rms_norm(product · scale) · gain, one
// block a row. The gate by the time is in the gain; `scale` is that of the weight's rows, one a
// column, and `row_scale` one a row, or null.
#include "dialect.cuh"

template <class T>
DEVICE void add_rms_norm(const float *product, const float *scale, const float *row_scale,
                         const T *gain, const T *hidden, T *out, int width, float eps) {
    SHARED(float, lanes, 32);
    const float *row = product + static_cast<long long>(blockIdx.x) * width;
    const T *before = hidden + static_cast<long long>(blockIdx.x) * width;
    T *to = out + static_cast<long long>(blockIdx.x) * width;
    auto scaled = [&](int i) {
        float value = row[i];
        if (row_scale != nullptr) value *= row_scale[blockIdx.x];
        if (scale != nullptr) value *= scale[i];
        return value;
    };
    float squares = 0.0f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float value = scaled(i);
        squares += value * value;
    }
    squares = sum_of_block(squares, lanes);
    float factor = 1.0f / square_root(squares / static_cast<float>(width) + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float value = scaled(i);
        put(to + i, widen(before[i]) + value * factor * widen(gain[i]));
    }
}

KERNEL add_rms_norm_bf16(const float *product, const float *scale, const float *row_scale,
                         const bf16 *gain, const bf16 *hidden, bf16 *out, int width, float eps) {
    add_rms_norm<bf16>(product, scale, row_scale, gain, hidden, out, width, eps);
}

KERNEL add_rms_norm_f32(const float *product, const float *scale, const float *row_scale,
                        const float *gain, const float *hidden, float *out, int width, float eps) {
    add_rms_norm<float>(product, scale, row_scale, gain, hidden, out, width, eps);
}
