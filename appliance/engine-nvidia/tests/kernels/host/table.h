// The kernels by name: how their arguments are read, and how they run on the host. MACHINE is how lanes run (fibers.h or
// threads.h), KERNELS the source.
#pragma once
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include MACHINE

#include KERNELS

// An argument: its first bytes are the value.
struct Slot {
    uint64_t bits;
};

using Arguments = std::vector<Slot>;

struct Parameter {
    size_t bytes;
    bool is_pointer;
};

struct Entry {
    std::vector<Parameter> parameters;
    std::function<bool(const Arguments&, Dimensions grid, Dimensions block)> run;
};

template <class T> static T argument(const Slot& slot) {
    T value;
    std::memcpy(&value, &slot.bits, sizeof value);
    return value;
}

template <class... P, size_t... I>
static bool call_with(void (*kernel)(P...), const Arguments& slots, Dimensions grid, Dimensions block,
                      std::index_sequence<I...>) {
    return launch(grid, block, [&] { kernel(argument<P>(slots[I])...); });
}

template <class... P> static Entry entry(void (*kernel)(P...)) {
    return {{Parameter{sizeof(P), std::is_pointer_v<P>}...},
            [kernel](const Arguments& slots, Dimensions grid, Dimensions block) {
                return call_with(kernel, slots, grid, block, std::index_sequence_for<P...>{});
            }};
}

static const std::map<std::string, Entry>& entries() {
    static const std::map<std::string, Entry> all = {
        {"reset", entry(reset)},
        {"survey", entry(survey)},
        {"grey_table", entry(grey_table)},
        {"keep_occupied", entry(keep_occupied)},
        {"keep_all", entry(keep_all)},
        {"cell_means", entry(cell_means)},
        {"keep_largest", entry(keep_largest)},
        {"resize_taps", entry(resize_taps)},
        {"resize", entry(resize)},
        {"contrast_limits", entry(contrast_limits)},
        {"write_input_float", entry(write_input_float)},
        {"write_input_half", entry(write_input_half)},
        {"cam_threshold", entry(cam_threshold)},
        {"cam_axes", entry(cam_axes)},
        {"cam_surface", entry(cam_surface)},
    };
    return all;
}
