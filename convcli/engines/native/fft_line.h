/* One line through the Fourier domain, in float64: lengths, their twiddles, and a level over them.
 *
 *     length 2048 = 2 * 4^5:   block of 2048 -> 2 of 1024 -> 8 of 256 -> ... -> 512 of 4 -> points
 *
 * A line is a row, or a group of eight columns; `fft.h` makes tiles of them.
 */
#ifndef CONVCLI_FFT_LINE_H
#define CONVCLI_FFT_LINE_H

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

#endif
