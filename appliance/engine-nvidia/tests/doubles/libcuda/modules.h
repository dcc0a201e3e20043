// Modules of compiled kernels, and launches: these run the engine's own source.
#pragma once

#include <elf.h>

#include "kernels.h"
#include "memory.h"

constexpr char const* kImage = "MAMORU TEST DOUBLE CUBIN ";

// Of NVRTC's double: a line with the architecture and the count of bytes, then a line for each kernel.
static int read_double(char const* image, std::set<std::string>& kernels) {
    int architecture = 0;
    unsigned long bytes = 0;
    int head = 0;
    if (std::sscanf(image + std::strlen(kImage), "sm_%d %lu\n%n", &architecture, &bytes, &head) != 2 || bytes > 65536) {
        return InvalidImage;
    }
    long const own = machine.calls.number("major", 8) * 10 + machine.calls.number("minor", 7);
    if (architecture != own) {
        return NoBinaryForGpu;
    }
    std::istringstream lines(std::string(image + std::strlen(kImage) + head, bytes));
    for (std::string line; std::getline(lines, line);) {
        kernels.insert(line);
    }
    return kernels.erase("end") == 1 ? Success : InvalidImage;
}

// Of NVRTC itself: the functions in the table of symbols.
static int read_elf(char const* image, std::set<std::string>& kernels) {
    Elf64_Ehdr header;
    std::memcpy(&header, image, sizeof header);
    if (header.e_machine != EM_CUDA || header.e_shentsize != sizeof(Elf64_Shdr)) {
        return InvalidImage;
    }
    auto const section = [&](unsigned index) {
        Elf64_Shdr found;
        std::memcpy(&found, image + header.e_shoff + index * sizeof found, sizeof found);
        return found;
    };
    for (unsigned index = 0; index < header.e_shnum; ++index) {
        Elf64_Shdr const table = section(index);
        if (table.sh_type != SHT_SYMTAB || table.sh_link >= header.e_shnum) {
            continue;
        }
        Elf64_Shdr const names = section(table.sh_link);
        for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
            Elf64_Sym symbol;
            std::memcpy(&symbol, image + table.sh_offset + at, sizeof symbol);
            if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_name < names.sh_size) {
                kernels.insert(image + names.sh_offset + symbol.st_name);
            }
        }
    }
    return kernels.empty() ? InvalidImage : Success;
}

// PTX: text that ends with a zero.
static int read_ptx(std::string const& text, std::set<std::string>& kernels) {
    std::string const entry = ".entry ";
    for (std::size_t at = 0; (at = text.find(entry, at)) != std::string::npos;) {
        at += entry.size();
        kernels.insert(text.substr(at, text.find_first_of(" (\n", at) - at));
    }
    return kernels.empty() ? InvalidImage : Success;
}

EXPORTED int cuModuleLoadData(Handle* module, char const* image) {
    return call("cuModuleLoadData", Needs::NoCapture, [&]() -> int {
        std::set<std::string> kernels;
        int code = InvalidImage;
        if (image == nullptr) {
            return InvalidValue;
        } else if (std::strncmp(image, kImage, std::strlen(kImage)) == 0) {
            code = read_double(image, kernels);
        } else if (std::strncmp(image, ELFMAG, SELFMAG) == 0) {
            code = read_elf(image, kernels);
        } else if (std::strncmp(image, "//", 2) == 0 || std::strncmp(image, ".version", 8) == 0) {
            code = read_ptx(image, kernels);
        }
        if (code != Success) {
            return code;
        }
        *module = machine.handle();
        machine.modules[*module].kernels = kernels;
        return Success;
    });
}

EXPORTED int cuModuleUnload(Handle module) {
    return free_call("cuModuleUnload", Needs::NoCapture, [&]() -> int {
        if (find(machine.modules, module, "cuModuleUnload") == nullptr) {
            return InvalidHandle;
        }
        must_not_hang("cuModuleUnload", is_pending());
        machine.modules.erase(module);
        return Success;
    });
}

EXPORTED int cuModuleGetFunction(Handle* function, Handle module, char const* name) {
    return call("cuModuleGetFunction", Needs::Context, [&]() -> int {
        Module const* const found = find(machine.modules, module, "cuModuleGetFunction");
        if (found == nullptr) {
            return InvalidHandle;
        }
        if (found->kernels.count(name) == 0 || kernels::parameters(name) == nullptr) {
            return NotFound;
        }
        *function = machine.handle();
        machine.functions[*function] = {module, name};
        return Success;
    });
}

// Runs a kernel whose turn it is.
static int run_kernel(Function const& function, std::vector<std::uint64_t> const& arguments, kernels::Size grid,
    kernels::Size block) {
    std::string const& name = function.name;
    heard("ran " + name);
    if (machine.modules.count(function.module) == 0) {
        return fault("kernel " + name + " of a module that was unloaded", IllegalAddress);
    }
    if (machine.calls.text("crash") == name) {
        return LaunchFailed;
    }
    auto const& parameters = *kernels::parameters(name);
    for (std::size_t index = 0; index < parameters.size(); ++index) {
        if (parameters[index].is_pointer && containing(machine.device, arguments[index], 1) == nullptr) {
            return fault("kernel " + name + ": argument " + std::to_string(index) + " is no memory", IllegalAddress);
        }
    }
    kernels::Outcome const outcome = kernels::run(name, arguments, grid, block);
    if (outcome != kernels::Outcome::Done) {
        bool const is_address = outcome == kernels::Outcome::IllegalAddress;
        char const* const what = is_address ? " touches what is no memory" : " has a barrier that not all lanes reach";
        return fault("kernel " + name + what, is_address ? IllegalAddress : LaunchFailed);
    }
    for (auto const& [start, memory] : machine.device) {
        if (!is_whole(memory)) {
            return fault("kernel " + name + " writes behind memory", IllegalAddress);
        }
    }
    return Success;
}

static bool is_launch(kernels::Size grid, kernels::Size block, unsigned shared_bytes) {
    constexpr unsigned kThreads = 1024, kThreadsDeep = 64, kBlocks = 65535, kShared = 48 << 10;
    bool const has_threads = block.x > 0 && block.y > 0 && block.z > 0 && block.x <= kThreads && block.y <= kThreads
        && block.z <= kThreadsDeep && block.x * block.y * block.z <= kThreads;
    bool const has_blocks = grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.x < 1U << 31 && grid.y <= kBlocks
        && grid.z <= kBlocks;
    return has_threads && has_blocks && shared_bytes <= kShared;
}

EXPORTED int cuLaunchKernel(Handle handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
    unsigned block_y, unsigned block_z, unsigned shared_bytes, Handle stream, void** parameters, void** extra) {
    return call("cuLaunchKernel", Needs::Context, [&]() -> int {
        kernels::Size const grid{grid_x, grid_y, grid_z}, block{block_x, block_y, block_z};
        Function const* const function = find(machine.functions, handle, "cuLaunchKernel");
        if (function == nullptr || machine.modules.count(function->module) == 0) {
            return fault("launch of a function of no module", InvalidHandle);
        }
        if (!is_launch(grid, block, shared_bytes) || parameters == nullptr || extra != nullptr) {
            return fault("launch of " + function->name + " that no device takes", InvalidValue);
        }
        // What the pointers point to is read now, as the driver does.
        std::vector<std::uint64_t> arguments;
        for (auto const& parameter : *kernels::parameters(function->name)) {
            std::uint64_t bits = 0;
            std::memcpy(&bits, parameters[arguments.size()], parameter.bytes);
            if (parameter.is_pointer && !is_memory(bits, 1)) {
                return fault("launch of " + function->name + ": argument " + std::to_string(arguments.size())
                        + " is no memory",
                    InvalidValue);
            }
            arguments.push_back(bits);
        }
        Function const kept = *function;
        return queue(stream, {kept.name, [=] { return run_kernel(kept, arguments, grid, block); }}, "cuLaunchKernel");
    });
}
