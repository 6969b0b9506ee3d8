// What the tensor library's kernels do, by their names and with their arguments: those that a run
// needs. They are its own code on a GPU; here they are written anew, so that what lies around them can
// run. A name that is missing here is no kernel of the emulated device.
#pragma once

#include <math.h>

#include "kernels.h"
#include "numbers.h"

namespace emulated {

// Index of an element in a strided tensor. `info` holds dimensions and, from `strides` on, the
// strides; null for one whose elements lie one after the other.
inline size_t strided(size_t index, size_t rank, const size_t *info, size_t strides) {
    if (info == nullptr) return index;
    size_t at = 0;
    for (size_t d = rank; d-- > 0;) {
        at += index % info[d] * info[strides + d];
        index /= info[d];
    }
    return at;
}

// A function on numbers by the name of its kernel.
template <class F> struct Named {
    const char *name;
    F *f;
};

template <class F, size_t count>
bool found(const Named<F> (&all)[count], const std::string &name, std::function<F> &f) {
    for (const auto &one : all) {
        if (name == one.name) f = one.f;
    }
    return static_cast<bool>(f);
}

inline bool unary(const std::string &name, std::function<double(double)> &f) {
    static const Named<double(double)> all[] = {
        {"uneg", [](double x) { return -x; }},
        {"uexp", [](double x) -> double { return expf(static_cast<float>(x)); }},
        {"ulog", [](double x) -> double { return logf(static_cast<float>(x)); }},
        {"usin", [](double x) -> double { return sinf(static_cast<float>(x)); }},
        {"ucos", [](double x) -> double { return cosf(static_cast<float>(x)); }},
        {"usqr", [](double x) { return x * x; }},
        {"usqrt", [](double x) -> double { return sqrtf(static_cast<float>(x)); }},
        {"urecip", [](double x) { return 1.0 / x; }},
        {"uabs", [](double x) { return fabs(x); }},
        {"utanh", [](double x) -> double { return tanhf(static_cast<float>(x)); }},
        {"usilu",
         [](double x) -> double {
             float value = static_cast<float>(x);
             return value / (1.0f + expf(-value));
         }},
    };
    return found(all, name, f);
}

inline bool binary(const std::string &name, std::function<double(double, double)> &f) {
    static const Named<double(double, double)> all[] = {
        {"badd", [](double a, double b) { return a + b; }},
        {"bsub", [](double a, double b) { return a - b; }},
        {"bmul", [](double a, double b) { return a * b; }},
        {"bdiv", [](double a, double b) { return a / b; }},
        {"bmaximum", [](double a, double b) { return a > b ? a : b; }},
        {"bminimum", [](double a, double b) { return a < b ? a : b; }},
    };
    return found(all, name, f);
}

inline bool comparison(const std::string &name, std::function<bool(double, double)> &f) {
    static const Named<bool(double, double)> all[] = {
        {"eq", [](double a, double b) { return a == b; }}, {"ne", [](double a, double b) { return a != b; }},
        {"lt", [](double a, double b) { return a < b; }},  {"le", [](double a, double b) { return a <= b; }},
        {"gt", [](double a, double b) { return a > b; }},  {"ge", [](double a, double b) { return a >= b; }},
    };
    return found(all, name, f);
}

template <class T> T parameter(void **parameters, int index) {
    T value;
    memcpy(&value, parameters[index], sizeof value);
    return value;
}

// A kernel of the tensor library's; none where it has no such name.
inline Prepare library_kernel(const std::string &whole) {
    size_t cut = whole.rfind('_');
    if (cut == std::string::npos) return nullptr;
    std::string name = whole.substr(0, cut);
    Type type;
    if (!type_named(whole.substr(cut + 1), type)) return nullptr;
    size_t element = size_of(type);

    if (std::function<double(double)> f; name == "ucopy" || unary(name, f)) {
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto count = parameter<size_t>(p, 0), rank = parameter<size_t>(p, 1);
            auto info = taken<const size_t *>(memory, p[2]);
            auto from = taken<const unsigned char *>(memory, p[3]);
            auto to = taken<unsigned char *>(memory, p[4]);
            return [=] {
                for (size_t i = 0; i < count; ++i) {
                    size_t at = strided(i, rank, info, rank);
                    if (f) {
                        write(type, to, i, f(read(type, from, at)));
                    } else {
                        memcpy(to + i * element, from + at * element, element);
                    }
                }
            };
        };
    }
    if (std::function<double(double, double)> f; binary(name, f)) {
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto count = parameter<size_t>(p, 0), rank = parameter<size_t>(p, 1);
            auto info = taken<const size_t *>(memory, p[2]);
            auto left = taken<const void *>(memory, p[3]), right = taken<const void *>(memory, p[4]);
            auto to = taken<void *>(memory, p[5]);
            return [=] {
                for (size_t i = 0; i < count; ++i) {
                    size_t a = strided(i, rank, info, rank), b = strided(i, rank, info, 2 * rank);
                    write(type, to, i, f(read(type, left, a), read(type, right, b)));
                }
            };
        };
    }
    if (std::function<bool(double, double)> f; comparison(name, f)) {
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto count = parameter<size_t>(p, 0), rank = parameter<size_t>(p, 1);
            auto info = taken<const size_t *>(memory, p[2]);
            auto left = taken<const void *>(memory, p[3]), right = taken<const void *>(memory, p[4]);
            auto to = taken<uint8_t *>(memory, p[5]);
            return [=] {
                for (size_t i = 0; i < count; ++i) {
                    size_t a = strided(i, rank, info, rank), b = strided(i, rank, info, 2 * rank);
                    to[i] = f(read(type, left, a), read(type, right, b)) ? 1 : 0;
                }
            };
        };
    }
    if (name == "where_u8") {
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto count = parameter<size_t>(p, 0), rank = parameter<size_t>(p, 1);
            auto info = taken<const size_t *>(memory, p[2]);
            auto which = taken<const uint8_t *>(memory, p[3]);
            auto yes = taken<const unsigned char *>(memory, p[4]);
            auto no = taken<const unsigned char *>(memory, p[5]);
            auto to = taken<unsigned char *>(memory, p[6]);
            return [=] {
                for (size_t i = 0; i < count; ++i) {
                    bool is_so = which[strided(i, rank, info, rank)] != 0;
                    size_t at = strided(i, rank, info, (is_so ? 2 : 3) * rank);
                    memcpy(to + i * element, (is_so ? yes : no) + at * element, element);
                }
            };
        };
    }
    if (name == "affine") {
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto count = parameter<size_t>(p, 0), rank = parameter<size_t>(p, 1);
            auto info = taken<const size_t *>(memory, p[2]);
            auto from = taken<const void *>(memory, p[3]);
            auto to = taken<void *>(memory, p[4]);
            double factor = read(type, p[5], 0), term = read(type, p[6], 0);
            return [=] {
                for (size_t i = 0; i < count; ++i) {
                    double value = read(type, from, strided(i, rank, info, rank));
                    write(type, to, i, value * factor + term);
                }
            };
        };
    }
    if (name.rfind("cast_", 0) == 0) {
        Type source;
        if (!type_named(name.substr(5), source)) return nullptr;
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto count = parameter<size_t>(p, 0), rank = parameter<size_t>(p, 1);
            auto info = taken<const size_t *>(memory, p[2]);
            auto from = taken<const void *>(memory, p[3]);
            auto to = taken<void *>(memory, p[4]);
            return [=] {
                for (size_t i = 0; i < count; ++i) {
                    write(type, to, i, read(source, from, strided(i, rank, info, rank)));
                }
            };
        };
    }
    if (name == "const_set") {
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto count = parameter<size_t>(p, 0), rank = parameter<size_t>(p, 1);
            auto info = taken<const size_t *>(memory, p[2]);
            std::string value(static_cast<const char *>(p[3]), element);
            auto to = taken<unsigned char *>(memory, p[4]);
            return [=] {
                for (size_t i = 0; i < count; ++i) {
                    memcpy(to + strided(i, rank, info, rank) * element, value.data(), element);
                }
            };
        };
    }
    if (name == "copy2d") {
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto from = taken<const unsigned char *>(memory, p[0]);
            auto to = taken<unsigned char *>(memory, p[1]);
            size_t rows = parameter<uint32_t>(p, 2), width = parameter<uint32_t>(p, 3);
            size_t from_step = parameter<uint32_t>(p, 4), to_step = parameter<uint32_t>(p, 5);
            return [=] {
                for (size_t row = 0; row < rows; ++row) {
                    memcpy(to + row * to_step * element, from + row * from_step * element,
                           width * element);
                }
            };
        };
    }
    if (name == "is_u32" || name == "is_i64" || name == "is_u8") {
        Type index = name == "is_u32" ? Type::U32 : name == "is_i64" ? Type::I64 : Type::U8;
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto count = parameter<size_t>(p, 0), rank = parameter<size_t>(p, 1);
            auto info = taken<const size_t *>(memory, p[2]);
            auto ids = taken<const void *>(memory, p[3]);
            auto from = taken<const unsigned char *>(memory, p[4]);
            auto to = taken<unsigned char *>(memory, p[5]);
            auto size = parameter<size_t>(p, 7), chosen = parameter<size_t>(p, 8);
            auto right = parameter<size_t>(p, 9);
            // The largest number of the index's type means a row of zeros.
            double none = index == Type::U8 ? 255.0 : index == Type::U32 ? 4294967295.0 : -1.0;
            return [=] {
                for (size_t i = 0; i < count; ++i) {
                    size_t left = i / (chosen * right), middle = i / right % chosen;
                    double id = read(index, ids, strided(middle, rank, info, rank));
                    if (id == none) {
                        memset(to + i * element, 0, element);
                        continue;
                    }
                    if (id < 0.0 || id >= static_cast<double>(size)) throw Failure{ILLEGAL_ADDRESS};
                    size_t at = (left * size + static_cast<size_t>(id)) * right + i % right;
                    memcpy(to + i * element, from + at * element, element);
                }
            };
        };
    }
    if (name == "fast_sum" || name == "fast_max" || name == "fast_sum_small") {
        bool sum = name != "fast_max", small = name == "fast_sum_small";
        return [=](const Memory &memory, const fibres::Launch &launch, void **p) -> Work {
            size_t results = small ? parameter<size_t>(p, 0) : launch.grid.x;
            auto width = parameter<size_t>(p, 1), rank = parameter<size_t>(p, 2);
            auto info = taken<const size_t *>(memory, p[3]);
            auto from = taken<const void *>(memory, p[4]);
            auto to = taken<void *>(memory, p[5]);
            return [=] {
                for (size_t i = 0; i < results; ++i) {
                    double total = sum ? 0.0 : -INFINITY;
                    for (size_t j = 0; j < width; ++j) {
                        double value = read(type, from, strided(i * width + j, rank, info, rank));
                        total = sum ? total + value : value > total ? value : total;
                    }
                    write(type, to, i, total);
                }
            };
        };
    }
    if (name == "softmax") {
        return [=](const Memory &memory, const fibres::Launch &launch, void **p) -> Work {
            auto from = taken<const void *>(memory, p[0]);
            auto to = taken<void *>(memory, p[1]);
            size_t rows = launch.grid.x, width = static_cast<size_t>(parameter<int>(p, 2));
            return [=] {
                for (size_t row = 0; row < rows; ++row) {
                    double top = -INFINITY, sum = 0.0;
                    size_t first = row * width;
                    for (size_t i = 0; i < width; ++i) top = fmax(top, read(type, from, first + i));
                    for (size_t i = 0; i < width; ++i) sum += exp(read(type, from, first + i) - top);
                    for (size_t i = 0; i < width; ++i) {
                        write(type, to, first + i, exp(read(type, from, first + i) - top) / sum);
                    }
                }
            };
        };
    }
    if (name == "layernorm") {
        return [=](const Memory &memory, const fibres::Launch &launch, void **p) -> Work {
            auto from = taken<const void *>(memory, p[0]);
            auto to = taken<void *>(memory, p[1]);
            auto gain = taken<const void *>(memory, p[2]), bias = taken<const void *>(memory, p[3]);
            size_t rows = launch.grid.x, width = static_cast<size_t>(parameter<int>(p, 4));
            auto eps = parameter<float>(p, 6);
            return [=] {
                for (size_t row = 0; row < rows; ++row) {
                    // Mean and mean square in one pass, as the library has it.
                    float sum = 0.0f, squares = 0.0f;
                    size_t first = row * width;
                    for (size_t i = 0; i < width; ++i) {
                        float value = static_cast<float>(read(type, from, first + i));
                        sum += value;
                        squares += value * value;
                    }
                    float mean = sum / static_cast<float>(width);
                    float variance = squares / static_cast<float>(width) - mean * mean;
                    float factor = 1.0f / sqrtf(variance + eps);
                    for (size_t i = 0; i < width; ++i) {
                        float value = static_cast<float>(read(type, from, first + i));
                        float normal = (value - mean) * factor;
                        if (gain != nullptr) normal *= static_cast<float>(read(type, gain, i));
                        if (bias != nullptr) normal += static_cast<float>(read(type, bias, i));
                        write(type, to, first + i, normal);
                    }
                }
            };
        };
    }
    if (name == "rope") {
        return [=](const Memory &memory, const fibres::Launch &, void **p) -> Work {
            auto from = taken<const void *>(memory, p[0]);
            auto cosines = taken<const void *>(memory, p[1]), sines = taken<const void *>(memory, p[2]);
            auto to = taken<void *>(memory, p[3]);
            size_t heads = parameter<uint32_t>(p, 4), values = parameter<uint32_t>(p, 5);
            size_t width = parameter<uint32_t>(p, 6);
            if (parameter<uint32_t>(p, 7) != 0) give_up("rope with angles of their own for each batch");
            auto rounded = [=](double value) {
                double stored;
                write(type, &stored, 0, value);
                return read(type, &stored, 0);
            };
            return [=] {
                size_t half = width / 2;
                for (size_t i = 0; i < heads * values / 2; ++i) {
                    size_t of_head = i % (values / 2), angle = of_head;
                    size_t first = i / (values / 2) * values + of_head / half * width + of_head % half;
                    double a = read(type, from, first), b = read(type, from, first + half);
                    double c = read(type, cosines, angle), s = read(type, sines, angle);
                    write(type, to, first, rounded(a * c) - rounded(b * s));
                    write(type, to, first + half, rounded(a * s) + rounded(b * c));
                }
            };
        };
    }
    return nullptr;
}

}  // namespace emulated
