// The driver's functions that a run calls, on emulated devices. Signatures are those of CUDA's driver
// API; handles are pointers, and a device is its number.
#include <algorithm>

#include "machine.h"
#include "tensors.h"

using namespace emulated;

namespace {

Device &device_numbered(Machine &machine, int number) {
    if (number < 0 || number >= static_cast<int>(machine.devices.size())) {
        throw Failure{INVALID_DEVICE};
    }
    return *machine.devices[static_cast<size_t>(number)];
}

Function &function_of(void *handle) {
    if (handle == nullptr) throw Failure{INVALID_HANDLE};
    return *static_cast<Function *>(handle);
}

Event &event_of(Machine &machine, void *handle) {
    auto *event = static_cast<Event *>(handle);
    if (machine.events.count(event) == 0) throw Failure{INVALID_HANDLE};
    return *event;
}

// Whether the device has the kernel, and what launches it.
Prepare kernel_named(const std::string &name) {
    Prepare own = own_kernel(name);
    return own ? own : library_kernel(name);
}

void free_memory(Device &device, Stream *stream, Address address) {
    size_t bytes = device.memory.release(address);
    Machine::one().put(device, stream, [address, bytes] {
        if (!Memory::is_whole(address, bytes)) {
            fprintf(stderr, "emulated device: something was written behind %zu bytes\n", bytes);
            throw Failure{ILLEGAL_ADDRESS};
        }
        Memory::poison(address, bytes);
    });
}

void allocate(Device &device, Stream *stream, size_t bytes, Address *address) {
    Machine &machine = Machine::one();
    if (device.number == 0 &&
        machine.settings.happens(++device.allocations, machine.settings.refuses_at)) {
        throw Failure{OUT_OF_MEMORY};
    }
    size_t before = device.memory.most;
    *address = device.memory.allocate(bytes);
    if (device.memory.most > before) machine.note(device);
    machine.put(device, stream, [address = *address, bytes] { Memory::poison(address, bytes); });
}

// Bytes from here to the device: taken at once from memory that the system may move, read when the
// copy is done from memory that is locked.
void copy_in(Machine &machine, Device &device, Stream *stream, Address to, const void *from,
             size_t bytes) {
    if (bytes == 0) return;
    void *place = device.memory.place(to, bytes);
    if (machine.is_pinned(from, bytes)) {
        machine.put(device, stream, [=] { memcpy(place, from, bytes); });
        return;
    }
    if (!machine.settings.computes) return;
    auto copy = std::make_shared<std::string>(static_cast<const char *>(from), bytes);
    machine.put(device, stream, [=] { memcpy(place, copy->data(), copy->size()); });
    // What waits takes memory; a driver has no more than some for it either.
    if (bytes > size_t{16} << 20) stream->finish();
}

void copy_out(Machine &machine, Device &device, Stream *stream, void *to, Address from,
              size_t bytes) {
    if (bytes == 0) return;
    const void *place = device.memory.place(from, bytes);
    if (!machine.settings.computes) memset(to, 0, bytes);
    machine.put(device, stream, [=] { memcpy(to, place, bytes); });
    if (!machine.is_pinned(to, bytes)) machine.wait(device, stream);
}

void copy_on(Machine &machine, Device &device, Stream *stream, Address to, Address from,
             size_t bytes) {
    if (bytes == 0) return;
    void *target = device.memory.place(to, bytes);
    const void *source = device.memory.place(from, bytes);
    machine.put(device, stream, [=] { memmove(target, source, bytes); });
}

void wait_for_all(Machine &machine, Device &device) {
    machine.streams.finish_all(device.number);
    machine.wait(device, device.usual);
}

enum Attribute {
    MAX_THREADS_PER_BLOCK = 1,
    MULTIPROCESSORS = 16,
    MAX_THREADS_PER_MULTIPROCESSOR = 39,
    CAPABILITY_MAJOR = 75,
    CAPABILITY_MINOR = 76,
    MAX_SHARED_OPT_IN = 97,
    MEMORY_POOLS_SUPPORTED = 115,
};

enum PoolAttribute {
    RELEASE_THRESHOLD = 4,
    RESERVED_CURRENT = 5,
    RESERVED_HIGH = 6,
    USED_CURRENT = 7,
    USED_HIGH = 8,
};

constexpr int SHARED_MOST = 227 << 10;

}  // namespace

extern "C" {

int cuInit(unsigned) { return Machine::one().settings.init; }

int cuDriverGetVersion(int *version) {
    *version = 13000;
    return SUCCESS;
}

int cuGetErrorName(int code, const char **name) {
    static const std::map<int, const char *> names = {
        {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
        {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
        {NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
        {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"},
        {NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
        {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
        {719, "CUDA_ERROR_LAUNCH_FAILED"},
    };
    auto found = names.find(code);
    *name = found == names.end() ? "CUDA_ERROR_UNKNOWN" : found->second;
    return SUCCESS;
}

int cuGetErrorString(int code, const char **text) {
    static const std::map<int, const char *> texts = {
        {OUT_OF_MEMORY, "out of memory"},
        {NO_DEVICE, "no CUDA-capable device is detected"},
        {INVALID_DEVICE, "invalid device ordinal"},
        {ILLEGAL_ADDRESS, "an illegal memory access was encountered"},
        {719, "unspecified launch failure"},
    };
    auto found = texts.find(code);
    *text = found == texts.end() ? "an error of the emulated device" : found->second;
    return SUCCESS;
}

int cuDeviceGetCount(int *count) {
    return call([=](Machine &machine) { *count = static_cast<int>(machine.devices.size()); });
}

int cuDeviceGet(int *device, int number) {
    return call([=](Machine &machine) { *device = device_numbered(machine, number).number; });
}

int cuDeviceGetName(char *name, int length, int device) {
    return call([=](Machine &machine) {
        device_numbered(machine, device);
        snprintf(name, static_cast<size_t>(length), "emulated device");
    });
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    return call([=](Machine &machine) {
        *bytes = device_numbered(machine, device).memory.total;
    });
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    return call([=](Machine &machine) {
        device_numbered(machine, device);
        switch (attribute) {
            case MAX_THREADS_PER_BLOCK: *value = 1024; break;
            case MULTIPROCESSORS: *value = 132; break;
            case MAX_THREADS_PER_MULTIPROCESSOR: *value = 2048; break;
            case CAPABILITY_MAJOR: *value = machine.settings.capability / 10; break;
            case CAPABILITY_MINOR: *value = machine.settings.capability % 10; break;
            case MAX_SHARED_OPT_IN: *value = SHARED_MOST; break;
            case MEMORY_POOLS_SUPPORTED: *value = 1; break;
            default:
                fprintf(stderr, "emulated device: no attribute %d\n", attribute);
                throw Failure{INVALID_VALUE};
        }
    });
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    return call([=](Machine &machine) { *context = &device_numbered(machine, device); });
}

int cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }

int cuCtxGetCurrent(void **context) {
    *context = Machine::chosen;
    return SUCCESS;
}

int cuCtxSetCurrent(void *context) {
    Machine::chosen = static_cast<Device *>(context);
    return SUCCESS;
}

// Called by no run, and named by what the worker is linked with.
int cuCtxDestroy_v2(void *) { return NOT_SUPPORTED; }
int cuMemcpyPeerAsync(Address, void *, Address, void *, size_t, void *) { return NOT_SUPPORTED; }
int cuModuleLoad(void **, const char *) { return NOT_SUPPORTED; }

int cuCtxSynchronize() {
    return call([](Machine &machine) { wait_for_all(machine, machine.current()); });
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
    return call([=](Machine &machine) {
        const Memory &memory = machine.current().memory;
        *total = memory.total;
        *free = memory.total - std::max(memory.used, memory.kept);
    });
}

int cuDeviceGetDefaultMemPool(void **pool, int device) {
    return call([=](Machine &machine) { *pool = &device_numbered(machine, device); });
}

int cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
    return call([=](Machine &) {
        auto &device = *static_cast<Device *>(pool);
        switch (attribute) {
            case RELEASE_THRESHOLD:
                device.keeps_freed_memory = *static_cast<uint64_t *>(value) == UINT64_MAX;
                break;
            case USED_HIGH:
            case RESERVED_HIGH:
                if (*static_cast<uint64_t *>(value) != 0) throw Failure{INVALID_VALUE};
                device.memory.most = device.memory.used;
                break;
            default: throw Failure{INVALID_VALUE};
        }
    });
}

int cuMemPoolGetAttribute(void *pool, int attribute, void *value) {
    return call([=](Machine &) {
        const auto &device = *static_cast<Device *>(pool);
        auto *to = static_cast<uint64_t *>(value);
        switch (attribute) {
            case RESERVED_CURRENT: *to = device.memory.kept; break;
            case USED_CURRENT: *to = device.memory.used; break;
            case RESERVED_HIGH:
            case USED_HIGH: *to = device.memory.most; break;
            default: throw Failure{INVALID_VALUE};
        }
    });
}

int cuMemPoolTrimTo(void *pool, size_t) {
    return call([=](Machine &) {
        Memory &memory = static_cast<Device *>(pool)->memory;
        memory.kept = memory.used;
    });
}

int cuMemAllocAsync(Address *address, size_t bytes, void *stream) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        allocate(device, machine.stream_of(device, stream), bytes, address);
    });
}

int cuMemFreeAsync(Address address, void *stream) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        free_memory(device, machine.stream_of(device, stream), address);
    });
}

int cuMemAlloc_v2(Address *address, size_t bytes) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        wait_for_all(machine, device);
        allocate(device, device.usual, bytes, address);
        device.usual->finish();
    });
}

int cuMemFree_v2(Address address) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        wait_for_all(machine, device);
        free_memory(device, device.usual, address);
        device.usual->finish();
    });
}

int cuMemHostAlloc(void **place, size_t bytes, unsigned) {
    return call([=](Machine &machine) {
        machine.current();
        if (bytes == 0) throw Failure{INVALID_VALUE};
        if (posix_memalign(place, 4096, bytes) != 0) throw Failure{OUT_OF_MEMORY};
        memset(*place, 0xff, bytes);
        machine.pinned[*place] = bytes;
    });
}

int cuMemFreeHost(void *place) {
    return call([=](Machine &machine) {
        if (machine.pinned.count(place) == 0) throw Failure{INVALID_VALUE};
        for (auto &device : machine.devices) machine.streams.finish_all(device->number);
        machine.pinned.erase(place);
        free(place);
    });
}

int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, void *stream) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        copy_in(machine, device, machine.stream_of(device, stream), to, from, bytes);
    });
}

int cuMemcpyHtoD_v2(Address to, const void *from, size_t bytes) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        copy_in(machine, device, device.usual, to, from, bytes);
        machine.wait(device, device.usual);
    });
}

int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, void *stream) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        copy_out(machine, device, machine.stream_of(device, stream), to, from, bytes);
    });
}

int cuMemcpyDtoH_v2(void *to, Address from, size_t bytes) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        copy_out(machine, device, device.usual, to, from, bytes);
        machine.wait(device, device.usual);
    });
}

int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, void *stream) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        copy_on(machine, device, machine.stream_of(device, stream), to, from, bytes);
    });
}

int cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        copy_on(machine, device, device.usual, to, from, bytes);
    });
}

int cuMemsetD8Async(Address to, unsigned char value, size_t bytes, void *stream) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        if (bytes == 0) return;
        void *place = device.memory.place(to, bytes);
        machine.put(device, machine.stream_of(device, stream),
                    [=] { memset(place, value, bytes); });
    });
}

int cuMemsetD8_v2(Address to, unsigned char value, size_t bytes) {
    return cuMemsetD8Async(to, value, bytes, nullptr);
}

int cuStreamCreate(void **stream, unsigned) {
    return call([=](Machine &machine) {
        *stream = machine.streams.add(machine.current().number);
    });
}

int cuStreamDestroy_v2(void *stream) {
    return call([=](Machine &machine) {
        if (!machine.streams.has(static_cast<Stream *>(stream))) throw Failure{INVALID_HANDLE};
        machine.streams.remove(static_cast<Stream *>(stream));
    });
}

int cuStreamSynchronize(void *stream) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        machine.wait(device, machine.stream_of(device, stream));
    });
}

int cuStreamWaitEvent(void *stream, void *event, unsigned) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        auto mark = event_of(machine, event).last;
        if (mark) machine.streams.put(machine.stream_of(device, stream), {nullptr, mark, nullptr});
    });
}

int cuStreamIsCapturing(void *, int *status) {
    *status = 0;
    return SUCCESS;
}

int cuStreamGetCtx(void *stream, void **context) {
    return call([=](Machine &machine) {
        *context = machine.devices[static_cast<size_t>(static_cast<Stream *>(stream)->device)].get();
    });
}

int cuEventCreate(void **event, unsigned flags) {
    return call([=](Machine &machine) {
        machine.current();
        auto *made = new Event;
        made->is_timed = (flags & 2) == 0;
        machine.events.insert(made);
        *event = made;
    });
}

int cuEventDestroy_v2(void *event) {
    return call([=](Machine &machine) {
        Event &one = event_of(machine, event);
        machine.events.erase(&one);
        delete &one;
    });
}

int cuEventRecord(void *event, void *stream) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        Stream *in = machine.stream_of(device, stream);
        auto mark = std::make_shared<Mark>();
        mark->stream = in;
        event_of(machine, event).last = mark;
        machine.streams.put(in, {nullptr, nullptr, mark});
    });
}

int cuEventQuery(void *event) {
    return call([=](Machine &machine) {
        machine.current();
        auto mark = event_of(machine, event).last;
        if (mark && !mark->done) throw Failure{NOT_READY};
    });
}

int cuEventSynchronize(void *event) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        auto mark = event_of(machine, event).last;
        if (mark && !mark->done) mark->stream->finish_until(*mark);
        if (device.broken != SUCCESS) throw Failure{device.broken};
    });
}

int cuEventElapsedTime_v2(float *milliseconds, void *from, void *to) {
    return call([=](Machine &machine) {
        machine.current();
        const Event &begin = event_of(machine, from), &end = event_of(machine, to);
        if (!begin.is_timed || !end.is_timed || !begin.last || !end.last) {
            throw Failure{INVALID_HANDLE};
        }
        if (!begin.last->done || !end.last->done) throw Failure{NOT_READY};
        std::chrono::duration<float, std::milli> passed = end.last->at - begin.last->at;
        *milliseconds = passed.count();
    });
}

int cuEventElapsedTime(float *milliseconds, void *from, void *to) {
    return cuEventElapsedTime_v2(milliseconds, from, to);
}

int cuModuleLoadData(void **module, const void *) {
    return call([=](Machine &machine) {
        machine.current();
        static int all;
        *module = &all;
    });
}

int cuModuleUnload(void *) { return SUCCESS; }

int cuModuleGetFunction(void **function, void *, const char *name) {
    return call([=](Machine &machine) {
        machine.current();
        if (!kernel_named(name)) {
            fprintf(stderr, "emulated device: no kernel %s\n", name);
            throw Failure{NOT_FOUND};
        }
        static std::map<std::string, Function> all;
        Function &one = all[name];
        one.name = name;
        *function = &one;
    });
}

int cuFuncSetAttribute(void *function, int attribute, int value) {
    return call([=](Machine &) {
        constexpr int MAX_DYNAMIC_SHARED = 8;
        if (attribute != MAX_DYNAMIC_SHARED || value < 0 || value > SHARED_MOST) {
            throw Failure{INVALID_VALUE};
        }
        function_of(function).shared_most = value;
    });
}

int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                   void *stream, void **parameters, void **) {
    return call([=](Machine &machine) {
        Device &device = machine.current();
        const Function &kernel = function_of(function);
        uint64_t threads = uint64_t{block_x} * block_y * block_z;
        bool fits = grid_x > 0 && grid_y > 0 && grid_z > 0 && grid_x <= 0x7fffffffu &&
                    grid_y <= 65535 && grid_z <= 65535 && threads > 0 && threads <= 1024;
        if (!fits || shared > static_cast<unsigned>(kernel.shared_most)) throw Failure{INVALID_VALUE};
        if (device.number == 0 &&
            machine.settings.happens(++device.launches, machine.settings.fails_at)) {
            device.broken = machine.settings.fails_with;
            throw Failure{device.broken};
        }
        ++device.kernels[kernel.name];
        fibres::Launch launch{{grid_x, grid_y, grid_z},
                              {block_x, block_y, block_z},
                              shared,
                              static_cast<uint64_t>(device.launches)};
        machine.put(device, machine.stream_of(device, stream),
                    kernel_named(kernel.name)(device.memory, launch, parameters));
    });
}

}  // extern "C"
