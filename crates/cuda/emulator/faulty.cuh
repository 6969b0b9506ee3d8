// Kernels that are wrong on purpose: what the emulator has to see.
#pragma once

// Reads what other warps write without waiting for them.
KERNEL forgets_to_meet(const float *x, float *out) {
    SHARED(float, row, 64);
    row[threadIdx.x] = x[threadIdx.x];
    out[threadIdx.x] = row[63 - threadIdx.x];
}

// Overwrites what other warps have yet to read.
KERNEL forgets_to_meet_again(const float *x, float *out) {
    SHARED(float, row, 64);
    row[threadIdx.x] = x[threadIdx.x];
    meet();
    float other = row[63 - threadIdx.x];
    row[threadIdx.x] = float_of_bits(0x7fc00000u);
    meet();
    out[threadIdx.x] = other;
}

// Reads what is still on its way.
KERNEL forgets_to_await(const float *x, float *out) {
    DYNAMIC_SHARED(memory);
    float *row = reinterpret_cast<float *>(memory);
    begin_copy(row + 4 * threadIdx.x, x + 4 * threadIdx.x, true);
    close_copies();
    out[threadIdx.x] = row[4 * threadIdx.x];
    await_copies<0>();
}

// The same done right.
KERNEL waits(const float *x, float *out) {
    SHARED(float, row, 64);
    row[threadIdx.x] = x[threadIdx.x];
    meet();
    out[threadIdx.x] = row[63 - threadIdx.x];
}
