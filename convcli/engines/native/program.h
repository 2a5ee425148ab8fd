/*
 * The weights of a filter, and which outputs every sample serves.
 *
 * Outputs i = 0 .. down-1 lie under each other, `stride` rows apart; row j of the samples, counted
 * from the first that output 0 reads, meets row r of the kernel in output i if
 *
 *     j = i * stride + r * dilation
 */
#ifndef CONVCLI_PROGRAM_H
#define CONVCLI_PROGRAM_H

#include "vector.h"

/* Cells of the kernel that one pass may hold in single precision: few enough for small roundings,
 * enough that adding passes up in memory costs little. `bounds.py` counts on them. */
#define CELLS_OF_MATRIX 64
#define CELLS_OF_FACTOR 40
#define CELLS_OF_LONG_FACTOR 12

/* A long factor has so many taps around one sample that computing it again is dear: it is cut into
 * shorter passes, for smaller errors. */
static inline size_t cells_of_factor(size_t taps)
{
    return taps > CELLS_OF_FACTOR ? CELLS_OF_LONG_FACTOR : CELLS_OF_FACTOR;
}

#define SPAN_CODE(low, high) ((low) * MOST_DOWN + (high))

struct cell {
    uint32_t row, offset; /* of the samples: row of the group, place in the staged row */
};

struct span {
    uint32_t count;
    uint8_t low, high;
};

struct pass {
    size_t first_span, stop_span, first_cell, stop_cell, first_weight;
};

/* Weights (plane, row, column), what all are multiplied by, and where the samples of a plane and a
 * column lie in a row. */
struct weights {
    const double *values;
    double gain;
    size_t planes, rows, columns;
    size_t stride, dilation; /* along rows */
    const size_t *plane_offset, *column_offset;
};

static inline size_t rows_of_group(const struct weights *w, int down)
{
    return (size_t)(down - 1) * w->stride + (w->rows - 1) * w->dilation + 1;
}

/* The weight of output i at sample row j, plane c, column q; 0 if there is none. */
static inline double weight_at(const struct weights *w, size_t c, size_t j, size_t q, int i)
{
    size_t above = (size_t)i * w->stride;
    if (j < above || (j - above) % w->dilation)
        return 0.0;
    size_t r = (j - above) / w->dilation;
    return r < w->rows ? w->gain * w->values[(c * w->rows + r) * w->columns + q] : 0.0;
}

/* The next outputs at or behind `first` that a sample has weights for, without a gap; 0 if there are
 * none. A gap would multiply by zero, which costs time, and is wrong for infinity. */
static inline int span_at(const struct weights *w, size_t c, size_t j, size_t q, int down,
                          int first, struct span *span)
{
    int low = first, high;
    while (low < down && weight_at(w, c, j, q, low) == 0.0)
        low++;
    for (high = low; high + 1 < down && weight_at(w, c, j, q, high + 1) != 0.0; high++) {
    }
    *span = (struct span){1, (uint8_t)low, (uint8_t)high};
    return low < down;
}

/* Most spans of a sample: every other output. */
#define MOST_SPANS ((MOST_DOWN + 1) / 2)

/* Multiply-adds per row of outputs, in the time that they take in the fastest block. */
static double cost_of(const struct weights *w, int down)
{
    static const double slower[MOST_DOWN + 1] = {0, 1.75, 1.1, 0, 1.0};
    size_t adds = 0, rows = rows_of_group(w, down);
    for (size_t c = 0; c < w->planes; c++)
        for (size_t j = 0; j < rows; j++)
            for (size_t q = 0; q < w->columns; q++)
                for (int i = 0; i < down; i++)
                    adds += weight_at(w, c, j, q, i) != 0.0;
    return (double)adds / down * slower[down];
}

/* How many rows of outputs to compute at once: one, if they have no sample in common. */
static int best_down(const struct weights *w)
{
    int best = 1;
    if (w->stride > (w->rows - 1) * w->dilation)
        return best;
    double least = cost_of(w, best);
    for (int down = 2; down <= MOST_DOWN; down *= 2) {
        double cost = cost_of(w, down);
        if (cost < least)
            least = cost, best = down;
    }
    return best;
}

#endif
