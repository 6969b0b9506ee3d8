// What a GPU does with a kernel, on one thread of a processor: every thread of a block is a fibre,
// which runs until it meets others. Of the warps of a block, one runs ahead of all others until
// the whole block meets, and which one is drawn by chance: a kernel that forgets to wait reads what is
// not there yet, or overwrites what others have yet to read. Shared memory holds no numbers at first, and what is
// copied to it asynchronously arrives when it is waited for and not before.
//
// A kernel whose threads never meet can also run without fibres, one thread after the other: `alone`.
//
// It knows nothing of the kernels. What it cannot show: how memory is ordered between threads that
// do not meet, the last bits of sums inside a matrix product, and speed.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <memory>
#include <vector>

#include "stacks.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define DEVICE static inline
#define SHARED(type, name, count)                                                                  \
    static fibres::SharedArray name##_of_block(sizeof(type) * (count));                            \
    type *name = static_cast<type *>(name##_of_block.place())
#define DYNAMIC_SHARED(name) unsigned char *name = fibres::dynamic_shared()

namespace fibres {

struct Size {
    unsigned x, y, z;
};

[[noreturn]] inline void fail(const char *what) {
    fflush(stdout);
    fprintf(stderr, "emulator: %s\n", what);
    exit(70);
}

// What one warp's lanes bring to where they meet.
struct Rendezvous {
    int arrived = 0;
    const char *what = nullptr;
    // Two sets of places, used by turns: a lane that is ahead must not overwrite what one that is
    // behind has yet to read.
    uint64_t generation = 0;
    float exchanged[2][32] = {};
    uint32_t words[32][6] = {};
    const void *rows[32] = {};
    float results[32][4] = {};
};

struct Copy {
    void *to;
    const void *from;
};

struct Fibre {
    stacks::Context context;
    std::unique_ptr<unsigned char[]> stack;
    unsigned thread = 0;
    enum { Ready, InWarp, InBlock, Done } state = Ready;
    // Asynchronous copies, group by group; the last group is still open.
    std::vector<std::vector<Copy>> copies;
    void *sanitizer = nullptr;
};

struct Launch {
    Size grid, block;
    unsigned shared_bytes;
    uint64_t seed;
};

class SharedArray;

class Machine {
  public:
    static constexpr size_t STACK = 128 << 10;

    Launch launch{};
    Size block_index{};
    std::vector<std::unique_ptr<Fibre>> threads;
    std::vector<Rendezvous> warps;
    std::vector<SharedArray *> arrays;
    std::unique_ptr<unsigned char[]> dynamic;
    unsigned char *dynamic_place = nullptr;
    Fibre *running = nullptr;
    stacks::Context scheduler;
    bool alone = false;
    void *scheduler_sanitizer = nullptr;
    const void *scheduler_bottom = nullptr;
    size_t scheduler_size = 0;
    int in_block = 0;
    uint64_t random = 1;
    void (*body)(void *) = nullptr;
    void *argument = nullptr;

    uint64_t draw() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        return random;
    }

    // Runs a launch. With `apart` its threads run one after the other, in an order that the seed says,
    // and none may meet another.
    void run(const Launch &what, void (*function)(void *), void *with, bool apart = false);

    // A new order of the block's warps, for the time until all of them meet.
    void draw_order() {
        order.resize((launch.block.x + 31) / 32);
        for (unsigned i = 0; i < order.size(); ++i) order[i] = i;
        shuffle(order);
    }

  private:
    std::vector<unsigned> order;

    void shuffle(std::vector<unsigned> &numbers) {
        for (size_t i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[draw() % i]);
    }
    void run_block();
    void run_apart();
};

inline Machine &machine() {
    static Machine one;
    return one;
}

inline unsigned char *dynamic_shared() { return machine().dynamic_place; }

// Shared memory of a block with a fixed size: exactly that long, and no numbers in it at first.
class SharedArray {
  public:
    explicit SharedArray(size_t bytes) : bytes(bytes) {
        if (posix_memalign(&memory, 16, bytes) != 0) fail("no memory");
        poison();
        machine().arrays.push_back(this);
    }
    void poison() { memset(memory, 0xff, bytes); }
    void *place() { return memory; }

  private:
    size_t bytes;
    void *memory = nullptr;
};

inline void switch_to_scheduler() {
    Machine &m = machine();
    Fibre *self = m.running;
    if (m.alone) fail("threads that run one after the other meet");
#if defined(__SANITIZE_ADDRESS__)
    bool over = self->state == Fibre::Done;
    __sanitizer_start_switch_fiber(over ? nullptr : &self->sanitizer, m.scheduler_bottom,
                                   m.scheduler_size);
#endif
    stacks::leave(self->context, m.scheduler);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(self->sanitizer, nullptr, nullptr);
#endif
}

inline void start_fibre() {
    Machine &m = machine();
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &m.scheduler_bottom, &m.scheduler_size);
#endif
    m.body(m.argument);
    m.running->state = Fibre::Done;
    switch_to_scheduler();
}

inline void Machine::run_block() {
    unsigned count = launch.block.x;
    for (SharedArray *array : arrays) array->poison();
    dynamic_place = nullptr;
    void *exact = nullptr;
    if (launch.shared_bytes > 0) {
        if (posix_memalign(&exact, 128, launch.shared_bytes) != 0) fail("no memory");
        memset(exact, 0xff, launch.shared_bytes);
        dynamic_place = static_cast<unsigned char *>(exact);
    }
    if (threads.size() < count) threads.resize(count);
    for (unsigned i = 0; i < count; ++i) {
        if (!threads[i]) threads[i] = std::make_unique<Fibre>();
        if (!threads[i]->stack) threads[i]->stack.reset(new unsigned char[STACK]);
        Fibre &fibre = *threads[i];
        fibre.thread = i;
        fibre.state = Fibre::Ready;
        fibre.copies.assign(1, {});
        stacks::prepare(fibre.context, fibre.stack.get(), STACK, start_fibre);
    }
    warps.assign((count + 31) / 32, Rendezvous());
    in_block = 0;
    std::vector<unsigned> ready;
    draw_order();
    unsigned done = 0;
    while (done < count) {
        // One warp goes as far as it can before any other: so it meets, ahead of all others, what it
        // should have waited for, and it overwrites what they have yet to read.
        ready.clear();
        for (size_t place = 0; place < order.size() && ready.empty(); ++place) {
            unsigned first = order[place] * 32;
            for (unsigned i = first; i < first + 32 && i < count; ++i) {
                if (threads[i]->state == Fibre::Ready) ready.push_back(i);
            }
        }
        if (ready.empty()) fail("threads wait for others that have ended or wait elsewhere");
        shuffle(ready);
        for (unsigned i : ready) {
            Fibre *fibre = threads[i].get();
            if (fibre->state != Fibre::Ready) continue;
            running = fibre;
#if defined(__SANITIZE_ADDRESS__)
            __sanitizer_start_switch_fiber(&scheduler_sanitizer, fibre->stack.get(), STACK);
#endif
            stacks::leave(scheduler, fibre->context);
#if defined(__SANITIZE_ADDRESS__)
            __sanitizer_finish_switch_fiber(scheduler_sanitizer, nullptr, nullptr);
#endif
            if (fibre->state == Fibre::Done) {
                ++done;
                if (in_block > 0) fail("a thread ended while others wait for the whole block");
                for (const auto &group : fibre->copies) {
                    if (!group.empty()) fail("a thread ended with a copy on its way");
                }
            }
        }
    }
    free(exact);
}

// A block whose threads never meet.
inline void Machine::run_apart() {
    if (threads.empty()) threads.push_back(std::make_unique<Fibre>());
    Fibre &only = *threads[0];
    running = &only;
    only.copies.assign(1, {});
    unsigned count = launch.block.x, first = static_cast<unsigned>(draw() % count);
    for (unsigned i = 0; i < count; ++i) {
        only.thread = (first + i) % count;
        only.state = Fibre::Ready;
        body(argument);
    }
}

inline void Machine::run(const Launch &what, void (*function)(void *), void *with, bool apart) {
    launch = what;
    alone = apart;
    body = function;
    argument = with;
    random = what.seed | 1;
    if (what.block.x == 0 || what.block.x > 1024 || what.block.y != 1 || what.block.z != 1) {
        fail("a block has 1 to 1024 threads in a row");
    }
    if (what.grid.x == 0 || what.grid.y == 0 || what.grid.z == 0) fail("a grid without blocks");
    if (what.grid.x > 0x7fffffffu || what.grid.y > 65535u || what.grid.z > 65535u) {
        fail("a grid larger than a GPU takes");
    }
    if (what.shared_bytes > 227u << 10) fail("more shared memory than a block can have");
    for (unsigned z = 0; z < what.grid.z; ++z) {
        for (unsigned y = 0; y < what.grid.y; ++y) {
            for (unsigned x = 0; x < what.grid.x; ++x) {
                block_index = {x, y, z};
                if (alone) {
                    run_apart();
                } else {
                    run_block();
                }
            }
        }
    }
}

inline Size thread_index() { return {machine().running->thread, 0, 0}; }

// Waits until all lanes of the warp are at the same place; true for the one that came last, which
// does the work before the others go on.
template <class Work> inline void meet_in_warp(const char *what, Work work) {
    Machine &m = machine();
    Fibre *self = m.running;
    if (m.alone) fail("threads that run one after the other meet");
    Rendezvous &warp = m.warps[self->thread / 32];
    if (warp.arrived > 0 && warp.what != what) fail("lanes of a warp meet at different places");
    warp.what = what;
    if (m.launch.block.x % 32 != 0) fail("a warp that is not whole meets");
    if (++warp.arrived < 32) {
        self->state = Fibre::InWarp;
        switch_to_scheduler();
        return;
    }
    warp.arrived = 0;
    work(warp);
    unsigned first = self->thread / 32 * 32;
    for (unsigned i = first; i < first + 32; ++i) {
        if (m.threads[i]->state == Fibre::InWarp) m.threads[i]->state = Fibre::Ready;
    }
}

inline float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

inline float narrow_half(uint32_t word, int half) {
    return float_of((half == 0 ? word & 0xffff : word >> 16) << 16);
}

}  // namespace fibres

#define threadIdx (fibres::thread_index())
#define blockIdx (fibres::machine().block_index)
#define blockDim (fibres::machine().launch.block)
#define gridDim (fibres::machine().launch.grid)

DEVICE uint16_t round_bits(float value) {
    uint32_t bits = fibres::bits_of(value);
    if (value != value) return 0x7fff;
    return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

DEVICE float float_of_bits(uint32_t bits) { return fibres::float_of(bits); }

DEVICE float float_of_half(uint16_t bits) {
    uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    if (exponent == 31) return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent > 0) return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float value = static_cast<float>(fraction) * float_of_bits(0x33800000u);
    return sign != 0 ? -value : value;
}

DEVICE float power_of_two(float value) { return exp2f(value); }
DEVICE float square_root(float value) { return sqrtf(value); }
DEVICE float exponential(float value) { return expf(value); }
DEVICE float larger(float a, float b) { return fmaxf(a, b); }

DEVICE float from_lane(float value, int mask) {
    if (fibres::machine().alone) fibres::fail("threads that run one after the other meet");
    unsigned lane = threadIdx.x % 32;
    fibres::Rendezvous &warp = fibres::machine().warps[threadIdx.x / 32];
    unsigned turn = warp.generation & 1;
    warp.exchanged[turn][lane] = value;
    fibres::meet_in_warp("from_lane", [](fibres::Rendezvous &w) { ++w.generation; });
    return warp.exchanged[turn][lane ^ static_cast<unsigned>(mask)];
}

DEVICE void meet() {
    fibres::Machine &m = fibres::machine();
    if (m.alone) fibres::fail("threads that run one after the other meet");
    m.running->state = fibres::Fibre::InBlock;
    if (++m.in_block < static_cast<int>(m.launch.block.x)) {
        fibres::switch_to_scheduler();
        return;
    }
    m.in_block = 0;
    m.draw_order();
    for (unsigned i = 0; i < m.launch.block.x; ++i) {
        if (m.threads[i]->state != fibres::Fibre::InBlock) fibres::fail("a thread is missing");
        m.threads[i]->state = fibres::Fibre::Ready;
    }
}

DEVICE void multiply_tile(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    unsigned lane = threadIdx.x % 32;
    fibres::Rendezvous &warp = fibres::machine().warps[threadIdx.x / 32];
    for (int i = 0; i < 4; ++i) warp.words[lane][i] = a[i];
    warp.words[lane][4] = b0;
    warp.words[lane][5] = b1;
    fibres::meet_in_warp("multiply_tile", [](fibres::Rendezvous &w) {
        float left[16][16], right[16][8];
        for (int lane = 0; lane < 32; ++lane) {
            int group = lane / 4, two = lane % 4 * 2;
            for (int i = 0; i < 4; ++i) {
                for (int half = 0; half < 2; ++half) {
                    int row = group + i % 2 * 8, column = two + half + i / 2 * 8;
                    left[row][column] = fibres::narrow_half(w.words[lane][i], half);
                }
            }
            for (int i = 0; i < 2; ++i) {
                for (int half = 0; half < 2; ++half) {
                    right[two + half + i * 8][group] =
                        fibres::narrow_half(w.words[lane][4 + i], half);
                }
            }
        }
        for (int lane = 0; lane < 32; ++lane) {
            for (int i = 0; i < 4; ++i) {
                int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
                float sum = 0.0f;
                for (int k = 0; k < 16; ++k) sum += left[row][k] * right[k][column];
                w.results[lane][i] = sum;
            }
        }
    });
    for (int i = 0; i < 4; ++i) d[i] += warp.results[lane][i];
}

template <bool transposed> DEVICE void emulate_load(uint32_t (&d)[4], const void *row) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) fibres::fail("a matrix row is not aligned");
    unsigned lane = threadIdx.x % 32;
    fibres::Rendezvous &warp = fibres::machine().warps[threadIdx.x / 32];
    warp.rows[lane] = row;
    const char *what = transposed ? "load_matrices_transposed" : "load_matrices";
    fibres::meet_in_warp(what, [](fibres::Rendezvous &w) {
        uint16_t values[32][8];
        for (int i = 0; i < 32; ++i) memcpy(values[i], w.rows[i], 16);
        for (int lane = 0; lane < 32; ++lane) {
            for (int i = 0; i < 4; ++i) {
                int a = lane / 4, b = lane % 4 * 2;
                uint32_t low = transposed ? values[8 * i + b][a] : values[8 * i + a][b];
                uint32_t high = transposed ? values[8 * i + b + 1][a] : values[8 * i + a][b + 1];
                uint32_t word = low | high << 16;
                memcpy(&w.results[lane][i], &word, 4);
            }
        }
    });
    for (int i = 0; i < 4; ++i) d[i] = fibres::bits_of(warp.results[lane][i]);
}

DEVICE void load_matrices(uint32_t (&d)[4], const void *row) { emulate_load<false>(d, row); }
DEVICE void load_matrices_transposed(uint32_t (&d)[4], const void *row) {
    emulate_load<true>(d, row);
}

DEVICE void begin_copy(void *shared, const void *global, bool present) {
    if (reinterpret_cast<uintptr_t>(shared) % 16 != 0) fibres::fail("a copy's end is not aligned");
    if (present && reinterpret_cast<uintptr_t>(global) % 16 != 0) {
        fibres::fail("a copy's source is not aligned");
    }
    // Until it is waited for there is nothing to read.
    memset(shared, 0xff, 16);
    fibres::machine().running->copies.back().push_back({shared, present ? global : nullptr});
}

DEVICE void close_copies() { fibres::machine().running->copies.emplace_back(); }

template <int left> DEVICE void await_copies() {
    auto &groups = fibres::machine().running->copies;
    size_t closed = groups.size() - 1;
    for (size_t i = 0; i + left < closed; ++i) {
        for (const fibres::Copy &copy : groups[i]) {
            if (copy.from != nullptr) {
                memcpy(copy.to, copy.from, 16);
            } else {
                memset(copy.to, 0, 16);
            }
        }
        groups[i].clear();
    }
}
