/*
 * Weighted sums of few taps, whose weights stay in registers, for single precision.
 *
 *     sums[i][x] = sum over r, q of  weight[r][q] * rows[i + r][x + offset[q]]     i = 0 .. down-1
 *
 * A patch of height x width taps: a column of a factored kernel, a row of one, or a small kernel as
 * it is. What the blocks of `taps.h` spend on finding their weights would be more than the sums.
 * Weights of zero are multiplied like others: all samples are finite here.
 */
#ifndef CONVCLI_PATCH_H
#define CONVCLI_PATCH_H

/* Weights that leave registers for four sums, a sample and something to spare. */
#define MOST_PATCH 9

/* Vectors of sums at once: of four rows, or side by side where rows have nothing in common. */
#define PATCH_VECTORS 4

typedef void sum_patch(const float *const *rows, const size_t *offset, const float *weight,
                       size_t count, float *const *sums, struct bytes *bytes);

#define UNROLLED _Pragma("GCC unroll 16")

/* The sums of one block. */
INLINE void sum_at(const float *const *rows, const size_t *at, const floats *weight, floats *acc,
                   int height, int width)
{
    int down = height > 1 ? PATCH_VECTORS : 1, across = PATCH_VECTORS / down;
    UNROLLED for (int j = 0; j < height + down - 1; j++)
        UNROLLED for (int q = 0; q < width; q++)
            UNROLLED for (int v = 0; v < across; v++)
            {
                floats x = *(const loose_floats *)(rows[j] + at[q] + (size_t)v * FLOATS);
                UNROLLED for (int i = 0; i < down; i++)
                    if (j - i >= 0 && j - i < height)
                        acc[i + v] = j == i && q == 0
                                         ? weight[0] * x
                                         : acc[i + v] + weight[(j - i) * width + q] * x;
            }
}

INLINE void sum_blocks(const float *const *rows, const size_t *offset, const float *weight,
                       size_t count, float *const *sums, struct bytes *bytes, int height, int width)
{
    int down = height > 1 ? PATCH_VECTORS : 1, across = PATCH_VECTORS / down;
    floats all[MOST_PATCH];
    UNROLLED for (int n = 0; n < height * width; n++)
        all[n] = (floats){0} + weight[n];
    for (size_t x = 0; x < count; x += (size_t)across * FLOATS) {
        size_t at[MOST_PATCH];
        floats acc[PATCH_VECTORS];
        UNROLLED for (int q = 0; q < width; q++)
            at[q] = x + offset[q];
        sum_at(rows, at, all, acc, height, width);
        if (bytes)
            finish_block(bytes, acc, x, down, across);
        else
            UNROLLED for (int n = 0; n < PATCH_VECTORS; n++)
                *(loose_floats *)(sums[n / across] + x + (size_t)(n % across) * FLOATS) = acc[n];
    }
}

#define PATCH(height, width)                                                                       \
    static void sum_##height##_##width(const float *const *rows, const size_t *offset,             \
                                       const float *weight, size_t count, float *const *sums,      \
                                       struct bytes *bytes)                                        \
    {                                                                                              \
        if (bytes)                                                                                 \
            sum_blocks(rows, offset, weight, count, NULL, bytes, height, width);                   \
        else                                                                                       \
            sum_blocks(rows, offset, weight, count, sums, NULL, height, width);                    \
    }

#define COLUMN(n) PATCH(n, 1)
#define ROW(n) PATCH(1, n)
COLUMN(2) COLUMN(3) COLUMN(4) COLUMN(5) COLUMN(6) COLUMN(7) COLUMN(8) COLUMN(9)
ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8) ROW(9)
PATCH(2, 2) PATCH(2, 3) PATCH(2, 4) PATCH(3, 2) PATCH(3, 3) PATCH(4, 2)

/* By height and width; NULL if there is none. */
static sum_patch *const patches[MOST_PATCH + 1][MOST_PATCH + 1] = {
    [1] = {NULL, sum_1_1, sum_1_2, sum_1_3, sum_1_4, sum_1_5, sum_1_6, sum_1_7, sum_1_8, sum_1_9},
    [2] = {NULL, sum_2_1, sum_2_2, sum_2_3, sum_2_4},
    [3] = {NULL, sum_3_1, sum_3_2, sum_3_3},
    [4] = {NULL, sum_4_1, sum_4_2},
    [5] = {NULL, sum_5_1},
    [6] = {NULL, sum_6_1},
    [7] = {NULL, sum_7_1},
    [8] = {NULL, sum_8_1},
    [9] = {NULL, sum_9_1},
};
#undef COLUMN
#undef ROW
#undef PATCH
#undef UNROLLED

#endif
