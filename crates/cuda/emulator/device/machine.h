// All emulated devices of this process, their memory and streams, under one lock.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "memory.h"
#include "settings.h"
#include "streams.h"

namespace emulated {

struct Device {
    int number = 0;
    Memory memory;
    Stream *usual = nullptr;
    // What everything ends with once something went wrong on the device.
    int broken = SUCCESS;
    bool keeps_freed_memory = false;
    long launches = 0, allocations = 0, waits = 0;
    // How often each kernel was launched.
    std::map<std::string, long> kernels;
};

struct Event {
    std::shared_ptr<Mark> last;
    bool is_timed = false;
};

struct Function {
    std::string name;
    int shared_most = 48 << 10;
};

class Machine {
  public:
    static Machine &one() {
        // Never ended: what the program still does while it ends may use it.
        static Machine *machine = new Machine;
        return *machine;
    }

    std::recursive_mutex lock;
    const Settings &settings = Settings::of_environment();
    Streams streams{settings.order};
    std::vector<std::unique_ptr<Device>> devices;
    // Page-locked memory: first byte and length.
    std::map<const void *, size_t> pinned;
    std::set<Event *> events;

    bool is_pinned(const void *place, size_t bytes) const {
        auto after = pinned.upper_bound(place);
        if (after == pinned.begin()) return false;
        auto one = std::prev(after);
        auto offset = static_cast<size_t>(static_cast<const char *>(place) -
                                          static_cast<const char *>(one->first));
        return offset <= one->second && bytes <= one->second - offset;
    }

    Device &current() {
        if (chosen == nullptr) throw Failure{INVALID_CONTEXT};
        if (chosen->broken != SUCCESS) throw Failure{chosen->broken};
        return *chosen;
    }

    Stream *stream_of(Device &device, void *handle) {
        // The usual stream of a device, and that of the thread.
        if (handle == nullptr || handle == reinterpret_cast<void *>(2)) return device.usual;
        auto *stream = static_cast<Stream *>(handle);
        if (!streams.has(stream) || stream->device != device.number) throw Failure{INVALID_HANDLE};
        return stream;
    }

    // Puts work into a stream; what fails there breaks the device.
    void put(Device &device, Stream *stream, std::function<void()> work) {
        if (!settings.computes) return;
        streams.put(stream, {[&device, work] {
                                 if (device.broken != SUCCESS) return;
                                 try {
                                     work();
                                 } catch (const Failure &failure) {
                                     device.broken = failure.code;
                                 }
                             },
                             nullptr, nullptr});
    }

    void wait(Device &device, Stream *stream) {
        ++device.waits;
        note(device);
        stream->finish();
        if (!device.keeps_freed_memory) device.memory.kept = device.memory.used;
        if (device.broken != SUCCESS) throw Failure{device.broken};
    }

    // Says what was counted of the first device.
    void note(const Device &device) const {
        if (settings.counts.empty() || device.number != 0) return;
        if (FILE *file = fopen(settings.counts.c_str(), "w")) {
            fprintf(file, "{\"bytes\": %zu, \"launches\": %ld, \"waits\": %ld, \"kernels\": {",
                    device.memory.most, device.launches, device.waits);
            const char *before = "";
            for (const auto &[name, count] : device.kernels) {
                fprintf(file, "%s\"%s\": %ld", before, name.c_str(), count);
                before = ", ";
            }
            fprintf(file, "}}\n");
            fclose(file);
        }
    }

    static thread_local Device *chosen;

  private:
    Machine() {
        for (int number = 0; number < settings.devices; ++number) {
            auto device = std::make_unique<Device>();
            device->number = number;
            device->memory.open(settings.memory_mib << 20);
            device->usual = streams.add(number);
            devices.push_back(std::move(device));
        }
    }
};

inline thread_local Device *Machine::chosen = nullptr;

// Does what a call of the driver does, and gives its code.
template <class Work> int call(Work work) {
    std::lock_guard<std::recursive_mutex> hold(Machine::one().lock);
    try {
        work(Machine::one());
        return SUCCESS;
    } catch (const Failure &failure) {
        return failure.code;
    }
}

}  // namespace emulated
