// Runs a kernel exactly as a device may: each thread of a block is a fiber that runs until a barrier or its end, so that
// __syncthreads is exact. Blocks run one after the other. With BACKWARDS in the environment lanes and blocks run in the
// opposite order. Barriers that not all lanes reach, or not the same one, are errors.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <setjmp.h>
#include <ucontext.h>
#include <vector>

#include "cuda.h"

enum class State { Running, Waiting, Done };

struct Fiber {
    static constexpr size_t STACK_BYTES = 96 * 1024;
    ucontext_t context;
    jmp_buf place;
    std::unique_ptr<char[]> stack{new char[STACK_BYTES]};
    State state;
    bool begun;
    int barrier;
};

inline ucontext_t scheduler;
inline jmp_buf scheduler_place;
inline Fiber* current;
inline const std::function<void()>* body;

// AddressSanitizer follows contexts, not jumps from stack to stack; these are ten times faster, as no signals are asked for.
#ifdef __SANITIZE_ADDRESS__
__attribute__((noinline)) inline void to_scheduler() { swapcontext(&current->context, &scheduler); }
__attribute__((noinline)) inline void to_fiber() { swapcontext(&scheduler, &current->context); }
#else
__attribute__((noinline)) inline void to_scheduler() {
    if (!_setjmp(current->place)) _longjmp(scheduler_place, 1);
}
__attribute__((noinline)) inline void to_fiber() {
    if (_setjmp(scheduler_place)) return;
    if (current->begun) _longjmp(current->place, 1);
    current->begun = true;
    setcontext(&current->context);
}
#endif

inline void barrier_at(int line) {
    current->state = State::Waiting;
    current->barrier = line;
    to_scheduler();
}
#define __syncthreads() barrier_at(__LINE__)

inline void run_fiber() {
    (*body)();
    current->state = State::Done;
    to_scheduler();
}

__attribute__((noinline)) inline void begin(Fiber& fiber) {
    fiber.state = State::Running;
    fiber.begun = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = Fiber::STACK_BYTES;
    fiber.context.uc_link = &scheduler;
    makecontext(&fiber.context, run_fiber, 0);
}

// Whether all lanes came to the end of the block, passing the same barriers.
inline bool run_block(std::vector<Fiber>& fibers, unsigned lanes, bool backwards) {
    for (unsigned lane = 0; lane < lanes; lane++) begin(fibers[lane]);
    for (;;) {
        unsigned done = 0;
        for (unsigned turn = 0; turn < lanes; turn++) {
            unsigned lane = backwards ? lanes - 1 - turn : turn;
            current = &fibers[lane];
            threadIdx = lane_place(lane);
            to_fiber();
            done += current->state == State::Done;
        }
        if (done == lanes) return true;
        for (unsigned lane = 0; lane < lanes; lane++) {
            if (done == 0 && fibers[lane].barrier == fibers[0].barrier) continue;
            std::fprintf(stderr, "divergent barrier in block (%u, %u, %u): %u of %u lanes ended, lane %u waits at line %d\n",
                         blockIdx.x, blockIdx.y, blockIdx.z, done, lanes, lane, fibers[lane].barrier);
            return false;
        }
    }
}

inline bool launch(Dimensions grid, Dimensions block, const std::function<void()>& kernel) {
    static std::vector<Fiber> fibers;
    static const bool backwards = std::getenv("BACKWARDS") != nullptr;
    gridDim = grid;
    blockDim = block;
    body = &kernel;
    unsigned lanes = block.x * block.y * block.z, blocks = grid.x * grid.y * grid.z;
    if (fibers.size() < lanes) fibers.resize(lanes);
    for (unsigned turn = 0; turn < blocks; turn++) {
        blockIdx = block_place(backwards ? blocks - 1 - turn : turn);
        if (!run_block(fibers, lanes, backwards)) return false;
    }
    return true;
}
