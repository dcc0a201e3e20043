// What TensorRT's double computes, on the driver's double: a map of the means of the input's parts, their mean and the
// told `bias` as logit, and its probability. Told `network=<path>`, it asks who listens at this socket instead: element
// bytes as 32-bit number, how many as 64-bit number, the input; back come the count of the map's cells as 64-bit number,
// probability, logit and the cells as 32-bit floats, all little-endian. The input of the last run lies in the file `input`.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "told.h"

namespace network {

struct Shape {
    long rows = 8;
    long columns = 4;
    long map_rows = 2;
    long map_columns = 1;
    bool is_half = true;

    std::size_t elements() const { return 3 * static_cast<std::size_t>(rows * columns); }
    std::size_t input_bytes() const { return elements() * (is_half ? 2 : 4); }
    std::size_t cells() const { return static_cast<std::size_t>(map_rows * map_columns); }
};

// What is bound when a run is queued.
struct Run {
    Shape shape;
    void* image;
    void* probability;
    void* logit;
    void* cam;
};

struct Answer {
    float probability = 0;
    float logit = 0;
    std::vector<float> cam;
};

// The driver's double beside this one.
struct Driver {
    int (*queue)(void*, int (*)(void*), void*, void (*)(void*));
    int (*is_memory)(std::uint64_t, std::size_t);
    int (*is_recording)(void*);
    int (*reserve)(long);
};

static inline Driver const& driver() {
    static Driver const found = [] {
        void* const library = dlopen(beside("libcuda.so.1").c_str(), RTLD_LAZY | RTLD_NOLOAD);
        if (library == nullptr) {
            unexpected("TensorRT before the driver is open");
        }
        Driver made{};
        auto const symbol = [&](auto& function, char const* name) {
            function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
        };
        symbol(made.queue, "mamoru_double_queue");
        symbol(made.is_memory, "mamoru_double_is_memory");
        symbol(made.is_recording, "mamoru_double_is_recording");
        symbol(made.reserve, "mamoru_double_reserve");
        return made;
    }();
    return found;
}

static inline float single(std::uint16_t half) {
    int const exponent = half >> 10 & 31, fraction = half & 1023;
    float const sign = half & 0x8000 ? -1.0F : 1.0F;
    if (exponent == 31) {
        return fraction == 0 ? sign * INFINITY : NAN;
    }
    return sign * std::ldexp(static_cast<float>(exponent == 0 ? fraction : fraction + 1024), (exponent == 0 ? 1 : exponent) - 25);
}

static inline float element(Run const& run, std::size_t index) {
    if (run.shape.is_half) {
        return single(static_cast<std::uint16_t const*>(run.image)[index]);
    }
    return static_cast<float const*>(run.image)[index];
}

static inline Answer computed(Run const& run) {
    Answer answer;
    Shape const& shape = run.shape;
    double sum = 0;
    for (long row = 0; row < shape.map_rows; ++row) {
        for (long column = 0; column < shape.map_columns; ++column) {
            long const top = row * shape.rows / shape.map_rows, end = (row + 1) * shape.rows / shape.map_rows;
            long const left = column * shape.columns / shape.map_columns;
            long const right = (column + 1) * shape.columns / shape.map_columns;
            double part = 0;
            for (long y = top; y < end; ++y) {
                for (long x = left; x < right; ++x) {
                    part += static_cast<double>(element(run, static_cast<std::size_t>(y * shape.columns + x)));
                }
            }
            long const pixels = (end - top) * (right - left);
            answer.cam.push_back(static_cast<float>(pixels > 0 ? part / static_cast<double>(pixels) : 0.0));
            sum += static_cast<double>(answer.cam.back());
        }
    }
    double const logit = sum / static_cast<double>(answer.cam.size()) + std::strtod(told("bias", "0").c_str(), nullptr);
    answer.logit = static_cast<float>(logit);
    answer.probability = static_cast<float>(1.0 / (1.0 + std::exp(-logit)));
    return answer;
}

static inline bool transfer(int socket, void* bytes, std::size_t count, bool is_out) {
    char* at = static_cast<char*>(bytes);
    while (count > 0) {
        ssize_t const done = is_out ? send(socket, at, count, MSG_NOSIGNAL) : recv(socket, at, count, 0);
        if (done <= 0) {
            return false;
        }
        at += done;
        count -= static_cast<std::size_t>(done);
    }
    return true;
}

static inline bool asked(Run const& run, std::string const& path, Answer& answer) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    int const socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::uint32_t bytes = run.shape.is_half ? 2 : 4;
    std::uint64_t count = run.shape.elements(), cells = 0;
    answer.cam.resize(run.shape.cells());
    bool const is_answered = connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0
        && transfer(socket, &bytes, sizeof bytes, true) && transfer(socket, &count, sizeof count, true)
        && transfer(socket, run.image, run.shape.input_bytes(), true) && transfer(socket, &cells, sizeof cells, false)
        && cells == answer.cam.size() && transfer(socket, &answer.probability, sizeof(float), false)
        && transfer(socket, &answer.logit, sizeof(float), false)
        && transfer(socket, answer.cam.data(), cells * sizeof(float), false);
    close(socket);
    return is_answered;
}

// A run whose turn it is: a code of the driver.
static inline int work(void* with) {
    constexpr int kIllegalAddress = 700, kLaunchFailed = 719;
    Run const& run = *static_cast<Run const*>(with);
    std::size_t const bytes[4] = {run.shape.input_bytes(), 4, 4, run.shape.cells() * 4};
    void* const bound[4] = {run.image, run.probability, run.logit, run.cam};
    for (int index = 0; index < 4; ++index) {
        if (driver().is_memory(reinterpret_cast<std::uint64_t>(bound[index]), bytes[index]) == 0) {
            heard("fault: the network runs on what is no memory");
            return kIllegalAddress;
        }
    }
    std::ofstream(beside("input"), std::ios::binary)
        .write(static_cast<char const*>(run.image), static_cast<std::streamsize>(run.shape.input_bytes()));
    Answer answer;
    std::string const path = told("network");
    if (path.empty()) {
        answer = computed(run);
    } else if (!asked(run, path, answer)) {
        return kLaunchFailed;
    }
    std::memcpy(run.probability, &answer.probability, sizeof(float));
    std::memcpy(run.logit, &answer.logit, sizeof(float));
    std::memcpy(run.cam, answer.cam.data(), answer.cam.size() * sizeof(float));
    return 0;
}

static inline int queue(void* stream, Run const& run) {
    return driver().queue(stream, work, new Run(run), [](void* with) { delete static_cast<Run*>(with); });
}

} // namespace network
