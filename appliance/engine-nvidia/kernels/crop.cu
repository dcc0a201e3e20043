#line 2 "crop.cu"
KERNEL(LANES) reset(u32* state, u32* row_least, u32* row_greatest, u32* column_least, u32* column_greatest, u32 rows,
                    u32 columns) {
    u32 index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index < STATE_WORDS) state[index] = index == LEAST ? NONE : 0;
    if (index < rows) { row_least[index] = NONE; row_greatest[index] = 0; }
    if (index < columns) { column_least[index] = NONE; column_greatest[index] = 0; }
}

// The only read of the image where it arrived: a copy near the processor, the least and the greatest sample, and if
// `by_line` those of each row and column, all without padding. Values rise or fall with samples, so these tell all.
KERNEL(TILE_COLUMNS) survey(const u16* image, u16* copy, u32 rows, u32 columns, u32 padding_first, u32 padding_end,
                            u32 by_line, u32* state, u32* row_least, u32* row_greatest, u32* column_least,
                            u32* column_greatest) {
    __shared__ u32 tile[TILE_ROWS][TILE_COLUMNS + 1];
    __shared__ u32 leasts[TILE_COLUMNS], greatests[TILE_COLUMNS];
    u32 lane = threadIdx.x, column = blockIdx.x * TILE_COLUMNS + lane;
    u32 first = blockIdx.y * STRIP_ROWS, end = least_of(first + STRIP_ROWS, rows);
    u32 least = NONE, greatest = 0;
    for (u32 top = first; top < end; top += TILE_ROWS) {
        for (u32 line = 0; line < TILE_ROWS; line++) {
            u32 found = NONE;
            if (top + line < end && column < columns) {
                u16 sample = image[at(top + line, columns, column)];
                copy[at(top + line, columns, column)] = sample;
                if (sample < padding_first || sample >= padding_end) {
                    found = sample;
                    least = least_of(least, found);
                    greatest = greatest_of(greatest, found);
                }
            }
            if (by_line) tile[line][lane] = found;
        }
        if (!by_line) continue;
        __syncthreads();
        u32 line = lane / TILE_ROWS, low = NONE, high = 0;
        for (u32 part = lane % TILE_ROWS; part < TILE_COLUMNS; part += TILE_COLUMNS / TILE_ROWS) {
            u32 found = tile[line][part];
            low = least_of(low, found);
            high = found == NONE ? high : greatest_of(high, found);
        }
        leasts[lane] = low;
        greatests[lane] = high;
        __syncthreads();
        if (lane < TILE_ROWS && top + lane < end) {
            low = NONE;
            high = 0;
            for (u32 part = 0; part < TILE_COLUMNS / TILE_ROWS; part++) {
                low = least_of(low, leasts[lane * TILE_ROWS + part]);
                high = greatest_of(high, greatests[lane * TILE_ROWS + part]);
            }
            atomicMin(&row_least[top + lane], low);
            atomicMax(&row_greatest[top + lane], high);
        }
        __syncthreads();
    }
    if (by_line && column < columns) {
        atomicMin(&column_least[column], least);
        atomicMax(&column_greatest[column], greatest);
    }
    leasts[lane] = least;
    greatests[lane] = greatest;
    __syncthreads();
    for (u32 half = TILE_COLUMNS / 2; half > 0; half /= 2) {
        if (lane < half) {
            leasts[lane] = least_of(leasts[lane], leasts[lane + half]);
            greatests[lane] = greatest_of(greatests[lane], greatests[lane + half]);
        }
        __syncthreads();
    }
    if (lane == 0) { atomicMin(&state[LEAST], leasts[0]); atomicMax(&state[GREATEST], greatests[0]); }
}

// From each sample to its grey value in 0 to 1: min-max over the values that occur, inversion, padding as 0.
KERNEL(LANES) grey_table(const double* values, u32 entries, u32 padding_first, u32 padding_end, u32 inverted, u32* state,
                         float* table) {
    u32 sample = blockIdx.x * blockDim.x + threadIdx.x;
    if (sample >= entries) return;
    u32 first = state[LEAST], last = state[GREATEST];
    double one = first <= last ? values[first] : 0.0, other = first <= last ? values[last] : 0.0;
    double least = lesser(one, other), range = greater(one, other) - least;
    bool blank = !(range > 0.0);
    if (sample == 0) state[BLANK] = blank;
    float grey = 0.0f;
    if (!blank && (sample < padding_first || sample >= padding_end)) {
        double part = greater(lesser((values[sample] - least) / range, 1.0), 0.0);
        grey = (float)(inverted ? 1.0 - part : part);
    }
    table[sample] = grey;
}

// Lists the rows (block 0) or columns (block 1) in which any pixel is not 0, and where each one is in the list.
KERNEL(LANES) keep_occupied(const float* table, const u32* row_least, const u32* row_greatest, const u32* column_least,
                            const u32* column_greatest, u32 rows, u32 columns, u32* state, u32* kept_rows,
                            u32* kept_columns, u32* place_of_row, u32* place_of_column) {
    __shared__ u32 sums[2][LANES];
    bool is_row = blockIdx.x == 0;
    const u32 *least = is_row ? row_least : column_least, *greatest = is_row ? row_greatest : column_greatest;
    u32 *kept = is_row ? kept_rows : kept_columns, *places = is_row ? place_of_row : place_of_column;
    u32 length = is_row ? rows : columns, lane = threadIdx.x, before = 0;
    for (u32 start = 0; start < length; start += LANES) {
        u32 index = start + lane;
        bool sound = index < length && least[index] <= greatest[index];
        u32 occupied = sound && (table[least[index]] != 0.0f || table[greatest[index]] != 0.0f), side = 0;
        sums[0][lane] = occupied;
        __syncthreads();
        for (u32 distance = 1; distance < LANES; distance *= 2) {
            sums[1 - side][lane] = sums[side][lane] + (lane >= distance ? sums[side][lane - distance] : 0);
            side = 1 - side;
            __syncthreads();
        }
        u32 place = before + sums[side][lane] - occupied;
        if (occupied) kept[place] = index;
        if (index < length) places[index] = occupied ? place : NONE;
        before += sums[side][LANES - 1];
        __syncthreads();
    }
    if (lane == 0) state[is_row ? KEPT_ROWS : KEPT_COLUMNS] = before;
}

// Lists `[first, end)` of one axis as kept, by a whole grid of `stride` threads.
DEVICE void keep_span(u32 first, u32 end, u32 length, u32 index, u32 stride, u32* kept, u32* places) {
    for (; index < length; index += stride) {
        bool inside = index >= first && index < end;
        places[index] = inside ? index - first : NONE;
        if (inside) kept[index - first] = index;
    }
}

KERNEL(LANES) keep_all(u32 rows, u32 columns, u32* state, u32* kept_rows, u32* kept_columns, u32* place_of_row,
                       u32* place_of_column) {
    u32 index = blockIdx.x * blockDim.x + threadIdx.x, stride = gridDim.x * blockDim.x;
    keep_span(0, rows, rows, index, stride, kept_rows, place_of_row);
    keep_span(0, columns, columns, index, stride, kept_columns, place_of_column);
    if (index == 0) { state[KEPT_ROWS] = rows; state[KEPT_COLUMNS] = columns; }
}

// Mean grey value of each cell of the coarse grid: each row of the cell by its own thread, then the rows in their order.
KERNEL(CELLS_A_BLOCK * CELL_SIDE_MAX) cell_means(const u16* copy, const float* table, u32 rows, u32 columns, u32 cell,
                                                 u32 grid_columns, float* means) {
    __shared__ float sums[CELL_SIDE_MAX][CELLS_A_BLOCK];
    u32 place = blockIdx.x * CELLS_A_BLOCK + threadIdx.x, line = threadIdx.y, row = blockIdx.y * cell + line;
    u32 first = place * cell, end = least_of(first + cell, columns);
    if (place < grid_columns && row < rows) {
        float sum = 0.0f;
        for (u32 column = first; column < end; column++) sum += table[copy[at(row, columns, column)]];
        sums[line][threadIdx.x] = sum;
    }
    __syncthreads();
    if (line > 0 || place >= grid_columns) return;
    u32 lines = least_of(cell, rows - row);
    float sum = 0.0f;
    for (u32 below = 0; below < lines; below++) sum += sums[below][threadIdx.x];
    means[at(blockIdx.y, grid_columns, place)] = sum / (float)(lines * (end - first));
}

// Where the breast begins (`imaging`, `prepare/foreground.rs`): Otsu's classes of values in 0 to 1, by a whole block. The
// sums are whole numbers, so their order does not matter.
DEVICE float breast_edge(const float* values, u32 length, u32* histogram, double* between, float* edge) {
    u32 lane = threadIdx.x;
    if (lane < BINS) histogram[lane] = 0;
    __syncthreads();
    Run run = {histogram, 0, 0};
    for (u32 index = lane; index < length; index += LANES) count(run, least_of((u32)(values[index] * 255.0f), BINS - 1));
    flush(run);
    __syncthreads();
    u32 below = 0, sum_below = 0, sum = 0;
    double dark = 0.0;
    if (lane < BINS) {
        for (u32 bin = 0; bin < BINS; bin++) {
            sum += bin * histogram[bin];
            if (bin <= lane) { below += histogram[bin]; sum_below = sum; }
        }
        u32 above = length - below;
        if (below) dark = (double)sum_below / (double)below;
        double distance = below && above ? dark - (double)(sum - sum_below) / (double)above : 0.0;
        between[lane] = (double)below * (double)above * distance * distance;
    }
    __syncthreads();
    u32 best = NONE;
    double most = 0.0;
    for (u32 bin = 0; bin < BINS; bin++) if (between[bin] > most) { most = between[bin]; best = bin; }
    double otsu = best == NONE ? 0.0 : (double)(best + 1);
    if (lane == least_of(best, BINS - 1)) {
        if (best == NONE) dark = 0.0;
        *edge = (float)((dark + 0.35 * (otsu - dark)) / 255.0);
    }
    __syncthreads();
    return *edge;
}

// The bounding box of the largest region above the background, by one block: each cell takes the least label around it and
// that label's own label until nothing changes. Of equally large regions the first one counts.
KERNEL(LANES) keep_largest(const float* means, u32 grid_rows, u32 grid_columns, u32 cell, u32 rows, u32 columns,
                           u32* labels, u32* others, u32* state, u32* kept_rows, u32* kept_columns, u32* place_of_row,
                           u32* place_of_column) {
    __shared__ u32 histogram[BINS], cells[LANES], firsts[LANES], changed, top, bottom, left, right;
    __shared__ double between[BINS];
    __shared__ float shared_edge;
    u32 lane = threadIdx.x, length = grid_rows * grid_columns, rounds = 0;
    float edge = breast_edge(means, length, histogram, between, &shared_edge);
    for (u32 index = lane; index < length; index += LANES) labels[index] = means[index] > edge ? index : NONE;
    u32 *from = labels, *to = others;
    for (bool again = true; again; rounds++) {
        if (lane == 0) changed = 0;
        __syncthreads();
        bool mine = false;
        for (u32 index = lane; index < length; index += LANES) {
            u32 label = from[index], column = index % grid_columns, own = label;
            if (own != NONE) {
                if (index >= grid_columns) label = least_of(label, from[index - grid_columns]);
                if (index + grid_columns < length) label = least_of(label, from[index + grid_columns]);
                if (column > 0) label = least_of(label, from[index - 1]);
                if (column + 1 < grid_columns) label = least_of(label, from[index + 1]);
                label = least_of(label, from[label]);
                mine = mine || label != own;
            }
            to[index] = label;
        }
        if (mine) atomicOr(&changed, 1);
        __syncthreads();
        again = changed != 0;
        u32* swapped = from;
        from = to;
        to = swapped;
        __syncthreads();
    }
    for (u32 index = lane; index < length; index += LANES) to[index] = 0;
    __syncthreads();
    Run run = {to, 0, 0};
    for (u32 index = lane; index < length; index += LANES) if (from[index] != NONE) count(run, from[index]);
    flush(run);
    if (lane == 0) { top = NONE; left = NONE; bottom = 0; right = 0; }
    __syncthreads();
    u32 most = 0, best = NONE;
    for (u32 index = lane; index < length; index += LANES) if (to[index] > most) { most = to[index]; best = index; }
    cells[lane] = most;
    firsts[lane] = best;
    __syncthreads();
    for (u32 half = LANES / 2; half > 0; half /= 2) {
        u32 other = lane + half;
        if (lane < half && (cells[other] > cells[lane] || (cells[other] == cells[lane] && firsts[other] < firsts[lane]))) {
            cells[lane] = cells[other];
            firsts[lane] = firsts[other];
        }
        __syncthreads();
    }
    best = firsts[0];
    for (u32 index = lane; index < length; index += LANES) {
        // No region: the whole grid, whose cells are all unlabelled.
        if (from[index] != best) continue;
        u32 row = index / grid_columns, column = index % grid_columns;
        atomicMin(&top, row);
        atomicMax(&bottom, row);
        atomicMin(&left, column);
        atomicMax(&right, column);
    }
    __syncthreads();
    u32 row_end = least_of((bottom + 1) * cell, rows), column_end = least_of((right + 1) * cell, columns);
    keep_span(top * cell, row_end, rows, lane, LANES, kept_rows, place_of_row);
    keep_span(left * cell, column_end, columns, lane, LANES, kept_columns, place_of_column);
    if (lane > 0) return;
    state[KEPT_ROWS] = row_end - top * cell;
    state[KEPT_COLUMNS] = column_end - left * cell;
    state[ROUNDS] = rounds;
}
