/*
 * From sums to samples in the output: `finish.h`, then `levels.h`, and where single precision leaves
 * a level in doubt, the sample computed once more in double precision from the rows in the ring.
 *
 * Included once for float and once for double.
 */

/* One row of the kernel at one place. Four sums side by side do not wait for each other. */
static double NAMED(dot)(const double *weight, const REAL *row, const size_t *offset, size_t count)
{
    double sums[4] = {0};
    size_t q = 0;
    for (; q + 4 <= count; q += 4)
        for (size_t k = 0; k < 4; k++)
            sums[k] += weight[q + k] * (double)row[offset[q + k]];
    for (; q < count; q++)
        sums[0] += weight[q] * (double)row[offset[q]];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* The sum of one sample in double precision, from the staged rows: filter f, output row y, place x
 * of its row. */
static double NAMED(sum_again)(const NAMED(work) * w, size_t f, size_t y, size_t x)
{
    const struct job *job = w->job;
    const double *weight = job->bank + f * job->planes * job->taps_down * job->taps_along;
    double total = (double)NAMED(centre) * job->weight_sums[f];
    for (size_t c = 0; c < job->planes; c++)
        for (size_t r = 0; r < job->taps_down; r++, weight += job->taps_along) {
            size_t row = y * job->stride_down + r * job->dilation_down;
            const REAL *from = NAMED(ring_row)(w, row) + w->layout.plane_offset[c] + x;
            total += NAMED(dot)(weight, from, w->layout.column_offset, job->taps_along);
        }
    return total;
}

/* The same for factored filters: samples are summed down first, whole rows of them, since that reads
 * the ring in the order in which it lies; `wide` has room for them. */
static double NAMED(sum_factors_again)(const NAMED(work) * w, size_t f, size_t y, size_t x)
{
    const struct job *job = w->job;
    size_t width = w->layout.column_offset[job->taps_along - 1] + 1;
    double total = (double)NAMED(centre) * job->weight_sums[f], *restrict wide = w->wide;
    for (size_t n = 0; n < programs_of(job); n++) {
        const double *down = job->down + (f * programs_of(job) + n) * job->taps_down;
        const double *along = job->along + (f * programs_of(job) + n) * job->taps_along;
        memset(wide, 0, width * sizeof(double));
        for (size_t r = 0; r < job->taps_down; r++) {
            size_t row = y * job->stride_down + r * job->dilation_down;
            const REAL *restrict from =
                NAMED(ring_row)(w, row) + w->layout.plane_offset[n / job->rank] + x;
            for (size_t k = 0; k < width; k++)
                wide[k] += down[r] * (double)from[k];
        }
        for (size_t q = 0; q < job->taps_along; q++)
            total += along[q] * wide[w->layout.column_offset[q]];
    }
    return total;
}

/* So few taps are summed faster one by one than row by row. */
#define FEW_TAPS 64

static double NAMED(sample_again)(const NAMED(work) * w, size_t f, size_t y, size_t x)
{
    int many = w->job->taps_down * w->job->taps_along > FEW_TAPS;
    int folds = w->job->rank && w->job->stride_along == 1 && many;
    return folds ? NAMED(sum_factors_again)(w, f, y, x) : NAMED(sum_again)(w, f, y, x);
}

/* A sample's t, computed again in double precision. It is of filter f, or of all combined. */
static double NAMED(once_more)(const NAMED(work) * w, size_t f, size_t y, size_t x0, size_t x)
{
    const struct job *job = w->job;
    struct job one;
    for (size_t n = 0; n < job->filters; n++)
        if (job->combine != NONE || n == f)
            w->again[n] = NAMED(sample_again)(w, n, y, x);
    if (job->combine == NONE && job->filters > 1) {
        w->again[0] = w->again[f];
        one = *job;
        one.filters = 1;
        one.scale += f;
        one.bias += f;
        one.weight_sums += f;
        job = &one;
    }
    respond_double(job, y, x0, 1, w->each_again);
    double t = job->ending.gain * w->again[0] + job->ending.lift;
    return job->ending.absolute ? fabs(t) : t;
}

/* From `x` on LOOK levels of the output row y, `count` of which there are, into `to`. */
#define WRITE_LEVELS(type)                                                                         \
    static void JOIN(NAMED(levels), type)(const NAMED(work) * w, size_t f, size_t y, size_t x0,    \
                                          size_t x, const REAL *v, size_t count, type *to,         \
                                          struct counts *counts)                                   \
    {                                                                                              \
        const struct ending *ending = &w->job->ending;                                             \
        struct look look = JOIN(NAMED(look), type)(ending, v, to);                                 \
        uint8_t doubts[LOOK];                                                                      \
        if (look.beyond | look.nan)                                                                \
            NAMED(count)(ending, v, count, counts);                                                \
        if (!look.doubt)                                                                           \
            return;                                                                                \
        NAMED(find_doubts)(ending, v, count, doubts);                                              \
        for (size_t n = 0; n < count; n++)                                                         \
            if (doubts[n]) {                                                                       \
                double t = NAMED(once_more)(w, f, y, x0, x + n);                                   \
                to[n] = (type)replaced(ending, t, NAMED(level_at)(ending, v[n]), counts);          \
            }                                                                                      \
    }

WRITE_LEVELS(uint8_t)
WRITE_LEVELS(uint16_t)
#undef WRITE_LEVELS

/* Samples of filter f, x places behind the start of a chunk, into a row of the output. */
#define SCATTER(type, from)                                                                        \
    for (size_t n = 0; n < count; n++)                                                             \
        *(type *)(row + (ptrdiff_t)((x + n) / job->step) * out->column +                           \
                  (ptrdiff_t)((x + n) % job->step * filters + f) * out->channel) = (type)(from)

#define WRITE_ROW(type)                                                                            \
    for (size_t x = 0; x < length; x += LOOK) {                                                    \
        type levels[LOOK];                                                                         \
        size_t count = smaller(LOOK, length - x);                                                  \
        type *to = together && count == LOOK ? (type *)row + x : levels;                           \
        JOIN(NAMED(levels), type)(w, f, y, x0, x, v + x, count, to, counts);                       \
        if (together && count < LOOK)                                                              \
            memcpy((type *)row + x, levels, count * sizeof(type));                                 \
        else if (!together)                                                                        \
            SCATTER(type, levels[n]);                                                              \
    }

/* The output row y, from the values (or folded sums) of filter f, `length` samples of columns from
 * x0 on. */
static void NAMED(write_row)(const NAMED(work) * w, size_t f, size_t y, size_t x0, const REAL *v,
                             size_t length, struct counts *counts)
{
    const struct job *job = w->job;
    const struct view *out = &job->out;
    size_t filters = job->combine == NONE ? job->filters : 1;
    int together = lie_together(job);
    char *row = out->data + (ptrdiff_t)y * out->row + (ptrdiff_t)x0 * out->column;
    if (out->kind == U8) {
        WRITE_ROW(uint8_t)
    } else if (out->kind == U16) {
        WRITE_ROW(uint16_t)
    } else {
        size_t x = 0, count = length;
        if (out->kind == F32)
            SCATTER(float, v[n]);
        else
            SCATTER(double, v[n]);
    }
}
#undef WRITE_ROW
#undef SCATTER

/* Output row y, from the sums `each` of every filter. */
static void NAMED(finish)(const NAMED(work) * w, size_t y, size_t x0, size_t count,
                          struct counts *counts)
{
    const struct job *job = w->job;
    if (!job->ending.folded)
        NAMED(respond)(job, y, x0, count, w->each);
    for (size_t f = 0; f < (job->combine == NONE ? job->filters : 1); f++)
        NAMED(write_row)(w, f, y, x0, w->each[f], count, counts);
}
