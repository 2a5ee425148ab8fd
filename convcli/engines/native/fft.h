/* Filtering two real tiles at once through the Fourier domain, in float64.
 *
 * Two real tiles a and b of n x m samples are one complex tile z = a + i b, kept as two planes.
 * With F the two-dimensional transform and k a real kernel of n x m taps, most of them zero,
 *
 *     w = F^-1( F(z) F(k) )     has     Re w = a (*) k     and     Im w = b (*) k,
 *
 * (*) being circular convolution, w[r][c] = sum of k[i][j] z[(r - i) mod n][(c - j) mod m]. So
 * nothing here treats real input specially. F^-1 does not divide by n m: divide the taps by it.
 *
 *     re plane: tile a            spectrum: columns in groups of 8, one group after another
 *     +-----------------+--+      +------------------+------------------+----
 *     | row 0, m samples|  |      | row 0:  8 re     | row 0:  8 re     |
 *     | ...             |  |      |         8 im     |         8 im     | ...
 *     | row n-1         |  |      | ...              | ...              |
 *     +-----------------+--+      | row n-1          | row n-1          |
 *      <----- stride ----->       +------------------+------------------+----
 *     im plane: tile b, alike      <- n * 16 doubles ->
 *
 * Frequencies stay in the order in which the forward transform leaves them (decimation in
 * frequency, undone by its mirror image): a product of spectra needs no order but a common one.
 *
 *     fft_axis down, along;                     lengths n and m: 2^k or 3 * 2^k, 16 to 2048
 *     fft_axis_init(n, memory, &down);          fft_axis_doubles(n), to be kept with the axis
 *     fft_tile tile = {&down, &along, re, im, stride};
 *     fft_forward(tile, kernel_rows, kernel);   taps / (n m) in re, zeros in im
 *     fft_filter(tile, kernel, used_rows, first, stop, scratch);     one kernel, in place, or
 *     fft_forward(tile, used_rows, spectrum);   several channels, kernels: transform once, then
 *     fft_combine(tile, spectra, kernels, count, first, stop, scratch);   their sum of products
 *
 * Rows from used_rows on must hold zeros, which are not transformed along. Of the result only rows
 * first..stop-1 are finished; the others, and the planes after fft_forward, hold nothing of use.
 * Nothing needs alignment; 64 bytes, and fft_stride as the stride, are fastest. a and b share
 * rounding errors, about 1e-16 of the larger, and infinities and NaN spread over both.
 */
#ifndef CONVCLI_FFT_H
#define CONVCLI_FFT_H

#include "fft_line.h"

typedef struct { const fft_axis *down, *along; double *re, *im; size_t stride; } fft_tile;

static inline size_t fft_spectrum_doubles(const fft_axis *down, const fft_axis *along)
{
    return 2 * down->length * along->length;
}

static inline size_t fft_scratch_doubles(const fft_axis *down) { return FFT_PITCH * down->length; }

/* No multiple of a large power of two, or the points of a column would fight for one cache set. */
static inline size_t fft_stride(const fft_axis *along) { return along->length + FFT_GROUP; }

/* ---- Rows: levels down to blocks of 16 points, which are finished in registers ------------- */

#if defined(__clang__) || __GNUC__ >= 12
#define FFT_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef long long fft_order __attribute__((vector_size(8 * FFT_LANES)));
#define FFT_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (fft_order){__VA_ARGS__})
#endif
#define FFT_MIX(a, b, ...) \
    (fft_point){FFT_SHUFFLE(a.re, b.re, __VA_ARGS__), FFT_SHUFFLE(a.im, b.im, __VA_ARGS__)}

/* 4 x 4 points to their transpose; lane l of x[c][k] is the point in row k, column c lanes + l. */
static FFT_INLINE void fft_transpose(fft_point x[FFT_QUAD][4], fft_point y[FFT_QUAD][4])
{
#if FFT_LANES == 4
    const fft_point a = FFT_MIX(x[0][0], x[0][1], 0, 4, 2, 6);
    const fft_point b = FFT_MIX(x[0][0], x[0][1], 1, 5, 3, 7);
    const fft_point c = FFT_MIX(x[0][2], x[0][3], 0, 4, 2, 6);
    const fft_point d = FFT_MIX(x[0][2], x[0][3], 1, 5, 3, 7);
    y[0][0] = FFT_MIX(a, c, 0, 1, 4, 5);
    y[0][1] = FFT_MIX(b, d, 0, 1, 4, 5);
    y[0][2] = FFT_MIX(a, c, 2, 3, 6, 7);
    y[0][3] = FFT_MIX(b, d, 2, 3, 6, 7);
#else
    for (size_t c = 0; c < 2; c++)
        for (size_t k = 0; k < 2; k++) {
            y[c][2 * k] = FFT_MIX(x[k][2 * c], x[k][2 * c + 1], 0, 2);
            y[c][2 * k + 1] = FFT_MIX(x[k][2 * c], x[k][2 * c + 1], 1, 3);
        }
#endif
}

/* The last two levels of each block of 16; their twiddles are those of the former. */
static FFT_INLINE void fft_tail(int backward, fft_level level, size_t length, fft_line row)
{
    for (size_t block = 0; block < length; block += 16) {
        fft_point x[FFT_QUAD][4], y[FFT_QUAD][4], w[FFT_QUAD][4];
        for (size_t c = 0; c < FFT_QUAD; c++) {
            fft_factors(4, 1, level.twiddles + c * FFT_LANES, w[c]);
            fft_gather(4, x[c], row, block + c * FFT_LANES, 4);
            fft_points4(x[c]);
            if (!backward)
                fft_twiddle(4, x[c], w[c]);
        }
        fft_transpose(x, y);
        for (size_t c = 0; c < FFT_QUAD; c++) {
            if (backward)
                fft_twiddle(4, y[c], w[c]);
            fft_points4(y[c]);
            fft_scatter(4, y[c], row, block + c * FFT_LANES, 4);
        }
    }
}

static inline void fft_rows_forward(fft_tile tile, size_t stop)
{
    const fft_axis *axis = tile.along;
    for (size_t r = 0; r < stop; r++) {
        const fft_line row = {tile.re + r * tile.stride, tile.im + r * tile.stride, 1};
        for (size_t i = 0; i < axis->levels - 2; i++)
            fft_pass(0, 1, axis->level[i], axis->length, row, row);
        fft_tail(0, axis->level[axis->levels - 2], axis->length, row);
    }
}

static inline void fft_rows_backward(fft_tile tile, size_t first, size_t stop)
{
    const fft_axis *axis = tile.along;
    for (size_t r = first; r < stop; r++) {
        const fft_line row = {tile.im + r * tile.stride, tile.re + r * tile.stride, 1};
        fft_tail(1, axis->level[axis->levels - 2], axis->length, row);
        for (size_t i = axis->levels - 2; i-- > 0;)
            fft_pass(1, 1, axis->level[i], axis->length, row, row);
    }
}

/* ---- Columns: a group is copied in by its first level and copied back by its last ---------- */

static inline void fft_group_forward(fft_tile tile, size_t column, size_t levels, double *group)
{
    const fft_line plane = {tile.re + column, tile.im + column, tile.stride};
    const fft_line line = {group, group + FFT_GROUP, FFT_PITCH};
    fft_pass(0, 0, tile.down->level[0], tile.down->length, plane, line);
    for (size_t i = 1; i < levels; i++)
        fft_pass(0, 0, tile.down->level[i], tile.down->length, line, line);
}

static inline void fft_group_backward(fft_tile tile, size_t column, size_t levels, double *group)
{
    const fft_line plane = {tile.im + column, tile.re + column, tile.stride};
    const fft_line line = {group + FFT_GROUP, group, FFT_PITCH};
    for (size_t i = levels; i-- > 1;)
        fft_pass(1, 0, tile.down->level[i], tile.down->length, line, line);
    fft_pass(1, 0, tile.down->level[0], tile.down->length, line, plane);
}

/* The last level forward, four rows without factors, the product, and the first level backward. */
static inline void fft_group_product(double *group, const double *kernel, size_t rows)
{
    const fft_line line = {group, group + FFT_GROUP, FFT_PITCH};
    const fft_line swapped = {group + FFT_GROUP, group, FFT_PITCH};
    for (size_t row = 0; row < rows; row += 4)
        for (size_t c = 0; c < FFT_GROUP; c += FFT_LANES) {
            const double *h = kernel + row * FFT_PITCH + c;
            fft_point x[4];
            fft_gather(4, x, line, row * FFT_PITCH + c, FFT_PITCH);
            fft_points4(x);
            for (size_t k = 0; k < 4; k++, h += FFT_PITCH) {
                const fft_point y = fft_times(x[k], fft_load(h, h + FFT_GROUP));
                x[k] = (fft_point){y.im, y.re};
            }
            fft_points4(x);
            fft_scatter(4, x, swapped, row * FFT_PITCH + c, FFT_PITCH);
        }
}

/* group = sum of spectra[s] * kernels[s], from the doubles at `at` on */
static inline void fft_group_sum(const double *const *spectra, const double *const *kernels,
                                 size_t count, size_t at, size_t rows, double *group)
{
    const fft_line line = {group, group + FFT_GROUP, FFT_PITCH};
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < FFT_GROUP; c += FFT_LANES) {
            const size_t i = row * FFT_PITCH + c;
            fft_point sum = fft_splat(0, 0);
            for (size_t s = 0; s < count; s++) {
                const double *x = spectra[s] + at + i, *h = kernels[s] + at + i;
                sum = fft_plus(sum, fft_times(fft_load(x, x + FFT_GROUP),
                                              fft_load(h, h + FFT_GROUP)));
            }
            fft_scatter(1, &sum, line, i, 0);
        }
}

/* ---- The three operations ------------------------------------------------------------------ */

static inline void fft_forward(fft_tile tile, size_t used_rows, double *spectrum)
{
    const size_t rows = tile.down->length, levels = tile.down->levels;
    fft_rows_forward(tile, used_rows);
    for (size_t column = 0; column < tile.along->length; column += FFT_GROUP)
        fft_group_forward(tile, column, levels, spectrum + 2 * rows * column);
}

static inline void fft_filter(fft_tile tile, const double *kernel, size_t used_rows, size_t first,
                              size_t stop, double *scratch)
{
    const size_t rows = tile.down->length, levels = tile.down->levels - 1;
    fft_rows_forward(tile, used_rows);
    for (size_t column = 0; column < tile.along->length; column += FFT_GROUP) {
        fft_group_forward(tile, column, levels, scratch);
        fft_group_product(scratch, kernel + 2 * rows * column, rows);
        fft_group_backward(tile, column, levels, scratch);
    }
    fft_rows_backward(tile, first, stop);
}

static inline void fft_combine(fft_tile tile, const double *const *spectra,
                               const double *const *kernels, size_t count, size_t first,
                               size_t stop, double *scratch)
{
    const size_t rows = tile.down->length, levels = tile.down->levels;
    for (size_t column = 0; column < tile.along->length; column += FFT_GROUP) {
        fft_group_sum(spectra, kernels, count, 2 * rows * column, rows, scratch);
        fft_group_backward(tile, column, levels, scratch);
    }
    fft_rows_backward(tile, first, stop);
}

#endif
