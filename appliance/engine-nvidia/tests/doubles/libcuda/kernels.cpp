// The engine's own source as C++: compiled apart, for it must be fast and make the bits that a device makes.
#include "kernels.h"

#include <csetjmp>
#include <csignal>

#include "table.h"

namespace {

// Where a kernel that touches what is no memory goes on; only while one runs, and for its thread.
thread_local sigjmp_buf gEscape;
thread_local bool gIsRunning = false;
struct sigaction gOthers[2];
constexpr int kSignals[2] = {SIGSEGV, SIGBUS};

void on_fault(int signal) {
    if (gIsRunning) {
        gIsRunning = false;
        siglongjmp(gEscape, 1);
    }
    // Not ours: as it would have been.
    for (int index = 0; index < 2; ++index) {
        sigaction(kSignals[index], &gOthers[index], nullptr);
    }
    raise(signal);
}

} // namespace

std::vector<kernels::Parameter> const* kernels::parameters(std::string const& kernel) {
    static std::map<std::string, std::vector<Parameter>> const all = [] {
        std::map<std::string, std::vector<Parameter>> made;
        for (auto const& [name, entry] : entries()) {
            for (auto const& parameter : entry.parameters) {
                made[name].push_back({parameter.bytes, parameter.is_pointer});
            }
        }
        return made;
    }();
    auto const found = all.find(kernel);
    return found == all.end() ? nullptr : &found->second;
}

kernels::Outcome kernels::run(
    std::string const& kernel, std::vector<std::uint64_t> const& arguments, Size grid, Size block) {
    Arguments slots;
    for (std::uint64_t const bits : arguments) {
        slots.push_back({bits});
    }
    Entry const& entry = entries().at(kernel);
    struct sigaction action {};
    action.sa_handler = on_fault;
    for (int index = 0; index < 2; ++index) {
        sigaction(kSignals[index], &action, &gOthers[index]);
    }
    volatile auto outcome = Outcome::IllegalAddress;
    if (sigsetjmp(gEscape, 1) == 0) {
        gIsRunning = true;
        bool const is_done = entry.run(slots, {grid.x, grid.y, grid.z}, {block.x, block.y, block.z});
        outcome = is_done ? Outcome::Done : Outcome::Divergent;
    }
    gIsRunning = false;
    for (int index = 0; index < 2; ++index) {
        sigaction(kSignals[index], &gOthers[index], nullptr);
    }
    return outcome;
}
