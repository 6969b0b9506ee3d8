// The number formats of tensors, as the emulated device reads and writes them.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <string>

#include "../../kernels/dialect.cuh"
#include "codes.h"

namespace emulated {

enum class Type { F32, F64, Bf16, F16, E4m3, U8, U32, I64 };

inline size_t size_of(Type type) {
    switch (type) {
        case Type::F64:
        case Type::I64:
            return 8;
        case Type::F32:
        case Type::U32:
            return 4;
        case Type::Bf16:
        case Type::F16:
            return 2;
        default:
            return 1;
    }
}

// The type that a name of candle's ends with.
inline bool type_named(const std::string &name, Type &type) {
    static const struct {
        const char *name;
        Type type;
    } all[] = {{"f32", Type::F32}, {"f64", Type::F64}, {"bf16", Type::Bf16}, {"f16", Type::F16},
               {"u8", Type::U8},   {"u32", Type::U32}, {"i64", Type::I64}};
    for (const auto &one : all) {
        if (name == one.name) {
            type = one.type;
            return true;
        }
    }
    return false;
}

inline float widen_e4m3(uint8_t code) {
    int exponent = code >> 3 & 15, fraction = code & 7;
    float value = exponent == 0 ? static_cast<float>(fraction) * 0x1p-9f
                                : ldexpf(1.0f + static_cast<float>(fraction) / 8.0f, exponent - 7);
    if ((code & 0x7f) == 0x7f) value = NAN;
    return code & 0x80 ? -value : value;
}

inline double read(Type type, const void *from, size_t index) {
    switch (type) {
        case Type::F32:
            return static_cast<const float *>(from)[index];
        case Type::F64:
            return static_cast<const double *>(from)[index];
        case Type::Bf16:
            return float_of_bits(static_cast<uint32_t>(static_cast<const uint16_t *>(from)[index])
                                 << 16);
        case Type::F16:
            return float_of_half(static_cast<const uint16_t *>(from)[index]);
        case Type::E4m3:
            return widen_e4m3(static_cast<const uint8_t *>(from)[index]);
        case Type::U8:
            return static_cast<const uint8_t *>(from)[index];
        case Type::U32:
            return static_cast<const uint32_t *>(from)[index];
        case Type::I64:
            return static_cast<double>(static_cast<const int64_t *>(from)[index]);
    }
    return NAN;
}

inline void write(Type type, void *to, size_t index, double value) {
    switch (type) {
        case Type::F32:
            static_cast<float *>(to)[index] = static_cast<float>(value);
            return;
        case Type::F64:
            static_cast<double *>(to)[index] = value;
            return;
        case Type::Bf16:
            static_cast<uint16_t *>(to)[index] = round_bits(static_cast<float>(value));
            return;
        case Type::U8:
            static_cast<uint8_t *>(to)[index] = static_cast<uint8_t>(value);
            return;
        case Type::U32:
            static_cast<uint32_t *>(to)[index] = static_cast<uint32_t>(value);
            return;
        case Type::I64:
            static_cast<int64_t *>(to)[index] = static_cast<int64_t>(value);
            return;
        case Type::F16:
        case Type::E4m3:
            give_up("nothing writes this number format here");
    }
}

}  // namespace emulated
