// Streams, events and graphs. What is queued runs when somebody waits for it, or asks a second time whether it is done: a
// program that reads too early reads what was there before.
#pragma once

#include "memory.h"

EXPORTED int cuStreamCreate(Handle* stream, unsigned flags) {
    return call("cuStreamCreate", Needs::Context, [&] {
        *stream = machine.handle();
        machine.streams[*stream];
        return Success;
    });
}

EXPORTED int cuStreamDestroy_v2(Handle handle) {
    return free_call("cuStreamDestroy", Needs::Context, [&]() -> int {
        Stream* const stream = handle == nullptr ? nullptr : find(machine.streams, handle, "cuStreamDestroy");
        if (stream == nullptr) {
            return InvalidHandle;
        }
        // It goes when its work is done, and nobody waits for that.
        int const code = machine.calls.is_told("hang") ? 0 : work_off(*stream);
        machine.streams.erase(handle);
        return code;
    });
}

EXPORTED int cuStreamSynchronize(Handle handle) {
    return call("cuStreamSynchronize", Needs::Context, [&]() -> int {
        Stream* const stream = find(machine.streams, handle, "cuStreamSynchronize");
        if (stream == nullptr) {
            return InvalidHandle;
        }
        if (stream->capture != Capture::None) {
            stream->capture = Capture::Invalidated;
            return fault("a stream that records is waited for", CaptureUnsupported);
        }
        must_not_hang("cuStreamSynchronize", !stream->queue.empty());
        return work_off(*stream);
    });
}

EXPORTED int cuCtxSynchronize() {
    return call("cuCtxSynchronize", Needs::NoCapture, [] { return work_off_all("cuCtxSynchronize"); });
}

EXPORTED int cuStreamQuery(Handle handle) {
    return call("cuStreamQuery", Needs::Context, [&]() -> int {
        Stream* const stream = find(machine.streams, handle, "cuStreamQuery");
        if (stream == nullptr) {
            return InvalidHandle;
        }
        if (!stream->queue.empty() && machine.calls.is_told("hang")) {
            return NotReady;
        }
        return work_off(*stream);
    });
}

EXPORTED int cuEventCreate(Handle* event, unsigned flags) {
    return call("cuEventCreate", Needs::Context, [&] {
        constexpr unsigned kDisableTiming = 2;
        *event = machine.handle();
        machine.events[*event].has_time = (flags & kDisableTiming) == 0;
        return Success;
    });
}

EXPORTED int cuEventDestroy_v2(Handle event) {
    return free_call("cuEventDestroy", Needs::Context, [&]() -> int {
        if (find(machine.events, event, "cuEventDestroy") == nullptr) {
            return InvalidHandle;
        }
        machine.events.erase(event);
        return Success;
    });
}

EXPORTED int cuEventRecord(Handle event, Handle handle) {
    return call("cuEventRecord", Needs::Context, [&]() -> int {
        Event* const found = find(machine.events, event, "cuEventRecord");
        Stream* const stream = find(machine.streams, handle, "cuEventRecord");
        if (found == nullptr || stream == nullptr) {
            return InvalidHandle;
        }
        found->is_captured = stream->capture != Capture::None;
        if (found->is_captured) {
            return Success;
        }
        auto const record = std::make_shared<Record>();
        record->stream = handle;
        found->record = record;
        return queue(handle, {"record", [record] {
            record->is_done = true;
            record->time = std::chrono::steady_clock::now();
            return Success;
        }}, "cuEventRecord");
    });
}

// Does what an event waits for.
static int reach(Record const& record) {
    auto const stream = machine.streams.find(record.stream);
    if (record.is_done || stream == machine.streams.end()) {
        return machine.broken;
    }
    return work_off(stream->second, [&] { return record.is_done; });
}

// An event's record; null with a code where it has none, which is no failure of a wait.
static Record* recorded(Handle event, char const* function, int* code) {
    Event const* const found = find(machine.events, event, function);
    *code = found == nullptr ? InvalidHandle : found->is_captured ? CapturedEvent : Success;
    return *code == Success ? found->record.get() : nullptr;
}

EXPORTED int cuEventQuery(Handle event) {
    return call("cuEventQuery", Needs::Context, [&]() -> int {
        int code = Success;
        Record* const record = recorded(event, "cuEventQuery", &code);
        if (record == nullptr || record->is_done) {
            return code;
        }
        bool const is_first = ++record->queries <= machine.calls.number("polls", 1);
        return is_first || machine.calls.is_told("hang") ? NotReady : reach(*record);
    });
}

EXPORTED int cuEventSynchronize(Handle event) {
    return call("cuEventSynchronize", Needs::Context, [&]() -> int {
        int code = Success;
        Record const* const record = recorded(event, "cuEventSynchronize", &code);
        if (record == nullptr) {
            return code;
        }
        must_not_hang("cuEventSynchronize", !record->is_done);
        return reach(*record);
    });
}

EXPORTED int cuEventElapsedTime(float* milliseconds, Handle from, Handle to) {
    return call("cuEventElapsedTime", Needs::Context, [&]() -> int {
        Record const* records[2] = {};
        Handle const events[2] = {from, to};
        for (int index = 0; index < 2; ++index) {
            int code = Success;
            records[index] = recorded(events[index], "cuEventElapsedTime", &code);
            if (records[index] == nullptr || !machine.events[events[index]].has_time) {
                return code != Success ? code : InvalidHandle;
            }
        }
        if (!records[0]->is_done || !records[1]->is_done) {
            return NotReady;
        }
        *milliseconds = std::chrono::duration<float, std::milli>(records[1]->time - records[0]->time).count();
        return Success;
    });
}

EXPORTED int cuStreamWaitEvent(Handle stream, Handle event, unsigned) {
    return call("cuStreamWaitEvent", Needs::Context, [&]() -> int {
        Event const* const found = find(machine.events, event, "cuStreamWaitEvent");
        if (found == nullptr || find(machine.streams, stream, "cuStreamWaitEvent") == nullptr) {
            return InvalidHandle;
        }
        auto const record = found->record;
        if (record == nullptr || found->is_captured || record->stream == stream) {
            return Success;
        }
        return queue(stream, {"wait", [record] { return reach(*record); }}, "cuStreamWaitEvent");
    });
}

EXPORTED int cuStreamBeginCapture_v2(Handle handle, int) {
    return call("cuStreamBeginCapture", Needs::Context, [&]() -> int {
        Stream* const stream = handle == nullptr ? nullptr : find(machine.streams, handle, "cuStreamBeginCapture");
        if (stream == nullptr) {
            return handle == nullptr ? static_cast<int>(CaptureUnsupported) : static_cast<int>(InvalidHandle);
        }
        if (stream->capture != Capture::None) {
            return IllegalState;
        }
        stream->capture = Capture::Active;
        stream->capturer = std::this_thread::get_id();
        stream->captured.clear();
        return Success;
    });
}

EXPORTED int cuStreamIsCapturing(Handle handle, int* status) {
    return call("cuStreamIsCapturing", Needs::Context, [&]() -> int {
        Stream const* const stream = find(machine.streams, handle, "cuStreamIsCapturing");
        if (stream == nullptr) {
            return InvalidHandle;
        }
        *status = static_cast<int>(stream->capture);
        return Success;
    });
}

EXPORTED int cuStreamEndCapture(Handle handle, Handle* graph) {
    std::lock_guard<std::recursive_mutex> const lock(machine.mutex);
    *graph = nullptr;
    int const told = machine.calls.answer("cuStreamEndCapture");
    auto const found = machine.streams.find(handle);
    if (told != Success && found != machine.streams.end()) {
        // The recording ends all the same.
        found->second.capture = Capture::None;
    }
    int const code = told != Success ? told : ready("cuStreamEndCapture", Needs::Context);
    if (code != Success) {
        return code;
    }
    if (found == machine.streams.end() || found->second.capture == Capture::None) {
        return found == machine.streams.end() ? InvalidHandle : CaptureUnmatched;
    }
    Stream& stream = found->second;
    if (stream.capturer != std::this_thread::get_id()) {
        return fault("a recording is ended by another thread", CaptureWrongThread);
    }
    bool const is_whole = stream.capture == Capture::Active;
    stream.capture = Capture::None;
    if (!is_whole) {
        return CaptureInvalidated;
    }
    *graph = machine.handle();
    machine.graphs[*graph] = std::move(stream.captured);
    return Success;
}

EXPORTED int cuGraphInstantiateWithFlags(Handle* executable, Handle graph, unsigned long long) {
    return call("cuGraphInstantiate", Needs::Context, [&]() -> int {
        Graph const* const found = find(machine.graphs, graph, "cuGraphInstantiate");
        if (found == nullptr) {
            return InvalidHandle;
        }
        *executable = machine.handle();
        machine.executables[*executable] = *found;
        return Success;
    });
}

EXPORTED int cuGraphUpload(Handle executable, Handle stream) {
    return call("cuGraphUpload", Needs::Context, [&]() -> int {
        bool const is_there = find(machine.executables, executable, "cuGraphUpload") != nullptr;
        return is_there && find(machine.streams, stream, "cuGraphUpload") != nullptr ? Success : InvalidHandle;
    });
}

EXPORTED int cuGraphLaunch(Handle executable, Handle stream) {
    return call("cuGraphLaunch", Needs::Context, [&]() -> int {
        Graph const* const found = find(machine.executables, executable, "cuGraphLaunch");
        if (found == nullptr) {
            return InvalidHandle;
        }
        for (Operation const& operation : *found) {
            if (int const code = queue(stream, operation, "cuGraphLaunch"); code != Success) {
                return code;
            }
        }
        return Success;
    });
}

EXPORTED int cuGraphExecDestroy(Handle executable) {
    return free_call("cuGraphExecDestroy", Needs::Driver, [&]() -> int {
        return machine.executables.erase(executable) == 1 ? Success : fault("a graph is destroyed twice", InvalidHandle);
    });
}

EXPORTED int cuGraphDestroy(Handle graph) {
    return free_call("cuGraphDestroy", Needs::Driver, [&]() -> int {
        return machine.graphs.erase(graph) == 1 ? Success : fault("a graph is destroyed twice", InvalidHandle);
    });
}
