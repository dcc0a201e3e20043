#line 2 "input.cu"
// For each row (y = 0) or column (y = 1) of the placed image: the kept ones that it takes, and how much of each.
KERNEL(LANES) resize_taps(u32 input_rows, u32 input_columns, u32 keep_aspect, u32 area, u32 row_taps_max,
                          u32 column_taps_max, u32* state, u32* row_first, u32* row_taps, float* row_weights,
                          u32* column_first, u32* column_taps, float* column_weights) {
    bool is_row = blockIdx.y == 0;
    u32 output = blockIdx.x * blockDim.x + threadIdx.x, rows = input_rows, columns = input_columns;
    u32 kept_rows = state[KEPT_ROWS], kept_columns = state[KEPT_COLUMNS];
    if (kept_rows == 0 || kept_columns == 0) return;
    if (keep_aspect) {
        double scale = lesser((double)rows / (double)kept_rows, (double)columns / (double)kept_columns);
        u32 high = rounded((double)kept_rows * scale), wide = rounded((double)kept_columns * scale);
        rows = least_of(high ? high : 1, rows);
        columns = least_of(wide ? wide : 1, columns);
    }
    if (output == 0 && is_row) {
        state[TOP] = (input_rows - rows) / 2;
        state[LEFT] = (input_columns - columns) / 2;
        state[PLACED_ROWS] = rows;
        state[PLACED_COLUMNS] = columns;
    }
    u32 outputs = is_row ? rows : columns, kept = is_row ? kept_rows : kept_columns, taps = 0, first;
    if (output >= outputs) return;
    float* weights = is_row ? &row_weights[at(output, row_taps_max, 0)] : &column_weights[at(output, column_taps_max, 0)];
    double scale = (double)kept / (double)outputs;
    if (area && scale > 1.0) {
        double from = (double)output * scale, to = (double)(output + 1) * scale;
        u32 end = (u32)to;
        end = least_of((double)end < to ? end + 1 : end, kept);
        first = (u32)from;
        for (u32 position = first; position < end; position++) {
            double covered = lesser(to, (double)position + 1.0) - greater(from, (double)position);
            weights[taps++] = (float)(covered / scale);
        }
    } else {
        double centre = greater(((double)output + 0.5) * scale - 0.5, 0.0);
        centre = lesser(centre, (double)(kept - 1));
        first = (u32)centre;
        double part = centre - (double)first;
        weights[taps++] = (float)(1.0 - part);
        if (part != 0.0) weights[taps++] = (float)part;
    }
    (is_row ? row_first : column_first)[output] = first;
    (is_row ? row_taps : column_taps)[output] = taps;
}

// One row of the input by each block: rows of the image into shared memory, then its columns; 0 outside the placed image.
KERNEL(LANES) resize(const u16* copy, const float* table, u32 columns, const u32* state, const u32* kept_rows,
                     const u32* kept_columns, const u32* row_first, const u32* row_taps, const float* row_weights,
                     u32 row_taps_max, const u32* column_first, const u32* column_taps, const float* column_weights,
                     u32 column_taps_max, u32 input_columns, float* plane) {
    __shared__ float mixed[KEPT_COLUMNS_MAX];
    u32 lane = threadIdx.x, row = blockIdx.x, top = state[TOP], left = state[LEFT], width = state[PLACED_COLUMNS];
    bool inside = row >= top && row - top < state[PLACED_ROWS];
    if (inside) {
        u32 first = row_first[row - top], taps = row_taps[row - top], kept = state[KEPT_COLUMNS];
        const float* weights = &row_weights[at(row - top, row_taps_max, 0)];
        for (u32 position = lane; position < kept; position += LANES) {
            u32 column = kept_columns[position];
            float sum = 0.0f;
            for (u32 tap = 0; tap < taps; tap++)
                sum += table[copy[at(kept_rows[first + tap], columns, column)]] * weights[tap];
            mixed[position] = sum;
        }
    }
    __syncthreads();
    for (u32 column = lane; column < input_columns; column += LANES) {
        float sum = 0.0f;
        if (inside && column >= left && column - left < width) {
            u32 x = column - left, first = column_first[x], taps = column_taps[x];
            for (u32 tap = 0; tap < taps; tap++) sum += mixed[first + tap] * column_weights[at(x, column_taps_max, tap)];
        }
        plane[at(row, input_columns, column)] = sum;
    }
}

// The breast's 2nd and 99.5th percentile, by one block: the values above its edge by rank, eight bits of them at a time.
// Positive floats and their bits have the same order. Without a breast both are 0.
KERNEL(LANES) contrast_limits(const float* plane, u32 pixels, u32* state) {
    __shared__ u32 histogram[BINS], counts[2][BINS], prefix[2], rank[2];
    __shared__ double between[BINS];
    __shared__ float shared_edge;
    u32 lane = threadIdx.x;
    float edge = breast_edge(plane, pixels, histogram, between, &shared_edge);
    if (lane < 2) prefix[lane] = 0;
    for (u32 shift = 32; shift > 0;) {
        u32 settled = shift < 32 ? NONE << shift : 0;
        shift -= 8;
        if (lane < BINS) { counts[0][lane] = 0; counts[1][lane] = 0; }
        __syncthreads();
        Run low = {counts[0], 0, 0}, high = {counts[1], 0, 0};
        for (u32 index = lane; index < pixels; index += LANES) {
            float value = plane[index];
            u32 bits = __float_as_uint(value);
            if (value > edge && (bits & settled) == prefix[0]) count(low, bits >> shift & 255);
            if (value > edge && (bits & settled) == prefix[1]) count(high, bits >> shift & 255);
        }
        flush(low);
        flush(high);
        __syncthreads();
        if (lane < 2) {
            if (!settled) {
                u32 breast = 0;
                for (u32 bin = 0; bin < BINS; bin++) breast += counts[lane][bin];
                rank[lane] = breast ? rounded((lane ? 0.995 : 0.02) * (double)(breast - 1)) : NONE;
            }
            u32 bin = 0, rest = rank[lane];
            for (; bin < BINS - 1 && rest != NONE && rest >= counts[lane][bin]; bin++) rest -= counts[lane][bin];
            prefix[lane] |= bin << shift;
            rank[lane] = rest;
        }
        __syncthreads();
    }
    if (lane < 2) state[lane ? HIGH : LOW] = prefix[lane];
}

// One grey value of the input, with the breast's contrast, as one channel's value.
DEVICE float input_value(float grey, const u32* state, float mean, float deviation) {
    float low = __uint_as_float(state[LOW]), high = __uint_as_float(state[HIGH]);
    if (low < high) {
        grey = (grey - low) / (high - low);
        grey = grey < 0.0f ? 0.0f : grey > 1.0f ? 1.0f : grey;
    }
    return (grey - mean) / deviation;
}

// The plane as three channels, NCHW; `y` of the block is the channel.
KERNEL(LANES) write_input_float(const float* plane, u32 pixels, const u32* state, float mean_0, float mean_1, float mean_2,
                                float deviation_0, float deviation_1, float deviation_2, float* input) {
    u32 index = blockIdx.x * blockDim.x + threadIdx.x, channel = blockIdx.y;
    if (index >= pixels) return;
    float mean = channel == 0 ? mean_0 : channel == 1 ? mean_1 : mean_2;
    float deviation = channel == 0 ? deviation_0 : channel == 1 ? deviation_1 : deviation_2;
    input[at(channel, pixels, index)] = input_value(plane[index], state, mean, deviation);
}

KERNEL(LANES) write_input_half(const float* plane, u32 pixels, const u32* state, float mean_0, float mean_1, float mean_2,
                               float deviation_0, float deviation_1, float deviation_2, u16* input) {
    u32 index = blockIdx.x * blockDim.x + threadIdx.x, channel = blockIdx.y;
    if (index >= pixels) return;
    float mean = channel == 0 ? mean_0 : channel == 1 ? mean_1 : mean_2;
    float deviation = channel == 0 ? deviation_0 : channel == 1 ? deviation_1 : deviation_2;
    input[at(channel, pixels, index)] = half_of(input_value(plane[index], state, mean, deviation));
}
