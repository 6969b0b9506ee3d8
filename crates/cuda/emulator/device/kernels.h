// Launches of our own kernels, by name: what they are given is checked and taken when they are put
// into a stream, as a GPU takes it. It knows no stream.
#pragma once

#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../../kernels/all.cu"
#include "../names.h"
#include "memory.h"

namespace emulated {

using Work = std::function<void()>;
using Prepare = std::function<Work(const Memory &, const fibres::Launch &, void **)>;

template <class T> T taken(const Memory &memory, const void *parameter) {
    if constexpr (std::is_pointer_v<T>) {
        Address address;
        memcpy(&address, parameter, sizeof address);
        if (address == 0) return nullptr;
        return static_cast<T>(memory.place(address));
    } else {
        T value;
        memcpy(&value, parameter, sizeof value);
        return value;
    }
}

template <class... A, size_t... I>
Prepare prepare(void (*kernel)(A...), bool apart, std::index_sequence<I...>) {
    return [kernel, apart](const Memory &memory, const fibres::Launch &launch, void **parameters) {
        auto arguments = std::make_tuple(taken<A>(memory, parameters[I])...);
        return [kernel, apart, launch, arguments]() {
            struct Call {
                void (*kernel)(A...);
                const std::tuple<A...> &arguments;
            } call{kernel, arguments};
            auto body = [](void *with) {
                const Call &call = *static_cast<Call *>(with);
                std::apply(call.kernel, call.arguments);
            };
            fibres::machine().run(launch, body, &call, apart);
        };
    };
}

template <class... A> Prepare prepare(void (*kernel)(A...), bool apart) {
    return prepare(kernel, apart, std::index_sequence_for<A...>());
}

// A kernel of ours; none where it has no such name.
inline Prepare own_kernel(const std::string &name) {
#define ONE_APART(kernel)                                                                          \
    if (name == #kernel) return prepare(kernel, true);
#define BOTH_APART(kernel) ONE_APART(kernel##_bf16) ONE_APART(kernel##_f32)
#define ONE_MEETING(kernel)                                                                        \
    if (name == #kernel) return prepare(kernel, false);
#define BOTH_MEETING(kernel) ONE_MEETING(kernel##_bf16) ONE_MEETING(kernel##_f32)
    SIGMALAB_KERNELS(BOTH_APART, ONE_APART)
    SIGMALAB_MEETING_KERNELS(BOTH_MEETING, ONE_MEETING)
    return nullptr;
}

}  // namespace emulated
