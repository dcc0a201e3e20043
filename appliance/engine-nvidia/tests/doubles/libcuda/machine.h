// The machine behind the double of the driver: a device with memory, streams of work and a primary context.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "calls.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

using Address = std::uint64_t;
using Handle = void*;

enum Code {
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NotInitialized = 3,
    InvalidDevice = 101,
    InvalidImage = 200,
    InvalidContext = 201,
    NoBinaryForGpu = 209,
    InvalidHandle = 400,
    IllegalState = 401,
    NotFound = 500,
    NotReady = 600,
    IllegalAddress = 700,
    LaunchFailed = 719,
    CaptureUnsupported = 900,
    CaptureInvalidated = 901,
    CaptureUnmatched = 903,
    CapturedEvent = 907,
    CaptureWrongThread = 908,
};

// A piece of memory: of the device, or of the host and mapped for the device.
struct Memory {
    char* pages = nullptr; // with a page before and after that nobody may touch
    std::size_t page_bytes = 0;
    Address start = 0;
    std::size_t bytes = 0;
    bool is_going = false; // queued to be freed: nothing more may be queued with it
};

struct Operation {
    std::string name;
    std::function<int()> run;
};

// What an event waits for.
struct Record {
    Handle stream = nullptr;
    bool is_done = false;
    std::chrono::steady_clock::time_point time;
    long queries = 0;
};

struct Event {
    bool has_time = false;
    bool is_captured = false;
    std::shared_ptr<Record> record;
};

enum class Capture { None, Active, Invalidated };

struct Stream {
    std::deque<Operation> queue;
    Capture capture = Capture::None;
    std::thread::id capturer;
    std::vector<Operation> captured;
};

struct Module {
    std::set<std::string> kernels;
};

struct Function {
    Handle module;
    std::string name;
};

using Graph = std::vector<Operation>;

// All of it, under one lock.
struct Machine {
    std::recursive_mutex mutex;
    Calls calls;
    bool is_initialised = false;
    Handle context = nullptr; // the primary context while somebody holds it
    long holders = 0;
    int broken = Success; // an error of work that was queued; it stays with the context
    std::uintptr_t handles = 0x7d0000;
    std::map<Address, Memory> device; // by address for the device: also pinned memory's
    std::map<Address, Memory> pinned; // by address for the host
    std::map<Address, Address> mapped; // from the host's to the device's
    std::map<Handle, Stream> streams;
    std::map<Handle, Event> events;
    std::map<Handle, Module> modules;
    std::map<Handle, Function> functions;
    std::map<Handle, Graph> graphs;
    std::map<Handle, Graph> executables;
    std::size_t taken = 0;
    long library_bytes = 0; // what TensorRT's double holds

    Handle handle() { return reinterpret_cast<Handle>(handles += 0x40); }
};

static Machine machine;
static thread_local Handle current = nullptr;

// What a test must not find: something that no program may do to a driver.
static int fault(std::string const& text, int code) {
    heard("fault: " + text);
    return code;
}

enum class Needs { Nothing, Driver, Context, NoCapture };

// The checks before a function's work.
static int ready(char const* function, Needs needs) {
    if (needs == Needs::Nothing) {
        return Success;
    }
    if (!machine.is_initialised) {
        return NotInitialized;
    }
    if (needs == Needs::Driver) {
        return Success;
    }
    if (current == nullptr || current != machine.context) {
        return fault(std::string(function) + " on a thread without the context", InvalidContext);
    }
    if (machine.broken != Success) {
        return machine.broken;
    }
    if (needs == Needs::NoCapture) {
        for (auto& [handle, stream] : machine.streams) {
            if (stream.capture != Capture::None && stream.capturer == std::this_thread::get_id()) {
                stream.capture = Capture::Invalidated;
                return fault(std::string(function) + " while a stream records", CaptureUnsupported);
            }
        }
    }
    return Success;
}

// One call: as it is told, or the function's work.
template <class Work>
static int call(char const* function, Needs needs, Work work) {
    std::lock_guard<std::recursive_mutex> const lock(machine.mutex);
    int const told = machine.calls.answer(function);
    if (told != Success) {
        return told;
    }
    int const code = ready(function, needs);
    return code != Success ? code : work();
}

// One call that frees something: it does so even where it answers with an error, which is of work before, as drivers do.
template <class Work>
static int free_call(char const* function, Needs needs, Work work) {
    std::lock_guard<std::recursive_mutex> const lock(machine.mutex);
    int const told = machine.calls.answer(function);
    if (told != Success && machine.calls.is_told("lost")) {
        return told;
    }
    int const code = ready(function, needs);
    int const done = code == Success || code == machine.broken ? work() : code;
    return told != Success ? told : code != Success ? code : done;
}

// The object behind a handle, or null and a fault.
template <class T>
static T* find(std::map<Handle, T>& objects, Handle handle, char const* function) {
    auto const found = objects.find(handle);
    if (found == objects.end()) {
        fault(std::string(function) + " with what is no handle of a living object", InvalidHandle);
        return nullptr;
    }
    return &found->second;
}

// Does what is queued on a stream until `is_enough`. An error breaks the context, and nothing after it is done.
template <class Enough>
static int work_off(Stream& stream, Enough is_enough) {
    while (!stream.queue.empty() && !is_enough()) {
        Operation const operation = stream.queue.front();
        stream.queue.pop_front();
        if (machine.broken == Success) {
            machine.broken = operation.run();
        }
        if (machine.broken != Success) {
            stream.queue.clear();
            return machine.broken;
        }
    }
    return machine.broken;
}

static int work_off(Stream& stream) {
    return work_off(stream, [] { return false; });
}

static bool is_pending() {
    for (auto const& [handle, stream] : machine.streams) {
        if (!stream.queue.empty()) {
            return true;
        }
    }
    return false;
}

// A function that waits: on a device that hangs it would do so for ever, which no program may risk.
static void must_not_hang(char const* function, bool would_wait) {
    if (would_wait && machine.calls.is_told("hang")) {
        fault(std::string(function) + " waits for a device that does not answer", Success);
        std::fprintf(stderr, "%s: %s waits for a device that does not answer\n", kMarker, function);
        std::abort();
    }
}

static int work_off_all(char const* function) {
    must_not_hang(function, is_pending());
    for (auto& [handle, stream] : machine.streams) {
        if (int const code = work_off(stream); code != Success) {
            return code;
        }
    }
    return Success;
}

// Queues work, or records it.
static int queue(Handle handle, Operation operation, char const* function) {
    Stream* const stream = find(machine.streams, handle, function);
    if (stream == nullptr) {
        return InvalidHandle;
    }
    if (stream->capture == Capture::Invalidated) {
        return CaptureInvalidated;
    }
    if (stream->capture == Capture::Active) {
        stream->captured.push_back(std::move(operation));
        return Success;
    }
    stream->queue.push_back(std::move(operation));
    return machine.calls.is_told("eager") ? work_off(*stream) : Success;
}
