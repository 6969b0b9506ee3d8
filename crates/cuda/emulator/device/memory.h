// The memory of an emulated device. Addresses that a program is given are no addresses of this
// process: whoever reads them on the processor faults, as with a GPU. Whatever was allocated holds no
// numbers at first, a freed place is taken again at once, and what is written behind an allocation is
// seen when it is freed. It knows no stream and no kernel.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <map>

#include "codes.h"

namespace emulated {

using Address = uint64_t;

class Memory {
  public:
    static constexpr Address BEYOND_ALL = Address{1} << 56;
    static constexpr size_t STEP = 256;

    void open(size_t bytes) {
        total = bytes;
        // Places between allocations take address space, not memory.
        reserved = 4 * bytes + (size_t{1} << 30);
        void *all = mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all == MAP_FAILED) give_up("no address space");
        base = static_cast<unsigned char *>(all);
        gaps[BEYOND_ALL + reinterpret_cast<uintptr_t>(base)] = reserved;
    }

    Address allocate(size_t bytes) {
        if (bytes == 0) throw Failure{INVALID_VALUE};
        size_t taken = rounded(bytes);
        if (used + taken > total) throw Failure{OUT_OF_MEMORY};
        for (auto gap = gaps.begin(); gap != gaps.end(); ++gap) {
            // The step behind it belongs to nobody.
            if (gap->second < taken + STEP) continue;
            Address address = gap->first;
            size_t rest = gap->second - taken - STEP;
            gaps.erase(gap);
            if (rest > 0) gaps[address + taken + STEP] = rest;
            live[address] = bytes;
            used += taken;
            if (used > kept) kept = used;
            if (used > most) most = used;
            return address;
        }
        throw Failure{OUT_OF_MEMORY};
    }

    // The address is free for others; what it holds is still there for what was put into a stream.
    size_t release(Address address) {
        auto one = live.find(address);
        if (one == live.end()) throw Failure{INVALID_VALUE};
        size_t bytes = one->second, taken = rounded(bytes);
        live.erase(one);
        used -= taken;
        Address first = address;
        size_t length = taken + STEP;
        auto next = gaps.lower_bound(address);
        if (next != gaps.end() && next->first == first + length) {
            length += next->second;
            next = gaps.erase(next);
        }
        if (next != gaps.begin()) {
            auto before = std::prev(next);
            if (before->first + before->second == first) {
                first = before->first;
                length += before->second;
                gaps.erase(before);
            }
        }
        gaps[first] = length;
        return bytes;
    }

    // Where bytes of the device are in this process; they have to lie in one allocation.
    void *place(Address address, size_t bytes = 1) const {
        auto after = live.upper_bound(address);
        if (after == live.begin()) throw Failure{ILLEGAL_ADDRESS};
        auto one = std::prev(after);
        if (address - one->first > one->second || bytes > one->second - (address - one->first)) {
            throw Failure{ILLEGAL_ADDRESS};
        }
        return raw(address);
    }

    // The same without asking whether anything lies there.
    static void *raw(Address address) {
        return reinterpret_cast<void *>(static_cast<uintptr_t>(address - BEYOND_ALL));
    }

    static void poison(Address address, size_t bytes) {
        memset(raw(address), 0xff, bytes);
        memset(static_cast<unsigned char *>(raw(address)) + bytes, FENCE,
               rounded(bytes) + STEP - bytes);
    }

    // Whether nothing was written behind the bytes of an allocation.
    static bool is_whole(Address address, size_t bytes) {
        const unsigned char *all = static_cast<unsigned char *>(raw(address));
        for (size_t i = bytes; i < rounded(bytes) + STEP; ++i) {
            if (all[i] != FENCE) return false;
        }
        return true;
    }

    size_t total = 0, used = 0;
    // What the pool has taken from the device, and the most that was used at a time.
    size_t kept = 0, most = 0;

  private:
    static constexpr unsigned char FENCE = 0xf5;
    static size_t rounded(size_t bytes) { return (bytes + STEP - 1) / STEP * STEP; }

    unsigned char *base = nullptr;
    size_t reserved = 0;
    std::map<Address, size_t> gaps, live;
};

}  // namespace emulated
