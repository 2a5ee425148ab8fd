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

#include <math.h>
#include <stddef.h>

/* AVX-512 works on four lanes too, with twice the registers: rows end in blocks of 4 x 4. */
#ifdef __AVX__
#define FFT_LANES 4
#else
#define FFT_LANES 2
#endif

enum {
    FFT_GROUP = 8,             /* columns done together: a cache line of each plane */
    FFT_PITCH = 2 * FFT_GROUP, /* doubles from one row of a group to the next: re, then im */
    FFT_QUAD = 4 / FFT_LANES,  /* vectors that hold four doubles */
    FFT_LEVELS = 6             /* factors of the longest length, 2048 = 2 * 4^5 */
};

#define FFT_INLINE inline __attribute__((always_inline))

typedef double fft_vector __attribute__((vector_size(8 * FFT_LANES)));
typedef double fft_memory __attribute__((vector_size(8 * FFT_LANES), aligned(8), may_alias));
typedef struct { fft_vector re, im; } fft_point;

/* A level splits blocks of radix * quarter points into `radix` blocks of `quarter` points. */
typedef struct { size_t radix, quarter; const double *twiddles; } fft_level;
typedef struct { size_t length, levels; fft_level level[FFT_LEVELS]; } fft_axis;
typedef struct { const fft_axis *down, *along; double *re, *im; size_t stride; } fft_tile;

/* A row, or a group of columns: its points 0, 1, ... lie `pitch` apart. */
typedef struct { double *re, *im; size_t pitch; } fft_line;

/* ---- Lengths and their twiddles ------------------------------------------------------------ */

static inline size_t fft_axis_doubles(size_t length) { return 2 * length + 16; }

/* e^(-2 pi i k/n) as *re and *im, from an angle of at most an eighth of a turn, for accuracy. */
static inline void fft_root(size_t k, size_t n, double *re, double *im)
{
    const size_t turned = (8 * k + n) / (2 * n); /* quarter turns, rounded */
    const double rest = (double)(4 * k) - (double)(turned * n);
    const double angle = 1.57079632679489661923 * rest / (double)n;
    const double c = cos(angle), s = sin(angle);
    *re = turned % 4 == 0 ? c : turned % 4 == 1 ? -s : turned % 4 == 2 ? -c : s;
    *im = turned % 4 == 0 ? -s : turned % 4 == 1 ? -c : turned % 4 == 2 ? s : c;
}

/* w_k[j] = e^(-2 pi i j k / block) for 1 <= k < radix, in quads: for every four j, for every k,
 * four re and four im. Rows read vectors of them, columns one by one, both as a single stream. */
static inline size_t fft_level_init(fft_level *level, double *memory)
{
    const size_t ways = level->radix - 1;
    for (size_t j = 0; j < level->quarter; j++)
        for (size_t k = 1; k <= ways; k++) {
            double *quad = memory + 8 * (j / 4 * ways + k - 1) + j % 4;
            fft_root(j * k, level->radix * level->quarter, quad, quad + 4);
        }
    level->twiddles = memory;
    return 2 * ways * level->quarter;
}

static inline int fft_can_do(size_t length)
{
    const size_t power = length % 3 ? length : length / 3;
    return length >= 16 && length <= 2048 && length % 16 == 0 && !(power & (power - 1));
}

/* Returns 0, or -1 for a length it cannot do. The factors, from the outside in: 3 if there is one,
 * then 2 unless a power of 4 is left (which 3 divides with remainder 1), then 4s, two at least. */
static inline int fft_axis_init(size_t length, double *memory, fft_axis *axis)
{
    if (!fft_can_do(length))
        return -1;
    *axis = (fft_axis){.length = length};
    for (size_t block = length; block > 1;) {
        fft_level *level = &axis->level[axis->levels++];
        level->radix = block % 3 == 0 ? 3 : block % 3 == 2 ? 2 : 4;
        level->quarter = block /= level->radix;
        memory += fft_level_init(level, memory);
    }
    return 0;
}

static inline size_t fft_spectrum_doubles(const fft_axis *down, const fft_axis *along)
{
    return 2 * down->length * along->length;
}

static inline size_t fft_scratch_doubles(const fft_axis *down) { return FFT_PITCH * down->length; }

/* No multiple of a large power of two, or the points of a column would fight for one cache set. */
static inline size_t fft_stride(const fft_axis *along) { return along->length + FFT_GROUP; }

/* ---- Complex arithmetic on vectors --------------------------------------------------------- */

static FFT_INLINE fft_point fft_plus(fft_point a, fft_point b)
{
    return (fft_point){a.re + b.re, a.im + b.im};
}

static FFT_INLINE fft_point fft_minus(fft_point a, fft_point b)
{
    return (fft_point){a.re - b.re, a.im - b.im};
}

static FFT_INLINE fft_point fft_times(fft_point a, fft_point b)
{
    return (fft_point){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static FFT_INLINE fft_point fft_over_i(fft_point a) { return (fft_point){a.im, -a.re}; }

static FFT_INLINE fft_point fft_load(const double *re, const double *im)
{
    return (fft_point){*(const fft_memory *)re, *(const fft_memory *)im};
}

static FFT_INLINE fft_point fft_splat(double re, double im)
{
    const fft_vector zero = {0};
    return (fft_point){re - zero, im - zero};
}

static FFT_INLINE void fft_gather(size_t count, fft_point *x, fft_line from, size_t at, size_t step)
{
    for (size_t k = 0; k < count; k++, at += step)
        x[k] = fft_load(from.re + at, from.im + at);
}

static FFT_INLINE void fft_scatter(size_t count, fft_point *x, fft_line to, size_t at, size_t step)
{
    for (size_t k = 0; k < count; k++, at += step) {
        *(fft_memory *)(to.re + at) = x[k].re;
        *(fft_memory *)(to.im + at) = x[k].im;
    }
}

/* ---- Transforms of 4, 3 and 2 points: y_k = sum of x_j e^(-2 pi i j k / radix) ------------- */

static FFT_INLINE void fft_points4(fft_point *x)
{
    const fft_point a = fft_plus(x[0], x[2]), b = fft_minus(x[0], x[2]);
    const fft_point c = fft_plus(x[1], x[3]), d = fft_over_i(fft_minus(x[1], x[3]));
    x[0] = fft_plus(a, c);
    x[1] = fft_plus(b, d);
    x[2] = fft_minus(a, c);
    x[3] = fft_minus(b, d);
}

static FFT_INLINE void fft_points3(fft_point *x)
{
    const double sine = 0.86602540378443864676; /* of 120 degrees; the cosine is -1/2 */
    const fft_point sum = fft_plus(x[1], x[2]), apart = fft_over_i(fft_minus(x[1], x[2]));
    const fft_point middle = {x[0].re - 0.5 * sum.re, x[0].im - 0.5 * sum.im};
    const fft_point side = {sine * apart.re, sine * apart.im};
    x[0] = fft_plus(x[0], sum);
    x[1] = fft_plus(middle, side);
    x[2] = fft_minus(middle, side);
}

static FFT_INLINE void fft_points(size_t radix, fft_point *x)
{
    const fft_point a = x[0];
    if (radix == 4) {
        fft_points4(x);
    } else if (radix == 3) {
        fft_points3(x);
    } else {
        x[0] = fft_plus(a, x[1]);
        x[1] = fft_minus(a, x[1]);
    }
}

/* ---- Passes: one level over a whole line --------------------------------------------------- */

/* Forward, a block x of r q points becomes r blocks y_k of q (decimation in frequency):
 *     y_k[j] = w_k[j] * sum over l of x[l q + j] e^(-2 pi i k l / r),     0 <= j < q, 0 <= k < r
 * Backward, the factors come first. That is the transpose of the forward step, and so its inverse
 * but for a factor r and conjugation; and to conjugate before and after is to swap re and im,
 * which the callers do in their lines. Lanes are adjacent j along a row, adjacent columns down. */

static FFT_INLINE void fft_factors(size_t radix, int along, const double *t, fft_point *w)
{
    for (size_t k = 1; k < radix; k++, t += 8)
        w[k] = along ? fft_load(t, t + 4) : fft_splat(t[0], t[4]);
}

static FFT_INLINE void fft_twiddle(size_t radix, fft_point *x, const fft_point *w)
{
    for (size_t k = 1; k < radix; k++)
        x[k] = fft_times(x[k], w[k]);
}

static FFT_INLINE void fft_pass_by(size_t radix, int backward, int along, fft_level level,
                                   size_t length, fft_line from, fft_line to)
{
    const size_t q = level.quarter;
    for (size_t block = 0; block < length; block += radix * q)
        for (size_t j = 0; j < q; j += along ? FFT_LANES : 1) {
            fft_point x[4], w[4];
            fft_factors(radix, along, level.twiddles + 8 * (radix - 1) * (j / 4) + j % 4, w);
            for (size_t c = 0; c < (along ? FFT_LANES : FFT_GROUP); c += FFT_LANES) {
                fft_gather(radix, x, from, (block + j) * from.pitch + c, q * from.pitch);
                if (backward)
                    fft_twiddle(radix, x, w);
                fft_points(radix, x);
                if (!backward)
                    fft_twiddle(radix, x, w);
                fft_scatter(radix, x, to, (block + j) * to.pitch + c, q * to.pitch);
            }
        }
}

static FFT_INLINE void fft_pass(int backward, int along, fft_level level, size_t length,
                                fft_line from, fft_line to)
{
    if (level.radix == 4)
        fft_pass_by(4, backward, along, level, length, from, to);
    else if (level.radix == 3)
        fft_pass_by(3, backward, along, level, length, from, to);
    else
        fft_pass_by(2, backward, along, level, length, from, to);
}

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
