// Runs kernels by name, as a program that is told what to run on standard input and answers with
// the contents of all buffers. Every buffer is exactly as long as it was sent, so that a sanitizer
// sees whoever goes beyond it.
//
// Request: name (length, bytes), grid (3 × u32), threads, bytes of shared memory (u32), seed (u64),
// number of arguments (u32), and each of them: 0 for a null pointer; 1, an offset in bytes from an
// address that is a multiple of 16 (u8), a length (u64) and as many bytes for a buffer; 2, a
// length (u8) and as many bytes for a number. Little-endian.
#include "../kernels/all.cu"
#include "faulty.cuh"
#include "names.h"

#include <string>
#include <type_traits>
#include <utility>

namespace {

struct Argument {
    enum { Null, Buffer, Number } kind = Null;
    unsigned char *base = nullptr;
    size_t offset = 0;
    std::vector<unsigned char> number;
    size_t length = 0;
};

void read_exactly(void *to, size_t length) {
    if (length > 0 && fread(to, 1, length, stdin) != length) fibres::fail("the request is cut off");
}

template <class T> T read_number() {
    T value;
    read_exactly(&value, sizeof value);
    return value;
}

template <class T> T argument_as(const Argument &argument) {
    if constexpr (std::is_pointer_v<T>) {
        if (argument.kind == Argument::Null) return nullptr;
        if (argument.kind != Argument::Buffer) fibres::fail("a number where a buffer belongs");
        return reinterpret_cast<T>(argument.base + argument.offset);
    } else {
        T value{};
        if (argument.kind != Argument::Number || argument.number.size() != sizeof value) {
            fibres::fail("an argument of another kind or length than the kernel's");
        }
        memcpy(&value, argument.number.data(), sizeof value);
        return value;
    }
}

template <class... A, size_t... I>
void call(void (*kernel)(A...), const std::vector<Argument> &arguments, std::index_sequence<I...>) {
    kernel(argument_as<A>(arguments[I])...);
}

template <class... A>
bool run(void (*kernel)(A...), const fibres::Launch &launch,
         const std::vector<Argument> &arguments) {
    if (arguments.size() != sizeof...(A)) fibres::fail("another number of arguments than the kernel's");
    struct Call {
        void (*kernel)(A...);
        const std::vector<Argument> &arguments;
    } what{kernel, arguments};
    fibres::machine().run(
        launch,
        [](void *with) {
            Call &what = *static_cast<Call *>(with);
            call(what.kernel, what.arguments, std::index_sequence_for<A...>());
        },
        &what);
    return true;
}

bool run_by_name(const std::string &name, const fibres::Launch &launch,
                 const std::vector<Argument> &arguments) {
#define CASE(kernel)                                                                               \
    if (name == #kernel) return run(kernel, launch, arguments);
#define BOTH(kernel) CASE(kernel##_bf16) CASE(kernel##_f32)
    SIGMALAB_KERNELS(BOTH, CASE)
    SIGMALAB_MEETING_KERNELS(BOTH, CASE)
    CASE(forgets_to_meet)
    CASE(forgets_to_meet_again)
    CASE(forgets_to_await)
    CASE(waits)
    return false;
}

}  // namespace

int main() {
    for (;;) {
        uint32_t length;
        if (fread(&length, 1, sizeof length, stdin) != sizeof length) return 0;
        std::string name(length, ' ');
        read_exactly(name.data(), length);
        fibres::Launch launch;
        launch.grid.x = read_number<uint32_t>();
        launch.grid.y = read_number<uint32_t>();
        launch.grid.z = read_number<uint32_t>();
        launch.block = {read_number<uint32_t>(), 1, 1};
        launch.shared_bytes = read_number<uint32_t>();
        launch.seed = read_number<uint64_t>();
        std::vector<Argument> arguments(read_number<uint32_t>());
        for (Argument &argument : arguments) {
            switch (read_number<uint8_t>()) {
                case 0:
                    break;
                case 1: {
                    argument.kind = Argument::Buffer;
                    argument.offset = read_number<uint8_t>();
                    argument.length = read_number<uint64_t>();
                    void *base = nullptr;
                    size_t whole = argument.offset + argument.length;
                    if (posix_memalign(&base, 16, whole > 0 ? whole : 1) != 0) {
                        fibres::fail("no memory");
                    }
                    argument.base = static_cast<unsigned char *>(base);
                    read_exactly(argument.base + argument.offset, argument.length);
                    break;
                }
                default:
                    argument.kind = Argument::Number;
                    argument.number.resize(read_number<uint8_t>());
                    read_exactly(argument.number.data(), argument.number.size());
            }
        }
        if (!run_by_name(name, launch, arguments)) fibres::fail("there is no such kernel");
        for (const Argument &argument : arguments) {
            if (argument.kind != Argument::Buffer) continue;
            fwrite(argument.base + argument.offset, 1, argument.length, stdout);
            free(argument.base);
        }
        fflush(stdout);
    }
}
