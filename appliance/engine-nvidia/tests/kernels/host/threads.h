// Runs a kernel with a thread of the operating system for each lane, for ThreadSanitizer: what is not ordered by a barrier
// or an atomic is a race. Blocks run one after the other.
#pragma once
#include <barrier>
#include <functional>
#include <thread>
#include <vector>

#include "cuda.h"

inline std::barrier<>* lanes_barrier;

inline void __syncthreads() { lanes_barrier->arrive_and_wait(); }

inline bool launch(Dimensions grid, Dimensions block, const std::function<void()>& kernel) {
    gridDim = grid;
    blockDim = block;
    unsigned lanes = block.x * block.y * block.z, blocks = grid.x * grid.y * grid.z;
    std::barrier<> barrier(lanes);
    lanes_barrier = &barrier;
    std::vector<std::thread> threads;
    for (unsigned lane = 0; lane < lanes; lane++) {
        threads.emplace_back([=, &kernel, &barrier] {
            for (unsigned turn = 0; turn < blocks; turn++) {
                threadIdx = lane_place(lane);
                blockIdx = block_place(turn);
                kernel();
                barrier.arrive_and_wait();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    return true;
}
