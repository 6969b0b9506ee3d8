// x / √(mean(x²) + eps) · gain, one block a row. The modulation by the time is in the gain.
#include "dialect.cuh"

template <class T>
DEVICE void rms_norm(const T *x, const T *gain, T *out, int width, float eps) {
    SHARED(float, lanes, 32);
    const T *row = x + static_cast<long long>(blockIdx.x) * width;
    T *to = out + static_cast<long long>(blockIdx.x) * width;
    float squares = 0.0f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float value = widen(row[i]);
        squares += value * value;
    }
    squares = sum_of_block(squares, lanes);
    float scale = 1.0f / square_root(squares / static_cast<float>(width) + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        put(to + i, widen(row[i]) * scale * widen(gain[i]));
    }
}

KERNEL rms_norm_bf16(const bf16 *x, const bf16 *gain, bf16 *out, int width, float eps) {
    rms_norm<bf16>(x, gain, out, width, eps);
}

KERNEL rms_norm_f32(const float *x, const float *gain, float *out, int width, float eps) {
    rms_norm<float>(x, gain, out, width, eps);
}
