/*
 * What one call is to do, as Python said it and `given.h` checked it.
 *
 * Arrays are (row, column, channel), banks (filter, plane, row, column) in the order of correlation.
 * A plane is what a tap reads from: all channels of the image at once if each is filtered alone
 * (`planes` is 1, a column is `step` = channels samples wide), or one channel of a bank that sums
 * across channels (`planes` = channels, `step` = 1).
 */
#ifndef CONVCLI_JOB_H
#define CONVCLI_JOB_H

#include "vector.h"

enum kind { U8, U16, F32, F64 };
enum combine { NONE, MAGNITUDE, L1, MAX, MIN, SUM, MEAN };
enum activation { LINEAR, RELU, LEAKY, SIGMOID, TANH, ABS, SQUARE, THRESHOLD };

struct view {
    char *data;
    ptrdiff_t row, column, channel; /* bytes from one to the next */
    size_t rows, columns, channels;
    enum kind kind;
};

/* The end of a job: t = gain * v + lift, its size if `absolute`, and the nearest whole number from
 * low to high if the output is of integers.
 *
 * Sums in single precision, of weights times `weight_gain`, become t by `single_gain` and
 * `single_lift`, either after the response or, if `folded`, at once. `margin` is how near to a half
 * that t may come before the sample must be computed again in double precision; below 0, it never
 * need be. */
struct ending {
    double gain, lift, low, high;
    double weight_gain, single_gain, single_lift, margin;
    int absolute, folded;
};

struct job {
    struct view block, out;
    const intptr_t *rows, *columns; /* positions in the block, or -1: the fill of the channel */
    size_t row_count, column_count;
    const double *fill;
    const double *bank;
    const double *down, *along; /* factors of every filter and plane, `rank` of each; or NULL */
    const double *scale, *bias; /* per filter */
    const double *weight_sums;  /* per filter, all its weights added up */
    const double *inside;       /* (filter, row, column), or NULL */
    size_t filters, planes, taps_down, taps_along, rank, step;
    size_t stride_down, stride_along, dilation_down, dilation_along;
    size_t height, width; /* of the output */
    enum combine combine;
    enum activation activation;
    double shift;
    struct ending ending;
};

/* What came of it: samples cut below and above, not a number, and computed again. */
struct counts {
    uint64_t below, above, nan, again;
};

#endif
