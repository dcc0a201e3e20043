#line 2 "cam.cu"
// What stands out of the map, in 0 to 1 (`contract::cam`): above its mean plus one standard deviation. By one thread: sums
// of doubles in the reference's order, over a few hundred cells.
KERNEL(LANES) cam_threshold(const float* map, u32 length, float* cells) {
    double sum = 0.0, squares = 0.0;
    for (u32 index = 0; index < length; index++) sum += (double)map[index];
    double mean = sum / (double)length;
    for (u32 index = 0; index < length; index++) squares += ((double)map[index] - mean) * ((double)map[index] - mean);
    float threshold = (float)(mean + sqrt(squares / (double)length)), strongest = map[0];
    for (u32 index = 1; index < length; index++) strongest = map[index] > strongest ? map[index] : strongest;
    float range = strongest - threshold;
    for (u32 index = 0; index < length; index++)
        cells[index] = map[index] > threshold && range > 0.0f ? (map[index] - threshold) / range : 0.0f;
}

// For each row (y = 0) or column (y = 1) of the surface: which four cells of the map lie around its middle, and the weights
// of a cubic B-spline. `REMOVED` where the network saw nothing.
KERNEL(LANES) cam_axes(u32 rows, u32 columns, u32 surface_rows, u32 surface_columns, u32 input_rows, u32 input_columns,
                       u32 map_rows, u32 map_columns, const u32* state, const u32* place_of_row, const u32* place_of_column,
                       int* row_cell, float* row_weights, int* column_cell, float* column_weights) {
    bool is_row = blockIdx.y == 0;
    u32 index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (is_row ? surface_rows : surface_columns)) return;
    u32 original = is_row ? rows : columns;
    double point = ((double)index + 0.5) * (double)original / (double)(is_row ? surface_rows : surface_columns);
    u32 pixel = least_of((u32)point, original - 1), place = (is_row ? place_of_row : place_of_column)[pixel];
    int* cell = &(is_row ? row_cell : column_cell)[index];
    float* weights = &(is_row ? row_weights : column_weights)[4 * index];
    if (place == NONE) {
        *cell = REMOVED;
        return;
    }
    double position = point - (double)(pixel - place);
    double placed = (double)state[is_row ? PLACED_ROWS : PLACED_COLUMNS], kept = (double)state[is_row ? KEPT_ROWS : KEPT_COLUMNS];
    position = (double)state[is_row ? TOP : LEFT] + position * placed / kept;
    position = position * (double)(is_row ? map_rows : map_columns) / (double)(is_row ? input_rows : input_columns) - 0.5;
    int below = (int)position;
    below = (double)below > position ? below - 1 : below;
    float part = (float)(position - (double)below), rest = 1.0f - part;
    *cell = below;
    weights[0] = rest * rest * rest / 6.0f;
    weights[1] = (3.0f * (part * part * part) - 6.0f * (part * part) + 4.0f) / 6.0f;
    weights[2] = (3.0f * (rest * rest * rest) - 6.0f * (rest * rest) + 4.0f) / 6.0f;
    weights[3] = part * part * part / 6.0f;
}

DEVICE u32 clamped(int cell, u32 cells) { return cell < 0 ? 0 : least_of((u32)cell, cells - 1); }

// The smooth surface over the original image, or over a reduced one: 0 up to the threshold, 1 at most.
KERNEL(LANES) cam_surface(const float* cells, u32 map_rows, u32 map_columns, u32 surface_rows, u32 surface_columns,
                          const int* row_cell, const float* row_weights, const int* column_cell,
                          const float* column_weights, float* surface) {
    __shared__ float near[CAM_CELLS_MAX];
    for (u32 index = threadIdx.x; index < map_rows * map_columns; index += blockDim.x) near[index] = cells[index];
    __syncthreads();
    u32 column = blockIdx.x * blockDim.x + threadIdx.x, first = blockIdx.y * SURFACE_ROWS;
    if (column >= surface_columns) return;
    int left = column_cell[column];
    for (u32 row = first; row < least_of(first + SURFACE_ROWS, surface_rows); row++) {
        int top = row_cell[row];
        float sum = 0.0f;
        if (left != REMOVED && top != REMOVED) {
            for (u32 down = 0; down < 4; down++) {
                u32 line = clamped(top + (int)down - 1, map_rows) * map_columns;
                for (u32 across = 0; across < 4; across++) {
                    float cell = near[line + clamped(left + (int)across - 1, map_columns)];
                    sum += cell * row_weights[4 * row + down] * column_weights[4 * column + across];
                }
            }
        }
        surface[at(row, surface_columns, column)] = sum;
    }
}
