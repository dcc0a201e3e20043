// The engine's kernels, as the double runs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kernels {

struct Parameter {
    std::size_t bytes;
    bool is_pointer;
};

struct Size {
    unsigned x, y, z;
};

enum class Outcome { Done, IllegalAddress, Divergent };

// The kernel's parameters; null where the source has none of this name.
std::vector<Parameter> const* parameters(std::string const& kernel);

// Runs a kernel; each argument's first bytes are its value.
Outcome run(std::string const& kernel, std::vector<std::uint64_t> const& arguments, Size grid, Size block);

} // namespace kernels
