// A double of the CUDA driver: a device whose memory is the host's, and whose kernels are the engine's source as C++.
//
// Told, beside what calls.h lists:
//   driver, count, name, major, minor, memory    the values; the name `long` fills all bytes that there are
//   pools=0            no pools of memory, so that it is taken and freed at once
//   attribute_<n>      the value of another attribute
//   eager=1            work is done when it is queued
//   polls              how often an event says that it is not ready before its work is done; 1
//   hang=1             nothing that is queued is ever done: questions say so, and who waits ends the process with a fault
//   crash=<kernel>     this kernel fails with 719, which stays with the context
// In `heard` a line that begins with `fault: ` is what no program may do, a leak among it; `ran <what>` is work done.
#include <cstring>

#include "libcuda/machine.h"
#include "libcuda/memory.h"
#include "libcuda/modules.h"
#include "libcuda/streams.h"

EXPORTED int cuInit(unsigned flags) {
    return call("cuInit", Needs::Nothing, [&]() -> int {
        machine.is_initialised = true;
        return flags == 0 ? Success : InvalidValue;
    });
}

EXPORTED int cuDriverGetVersion(int* version) {
    return call("cuDriverGetVersion", Needs::Nothing, [&] {
        *version = static_cast<int>(machine.calls.number("driver", 12060));
        return Success;
    });
}

EXPORTED int cuDeviceGetCount(int* count) {
    return call("cuDeviceGetCount", Needs::Driver, [&] {
        *count = static_cast<int>(machine.calls.number("count", 1));
        return Success;
    });
}

EXPORTED int cuDeviceGet(int* device, int ordinal) {
    return call("cuDeviceGet", Needs::Driver, [&]() -> int {
        *device = ordinal;
        return ordinal >= 0 && ordinal < machine.calls.number("count", 1) ? Success : InvalidDevice;
    });
}

EXPORTED int cuDeviceGetName(char* name, int bytes, int) {
    return call("cuDeviceGetName", Needs::Driver, [&] {
        std::string const text = machine.calls.text("name", "Orin of a test");
        if (text == "long") {
            // No zero at the end, as no driver should.
            std::memset(name, 'x', static_cast<std::size_t>(bytes));
        } else {
            std::strncpy(name, text.c_str(), static_cast<std::size_t>(bytes));
        }
        return Success;
    });
}

EXPORTED int cuDeviceGetAttribute(int* value, int attribute, int) {
    return call("cuDeviceGetAttribute", Needs::Driver, [&] {
        // Threads of a block, integrated, maps the host's memory, one address space, generation, pools of memory.
        static std::map<int, std::pair<char const*, long>> const known = {{1, {"threads", 1024}}, {18, {"integrated", 1}},
            {19, {"maps", 1}}, {41, {"unified", 1}}, {75, {"major", 8}}, {76, {"minor", 7}}, {115, {"pools", 1}}};
        auto const found = known.find(attribute);
        *value = static_cast<int>(found == known.end()
                ? machine.calls.number("attribute_" + std::to_string(attribute), 0)
                : machine.calls.number(found->second.first, found->second.second));
        return Success;
    });
}

EXPORTED int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
    return call("cuDeviceTotalMem", Needs::Driver, [&] {
        *bytes = static_cast<std::size_t>(machine.calls.number("memory", 8L << 30));
        return Success;
    });
}

EXPORTED int cuDevicePrimaryCtxRetain(Handle* context, int) {
    return call("cuDevicePrimaryCtxRetain", Needs::Driver, [&] {
        if (machine.holders++ == 0) {
            machine.context = machine.handle();
            machine.streams[nullptr];
        }
        *context = machine.context;
        return Success;
    });
}

static void leak(std::string const& what, std::size_t count) {
    if (count > 0) {
        fault("leak: " + std::to_string(count) + " " + what + " at the context's end", Success);
    }
}

// All goes with the context; what its owners did not free before is a leak, unless the device was broken.
static void end_context(bool is_sound) {
    if (is_sound) {
        leak("pieces of memory", machine.device.size() - machine.pinned.size());
        leak("pieces of pinned memory", machine.pinned.size());
        leak("streams", machine.streams.size() - 1);
        leak("events", machine.events.size());
        leak("modules", machine.modules.size());
        leak("graphs", machine.graphs.size() + machine.executables.size());
        leak("bytes of TensorRT's", static_cast<std::size_t>(machine.library_bytes));
    }
    for (auto* all : {&machine.device, &machine.pinned}) {
        for (auto const& [start, memory] : *all) {
            munmap(memory.pages, memory.page_bytes);
        }
        all->clear();
    }
    machine.mapped.clear();
    machine.streams.clear();
    machine.events.clear();
    machine.modules.clear();
    machine.functions.clear();
    machine.graphs.clear();
    machine.executables.clear();
    machine.taken = 0;
    machine.library_bytes = 0;
    machine.context = nullptr;
    machine.broken = Success;
}

EXPORTED int cuDevicePrimaryCtxRelease_v2(int) {
    return free_call("cuDevicePrimaryCtxRelease", Needs::Driver, []() -> int {
        if (machine.holders == 0) {
            return fault("the context is released once too often", InvalidContext);
        }
        if (--machine.holders > 0) {
            return Success;
        }
        bool const is_sound = machine.broken == Success;
        int const code = is_sound ? work_off_all("cuDevicePrimaryCtxRelease") : machine.broken;
        end_context(is_sound);
        return code;
    });
}

EXPORTED int cuCtxSetCurrent(Handle context) {
    return call("cuCtxSetCurrent", Needs::Driver, [&]() -> int {
        if (context != nullptr && context != machine.context) {
            return fault("a context that is not there is made current", InvalidContext);
        }
        current = context;
        return Success;
    });
}

EXPORTED int cuCtxGetCurrent(Handle* context) {
    return call("cuCtxGetCurrent", Needs::Driver, [&] {
        *context = current;
        return Success;
    });
}

static char const* error_name(int code) {
    static std::map<int, char const*> const names = {{0, "CUDA_SUCCESS"}, {1, "CUDA_ERROR_INVALID_VALUE"},
        {2, "CUDA_ERROR_OUT_OF_MEMORY"}, {3, "CUDA_ERROR_NOT_INITIALIZED"}, {100, "CUDA_ERROR_NO_DEVICE"},
        {101, "CUDA_ERROR_INVALID_DEVICE"}, {200, "CUDA_ERROR_INVALID_IMAGE"}, {201, "CUDA_ERROR_INVALID_CONTEXT"},
        {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"}, {400, "CUDA_ERROR_INVALID_HANDLE"}, {500, "CUDA_ERROR_NOT_FOUND"},
        {600, "CUDA_ERROR_NOT_READY"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"}, {719, "CUDA_ERROR_LAUNCH_FAILED"},
        {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"}, {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
        {907, "CUDA_ERROR_CAPTURED_EVENT"}, {999, "CUDA_ERROR_UNKNOWN"}};
    auto const found = names.find(code);
    return found == names.end() ? nullptr : found->second;
}

EXPORTED int cuGetErrorName(int code, char const** name) {
    *name = error_name(code);
    return *name == nullptr ? InvalidValue : Success;
}

EXPORTED int cuGetErrorString(int code, char const** text) {
    return cuGetErrorName(code, text);
}

// For TensorRT's double: queues work on a stream, where it runs in its turn and again with each graph that recorded it.
// `work` answers with a code of the driver; `forget` is called when nothing holds the work any more.
EXPORTED int mamoru_double_queue(Handle stream, int (*work)(void*), void* with, void (*forget)(void*)) {
    std::lock_guard<std::recursive_mutex> const lock(machine.mutex);
    std::shared_ptr<void> const held(with, forget);
    if (int const code = ready("TensorRT", Needs::Context); code != Success) {
        return code;
    }
    if (machine.calls.is_told("lost")) {
        return LaunchFailed;
    }
    return queue(stream, {"network", [=] {
        heard("ran network");
        return work(held.get());
    }}, "TensorRT");
}

// Whether all these bytes are the device's memory.
EXPORTED int mamoru_double_is_memory(Address address, std::size_t bytes) {
    std::lock_guard<std::recursive_mutex> const lock(machine.mutex);
    return is_memory(address, bytes) ? 1 : 0;
}

// Whether a stream records.
EXPORTED int mamoru_double_is_recording(Handle stream) {
    std::lock_guard<std::recursive_mutex> const lock(machine.mutex);
    auto const found = machine.streams.find(stream);
    return found != machine.streams.end() && found->second.capture != Capture::None ? 1 : 0;
}

// Takes memory for TensorRT's own use, or gives it back where `bytes` is negative. Not 0: there is none.
EXPORTED int mamoru_double_reserve(long bytes) {
    std::lock_guard<std::recursive_mutex> const lock(machine.mutex);
    if (machine.context == nullptr) {
        return fault("TensorRT's objects outlive the context", InvalidContext);
    }
    if (bytes > 0 && !has_room(static_cast<std::size_t>(bytes))) {
        return OutOfMemory;
    }
    machine.taken += static_cast<std::size_t>(bytes);
    machine.library_bytes += bytes;
    return Success;
}
