// Memory: what is where, and the copies between. Each piece lies at the end of pages of its own, so that what touches memory
// behind it, or after it was freed, is found; the few bytes up to the page's end hold a pattern.
#pragma once

#include "machine.h"

constexpr std::size_t kAlignment = 256;
constexpr unsigned char kUnwritten = 0xcd;
constexpr unsigned char kBehind = 0xa5;

static std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

// Pages for `bytes`, of `file` where it is one. Null pages where there are none.
static Memory take_pages(std::size_t bytes, int file) {
    std::size_t const page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    std::size_t const inner = rounded_up(bytes, page);
    Memory memory;
    memory.page_bytes = inner + 2 * page;
    void* const outer = mmap(nullptr, memory.page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (outer == MAP_FAILED) {
        return {};
    }
    memory.pages = static_cast<char*>(outer);
    int const flags = MAP_FIXED | (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
    if (mmap(memory.pages + page, inner, PROT_READ | PROT_WRITE, flags, file, 0) == MAP_FAILED) {
        munmap(outer, memory.page_bytes);
        return {};
    }
    memory.bytes = bytes;
    memory.start = reinterpret_cast<Address>(memory.pages + page + inner - rounded_up(bytes, kAlignment));
    return memory;
}

static char* behind(Memory const& memory) {
    return reinterpret_cast<char*>(memory.start) + memory.bytes;
}

static std::size_t bytes_behind(Memory const& memory) {
    return rounded_up(memory.bytes, kAlignment) - memory.bytes;
}

static void fill(Memory const& memory) {
    std::memset(reinterpret_cast<void*>(memory.start), kUnwritten, memory.bytes);
    std::memset(behind(memory), kBehind, bytes_behind(memory));
}

static bool is_whole(Memory const& memory) {
    char const* const bytes = behind(memory);
    for (std::size_t index = 0; index < bytes_behind(memory); ++index) {
        if (static_cast<unsigned char>(bytes[index]) != kBehind) {
            return false;
        }
    }
    return true;
}

// The memory that has all of `bytes` from `address` on.
static Memory* containing(std::map<Address, Memory>& all, Address address, std::size_t bytes) {
    auto found = all.upper_bound(address);
    if (found == all.begin()) {
        return nullptr;
    }
    Memory& memory = (--found)->second;
    std::size_t const offset = address - memory.start;
    return offset <= memory.bytes && bytes <= memory.bytes - offset && offset < memory.bytes ? &memory : nullptr;
}

// Whether work may be queued with this memory of the device.
static bool is_memory(Address address, std::size_t bytes) {
    Memory const* const memory = containing(machine.device, address, bytes);
    return memory != nullptr && !memory->is_going;
}

static bool has_room(std::size_t bytes) {
    std::size_t const total = static_cast<std::size_t>(machine.calls.number("memory", 8L << 30));
    return machine.taken <= total && bytes <= total - machine.taken;
}

static int take(std::size_t bytes, Address* address) {
    if (address == nullptr || bytes == 0) {
        return InvalidValue;
    }
    if (!has_room(bytes)) {
        return OutOfMemory;
    }
    Memory const memory = take_pages(bytes, -1);
    if (memory.pages == nullptr) {
        return OutOfMemory;
    }
    fill(memory);
    machine.taken += bytes;
    machine.device[memory.start] = memory;
    *address = memory.start;
    return Success;
}

static int give_back(Address address) {
    auto const found = machine.device.find(address);
    if (found == machine.device.end()) {
        return fault("free of what is no memory", InvalidValue);
    }
    if (!is_whole(found->second)) {
        fault("memory was written behind its end", Success);
    }
    machine.taken -= found->second.bytes;
    munmap(found->second.pages, found->second.page_bytes);
    machine.device.erase(found);
    return Success;
}

EXPORTED int cuMemAlloc_v2(Address* address, std::size_t bytes) {
    return call("cuMemAlloc", Needs::NoCapture, [&] { return take(bytes, address); });
}

EXPORTED int cuMemAllocAsync(Address* address, std::size_t bytes, Handle stream) {
    return call("cuMemAllocAsync", Needs::NoCapture, [&]() -> int {
        return find(machine.streams, stream, "cuMemAllocAsync") == nullptr ? InvalidHandle : take(bytes, address);
    });
}

EXPORTED int cuMemFree_v2(Address address) {
    return free_call("cuMemFree", Needs::NoCapture, [&] {
        int const code = work_off_all("cuMemFree");
        int const freed = give_back(address);
        return code != Success ? code : freed;
    });
}

EXPORTED int cuMemFreeAsync(Address address, Handle stream) {
    return free_call("cuMemFreeAsync", Needs::NoCapture, [&]() -> int {
        auto const found = machine.device.find(address);
        if (found == machine.device.end() || found->second.is_going) {
            return fault("free of what is no memory", InvalidValue);
        }
        if (machine.broken != Success) {
            return give_back(address);
        }
        found->second.is_going = true;
        return queue(stream, {"free", [address] { return give_back(address); }}, "cuMemFreeAsync");
    });
}

EXPORTED int cuMemHostAlloc(void** host, std::size_t bytes, unsigned flags) {
    return call("cuMemHostAlloc", Needs::NoCapture, [&]() -> int {
        constexpr unsigned kDeviceMap = 2;
        if (host == nullptr || bytes == 0 || (flags & kDeviceMap) == 0) {
            return InvalidValue;
        }
        int const file = has_room(bytes) ? memfd_create("pinned", MFD_CLOEXEC) : -1;
        std::size_t const page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        if (file < 0 || ftruncate(file, static_cast<off_t>(rounded_up(bytes, page))) != 0) {
            return OutOfMemory;
        }
        // Twice: a program that mistakes one address for the other touches what is not there.
        Memory const here = take_pages(bytes, file), there = take_pages(bytes, file);
        close(file);
        if (here.pages == nullptr || there.pages == nullptr) {
            return OutOfMemory;
        }
        fill(here);
        machine.taken += bytes;
        machine.pinned[here.start] = here;
        machine.device[there.start] = there;
        machine.mapped[here.start] = there.start;
        *host = reinterpret_cast<void*>(here.start);
        return Success;
    });
}

EXPORTED int cuMemFreeHost(void* host) {
    return free_call("cuMemFreeHost", Needs::NoCapture, [&]() -> int {
        auto const found = machine.pinned.find(reinterpret_cast<Address>(host));
        if (found == machine.pinned.end()) {
            return fault("free of what is no pinned memory", InvalidValue);
        }
        int const code = work_off_all("cuMemFreeHost");
        Address const start = found->first;
        munmap(found->second.pages, found->second.page_bytes);
        machine.pinned.erase(found);
        int const freed = give_back(machine.mapped[start]);
        machine.mapped.erase(start);
        return code != Success ? code : freed;
    });
}

EXPORTED int cuMemHostGetDevicePointer_v2(Address* address, void* host, unsigned flags) {
    return call("cuMemHostGetDevicePointer", Needs::Context, [&]() -> int {
        Address const asked = reinterpret_cast<Address>(host);
        Memory const* const memory = containing(machine.pinned, asked, 1);
        if (memory == nullptr || flags != 0) {
            return fault("no pinned memory has this address", InvalidValue);
        }
        *address = machine.mapped[memory->start] + (asked - memory->start);
        return Success;
    });
}

EXPORTED int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
    return call("cuMemGetInfo", Needs::Context, [&] {
        *total = static_cast<std::size_t>(machine.calls.number("memory", 8L << 30));
        *free = machine.taken < *total ? *total - machine.taken : 0;
        return Success;
    });
}

// Memory of a process that is not pinned: the driver copies it on its own, and to it when the work is done.
static bool is_pageable(Address host, std::size_t bytes) {
    return containing(machine.pinned, host, bytes) == nullptr;
}

static Operation copy(std::string name, Address to, Address from, std::size_t bytes, bool is_out) {
    return {name, [=]() -> int {
        heard("ran " + name);
        if (!(is_out ? containing(machine.device, from, bytes) : containing(machine.device, to, bytes))) {
            return fault(name + ": memory that was freed before its work was done", IllegalAddress);
        }
        std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<void const*>(from), bytes);
        return Success;
    }};
}

EXPORTED int cuMemcpyHtoDAsync_v2(Address to, void const* from, std::size_t bytes, Handle stream) {
    return call("cuMemcpyHtoDAsync", Needs::Context, [&]() -> int {
        Address const host = reinterpret_cast<Address>(from);
        if (!is_memory(to, bytes)) {
            return fault("copy to what is no memory, or beyond it", InvalidValue);
        }
        if (!is_pageable(host, bytes)) {
            return queue(stream, copy("copy in", to, host, bytes, false), "cuMemcpyHtoDAsync");
        }
        Stream const* const queued = find(machine.streams, stream, "cuMemcpyHtoDAsync");
        if (queued == nullptr || queued->capture != Capture::None) {
            return queued == nullptr ? InvalidHandle : CaptureUnsupported;
        }
        // What is larger than this the driver copies in parts, and waits in between.
        must_not_hang("cuMemcpyHtoDAsync", bytes > 65536 && !queued->queue.empty());
        auto const kept = std::make_shared<std::string>(static_cast<char const*>(from), bytes);
        Operation const made = copy("copy in", to, reinterpret_cast<Address>(kept->data()), bytes, false);
        return queue(stream, {made.name, [made, kept] { return made.run(); }}, "cuMemcpyHtoDAsync");
    });
}

EXPORTED int cuMemcpyDtoHAsync_v2(void* to, Address from, std::size_t bytes, Handle stream) {
    return call("cuMemcpyDtoHAsync", Needs::Context, [&]() -> int {
        Address const host = reinterpret_cast<Address>(to);
        if (!is_memory(from, bytes)) {
            return fault("copy from what is no memory, or beyond it", InvalidValue);
        }
        bool const waits = is_pageable(host, bytes);
        Stream* const queued = find(machine.streams, stream, "cuMemcpyDtoHAsync");
        if (waits && queued != nullptr && queued->capture != Capture::None) {
            return CaptureUnsupported;
        }
        must_not_hang("cuMemcpyDtoHAsync", waits);
        int const code = queue(stream, copy("copy out", host, from, bytes, true), "cuMemcpyDtoHAsync");
        return code == Success && waits ? work_off(*queued) : code;
    });
}

EXPORTED int cuMemsetD8Async(Address to, unsigned char value, std::size_t bytes, Handle stream) {
    return call("cuMemsetD8Async", Needs::Context, [&]() -> int {
        if (!is_memory(to, bytes)) {
            return fault("memset of what is no memory, or beyond it", InvalidValue);
        }
        Operation set{"memset", [=]() -> int {
            heard("ran memset");
            if (containing(machine.device, to, bytes) == nullptr) {
                return fault("memset: memory that was freed before its work was done", IllegalAddress);
            }
            std::memset(reinterpret_cast<void*>(to), value, bytes);
            return Success;
        }};
        return queue(stream, std::move(set), "cuMemsetD8Async");
    });
}
