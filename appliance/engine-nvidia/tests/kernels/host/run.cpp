// Runs jobs of kernels on the host: buffers and launches from standard input, all buffers back to standard output. MACHINE
// is how lanes run (fibers.h or threads.h), KERNELS the source. Each buffer is memory of its own, of exactly its size.
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "table.h"

static bool run(const std::string& kernel, const Arguments& slots, Dimensions grid, Dimensions block) {
    auto found = entries().find(kernel);
    if (found == entries().end()) {
        std::fprintf(stderr, "no kernel\n");
        return false;
    }
    if (slots.size() != found->second.parameters.size()) {
        std::fprintf(stderr, "%zu arguments, not %zu\n", slots.size(), found->second.parameters.size());
        return false;
    }
    return found->second.run(slots, grid, block);
}

template <class T> static T read() {
    T value;
    if (std::fread(&value, sizeof value, 1, stdin) != 1) std::exit(3);
    return value;
}

int main() {
    // Memory of a device holds anything.
    constexpr int UNWRITTEN = 0xcd;
    std::vector<std::pair<unsigned char*, size_t>> buffers(read<uint32_t>());
    for (auto& [memory, bytes] : buffers) {
        bytes = read<uint64_t>();
        memory = static_cast<unsigned char*>(std::malloc(bytes));
        std::memset(memory, UNWRITTEN, bytes);
        if (read<uint8_t>() && std::fread(memory, 1, bytes, stdin) != bytes) return 3;
    }
    for (uint32_t launches = read<uint32_t>(); launches > 0; launches--) {
        std::string kernel(read<uint32_t>(), '\0');
        if (std::fread(kernel.data(), 1, kernel.size(), stdin) != kernel.size()) return 3;
        Dimensions grid = read<Dimensions>(), block = read<Dimensions>();
        Arguments slots(read<uint32_t>());
        for (Slot& slot : slots) {
            bool is_buffer = read<uint8_t>();
            slot.bits = read<uint64_t>();
            if (is_buffer) slot.bits = reinterpret_cast<uint64_t>(buffers.at(slot.bits).first);
        }
        if (!run(kernel, slots, grid, block)) {
            std::fprintf(stderr, "in kernel %s\n", kernel.c_str());
            return 4;
        }
    }
    for (auto& [memory, bytes] : buffers) {
        if (std::fwrite(memory, 1, bytes, stdout) != bytes) return 5;
        std::free(memory);
    }
    return std::fflush(stdout) == 0 ? 0 : 5;
}
