// silu(gate) · up of two products, whose scales of rows and columns may be still to come.
#include "dialect.cuh"

// `gate` and `up` are [rows, width]; the scales have one value a column, the row scales one a row, or
// are null. Grid: rows × columns.
template <class T>
DEVICE void swiglu(const float *gate, const float *up, const float *gate_scale,
                   const float *up_scale, const float *gate_row_scale, const float *up_row_scale,
                   T *out, int width) {
    int column = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
    if (column >= width) return;
    long long at = static_cast<long long>(blockIdx.x) * width + column;
    float g = gate[at], u = up[at];
    if (gate_row_scale != nullptr) g *= gate_row_scale[blockIdx.x];
    if (up_row_scale != nullptr) u *= up_row_scale[blockIdx.x];
    if (gate_scale != nullptr) g *= gate_scale[column];
    if (up_scale != nullptr) u *= up_scale[column];
    put(out + at, g / (1.0f + exponential(-g)) * u);
}

KERNEL swiglu_bf16(const float *gate, const float *up, const float *gate_scale,
                   const float *up_scale, const float *gate_row_scale, const float *up_row_scale,
                   bf16 *out, int width) {
    swiglu<bf16>(gate, up, gate_scale, up_scale, gate_row_scale, up_row_scale, out, width);
}

KERNEL swiglu_f32(const float *gate, const float *up, const float *gate_scale,
                  const float *up_scale, const float *gate_row_scale, const float *up_row_scale,
                  float *out, int width) {
    swiglu<float>(gate, up, gate_scale, up_scale, gate_row_scale, up_row_scale, out, width);
}
