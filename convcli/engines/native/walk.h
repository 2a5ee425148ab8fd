/*
 * Kernels of 3x3 straight from bytes to bytes, in single precision.
 *
 *     rows of bytes           sums that walk down with them        bytes
 *     x[y]                    a0 = w0.x
 *     x[y + 1]                a1 = w1.x + a0    a0 = w0.x
 *     x[y + 2]   w2.x + a1    a1 = w1.x + a0    a0 = w0.x    ->    y
 *     x[y + 3]   w2.x + a1    ...                            ->    y + 1
 *
 * This is the transposed form of a filter: a row is read and made numbers once for all rows of the
 * kernel, and no sum waits long for the one before it. wi.x is row i of the kernel; or, for a column
 * times a row, its weight times the sum along the row, in which mirrored samples are added as whole
 * numbers first. Larger kernels need more than the registers hold, and gain nothing here.
 *
 * What walks, and where it goes, stands in `strips.h`.
 */
#ifndef CONVCLI_WALK_H
#define CONVCLI_WALK_H

/* Rows and columns of the kernel. */
#define SIDE 3

/* Samples of a step: as many as a vector holds words. */
#define PAIR (2 * FLOATS)

/* The row of a factored kernel, read from its other end: negated, not at all like it, the same. */
enum fold { ODD, UNFOLDED, EVEN };

/* Sums that are near, and t but for the lift; or exact. */
enum sums { NEAR, EXACT };

/* Weights of the whole kernel, by row; or of its column, and of the first of its row. */
struct walker {
    floats down[SIDE * SIDE], along[SIDE];
};

typedef void walk_strip(struct bytes *bytes, const struct strip *strip, const struct walker *walker);

#define UNROLLED _Pragma("GCC unroll 16")
#define EACH_HALF UNROLLED for (int u = 0; u < 2; u++)

/* The samples of tap q of a row, centred. */
INLINE void read_tap(const uint8_t *from, size_t step, int q, floats *x)
{
    spread(widened(from + (size_t)q * step), centre_float, x);
}

/* The sum along a row that folds. */
INLINE void sum_row(const uint8_t *from, size_t step, const floats *along, enum fold fold, floats *sum)
{
    const shorts twice = (shorts){0} + (int16_t)(2 * centre_float);
    read_tap(from, step, SIDE / 2, sum);
    EACH_HALF sum[u] *= along[SIDE / 2];
    UNROLLED for (int q = 0; q < SIDE / 2; q++)
    {
        floats x[2];
        shorts words = widened(from + (size_t)q * step);
        shorts mirrored = widened(from + (size_t)(SIDE - 1 - q) * step);
        spread(words + (fold == EVEN ? mirrored : twice - mirrored), 2 * centre_float, x);
        EACH_HALF sum[u] = FUSED(along[q], x[u], sum[u]);
    }
}

/* One row further down: sums that lack 1 .. SIDE rows become those that lack one less. They are FUSED,
 * since a walk with care must find the very sums whose levels are in doubt. */
INLINE void walk_down(const uint8_t *from, size_t step, const struct walker *walker, enum fold fold,
                      floats sums[][2], floats *done)
{
    floats x[SIDE][2];
    const int terms = fold == UNFOLDED ? SIDE : 1;
    if (fold == UNFOLDED)
        UNROLLED for (int q = 0; q < SIDE; q++) read_tap(from, step, q, x[q]);
    else
        sum_row(from, step, walker->along, fold, x[0]);
    EACH_HALF
        UNROLLED for (int i = SIDE - 1; i >= 0; i--)
        {
            const floats *down = walker->down + i * terms;
            floats sum = i > 0 ? FUSED(down[0], x[0][u], sums[i - 1][u]) : down[0] * x[0][u];
            UNROLLED for (int q = 1; q < terms; q++) sum = FUSED(down[q], x[q][u], sum);
            *(i == SIDE - 1 ? &done[u] : &sums[i][u]) = sum;
        }
}

/* The levels of a pair. `doubts` gathers those that a margin less would make others than a margin
 * more does. */
INLINE shorts levels_near(const struct bytes *b, const floats *sums, enum sums kind, shorts *doubts)
{
    if (kind == EXACT)
        return levels_at_lift(b, sums[0], sums[1]);
    shorts least = narrow(NEAREST(sums[0] + b->least), NEAREST(sums[1] + b->least));
    shorts most = narrow(NEAREST(sums[0] + b->most), NEAREST(sums[1] + b->most));
    *doubts |= least ^ most;
    return most;
}

/* The step of all rows at x once more, with care: what is `stored` is only looked at for doubts. */
INLINE void walk_again(struct bytes *b, const struct strip *s, const struct walker *walker, size_t x,
                       enum fold fold, int stored)
{
    floats sums[SIDE][2] = {{{0}}}, pair[2];
    const uint8_t *from = s->from + x;
    for (size_t r = 0; r < s->height + SIDE - 1; r++, from += s->from_row) {
        struct common common = {{0}, {0}};
        walk_down(from, s->step, walker, fold, sums, pair);
        levels_of(b, pair[0], pair[1], &common);
        if (r + 1 < SIDE || (stored && !has((wholes)common.doubts, -1)))
            continue;
        size_t row = r + 1 - SIDE;
        struct part part = {s->to + (ptrdiff_t)row * s->to_row, s->y + row, s->x, s->count};
        in_order(pair);
        settle_block(b, &part, (const float *)pair, x, 1, 2, stored);
    }
}

/* The bytes of a strip. What steps beyond its end is read, but not written. */
INLINE void walk_all(struct bytes *b, const struct strip *strip, const struct walker *given,
                     enum fold fold, enum sums kind, enum range range)
{
    const struct walker walker = *given;
    const struct bytes ends = *b;
    const struct strip s = *strip; /* what is written could else change it */
    size_t x = 0;
    for (; x + PAIR <= s.count; x += PAIR) {
        shorts doubts = {0}, below = {0}, above = {0};
        floats sums[SIDE][2] = {{{0}}}, pair[2];
        const uint8_t *from = s.from + x;
        uint8_t *to = s.to + x, *stop = to + (ptrdiff_t)s.height * s.to_row;
        for (int r = 0; r < SIDE - 1; r++, from += s.from_row)
            walk_down(from, s.step, &walker, fold, sums, pair);
        for (; to != stop; from += s.from_row, to += s.to_row) {
            walk_down(from, s.step, &walker, fold, sums, pair);
            shorts levels = levels_near(&ends, pair, kind, &doubts);
            below -= range == CUT ? levels < 0 : (shorts){0};
            above -= range == CUT ? levels > UINT8_MAX : (shorts){0};
            store_half(to, levels);
        }
        if (range == CUT)
            add_cut(b, below, above);
        if (kind == NEAR && has((wholes)doubts, -1))
            walk_again(b, &s, &walker, x, fold, 1);
    }
    if (x < s.count)
        walk_again(b, &s, &walker, x, fold, 0);
}

#define WALK(fold, kind, range)                                                                    \
    static void walk_##fold##_##kind##_##range(struct bytes *bytes, const struct strip *strip,     \
                                               const struct walker *walker)                        \
    {                                                                                              \
        walk_all(bytes, strip, walker, fold, kind, range);                                         \
    }
#define WALKS(fold)                                                                                \
    WALK(fold, NEAR, WITHIN) WALK(fold, NEAR, CUT) WALK(fold, EXACT, WITHIN) WALK(fold, EXACT, CUT)
WALKS(ODD) WALKS(UNFOLDED) WALKS(EVEN)
#undef WALK
#undef WALKS
#undef UNROLLED
#undef EACH_HALF

#define WALKS(fold)                                                                                \
    {{walk_##fold##_NEAR_WITHIN, walk_##fold##_NEAR_CUT},                                          \
     {walk_##fold##_EXACT_WITHIN, walk_##fold##_EXACT_CUT}}
static walk_strip *const walks[3][2][2] = {
    [ODD] = WALKS(ODD), [UNFOLDED] = WALKS(UNFOLDED), [EVEN] = WALKS(EVEN)};
#undef WALKS

#endif
