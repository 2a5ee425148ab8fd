/*
 * What the filtering of one window needs: lists of taps, and room for rows.
 *
 *     ring      rows of samples as they are summed, the last few that are still read
 *     columns   for factored filters: samples summed down, before they are summed along
 *     sums      `down` rows of outputs of every filter
 *
 * Columns are cut into chunks, so that the ring of a wide image stays in the second-level cache.
 * Included once for float and once for double.
 */
#ifndef CONVCLI_WORK_H
#define CONVCLI_WORK_H

/* Bytes that the ring of staged rows may take: half of a second-level cache. */
#define RING_BYTES ((size_t)256 << 10)

/* Fewest output samples of a chunk: below, columns staged twice weigh too much. */
#define LEAST_CHUNK 256

/* Most: beyond, the sums of a group would leave the first-level cache. */
#define MOST_CHUNK 1536

/* A filter is one program if it is summed directly. A factored one is `rank` pairs of programs: the
 * samples of a column are summed to one row, then those of the row. */
static inline size_t programs_of(const struct job *job)
{
    return job->rank ? job->planes * job->rank : 1;
}

static inline size_t channels_out(const struct job *job)
{
    return (job->combine == NONE ? job->filters : 1) * job->step;
}

/* Columns of the staged row that `width` columns of the output read. */
static inline size_t columns_read(const struct job *job, size_t width)
{
    return (width - 1) * job->stride_along + (job->taps_along - 1) * job->dilation_along + 1;
}

#endif

typedef struct {
    const struct job *job;
    struct layout layout;
    NAMED(program) *sums_of, *down_of; /* filters x programs_of */
    int down;
    size_t apart; /* see `factor_along` */
    size_t chunk, ring_rows;
    REAL *ring, *line, *sums, *columns; /* `columns`: rows summed down, for factored filters */
    intptr_t *held;                     /* which row of the window a place of the ring holds */
    struct run *runs;
    const REAL **rows, **plane_rows; /* what a group reads: in the ring, and one plane of it */
    const REAL **shifted;            /* what outputs side by side read, see `factor_along` */
    REAL **each;                        /* a row of sums of every filter */
    double *again, **each_again;        /* one sample of every filter in double precision */
    double *wide;                       /* see `sum_factors_again` */
    size_t sums_size, columns_size;
} NAMED(work);

static void NAMED(release)(NAMED(work) * w)
{
    size_t programs = w->job->filters * programs_of(w->job);
    for (size_t n = 0; n < programs; n++) {
        if (w->sums_of)
            NAMED(forget)(&w->sums_of[n]);
        if (w->down_of)
            NAMED(forget)(&w->down_of[n]);
    }
    void *all[] = {w->sums_of, w->down_of, w->ring, w->line, w->sums, w->columns, w->held, w->runs,
                   w->again, w->wide, w->layout.phase_offset, w->layout.plane_offset,
                   w->layout.column_offset, (void *)w->rows, (void *)w->plane_rows,
                   (void *)w->shifted, (void *)w->each, (void *)w->each_again};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        free(all[n]);
}

/* Offsets of planes, phases and columns in a staged row that `width` output columns read. */
static int NAMED(lay_out)(NAMED(work) * w, size_t width)
{
    const struct job *job = w->job;
    struct layout *layout = &w->layout;
    size_t line = CACHE_LINE / sizeof(REAL), phases = job->stride_along;
    size_t slots = (columns_read(job, width) + phases - 1) / phases;
    size_t phase_size = rounded_up(slots * job->step, line);
    layout->phases = phases;
    layout->plane_size = 0;
    layout->phase_offset = malloc(phases * sizeof(size_t));
    layout->plane_offset = malloc(job->planes * sizeof(size_t));
    layout->column_offset = malloc(job->taps_along * sizeof(size_t));
    if (!layout->phase_offset || !layout->plane_offset || !layout->column_offset)
        return -1;
    for (size_t phase = 0; phase < phases; phase++)
        layout->phase_offset[phase] = NOWHERE;
    for (size_t q = 0; q < job->taps_along; q++) {
        size_t column = q * job->dilation_along, *offset = &layout->phase_offset[column % phases];
        if (*offset == NOWHERE) {
            *offset = layout->plane_size;
            layout->plane_size += phase_size;
        }
        layout->column_offset[q] = *offset + column / phases * job->step;
    }
    for (size_t c = 0; c < job->planes; c++)
        layout->plane_offset[c] = c * layout->plane_size;
    /* An odd number of cache lines: rows under each other do not compete for one place in it. */
    layout->row_size = ((job->planes * layout->plane_size + SLACK + line) / line | 1) * line;
    return layout->row_size > UINT32_MAX ? -1 : 0; /* as long as `struct cell` can say */
}

static double NAMED(weight_gain)(const struct job *job)
{
    return sizeof(REAL) == sizeof(float) ? job->ending.weight_gain : 1.0;
}

static struct weights NAMED(dense)(const NAMED(work) * w, size_t f)
{
    const struct job *job = w->job;
    return (struct weights){job->bank + f * job->planes * job->taps_down * job->taps_along,
                            NAMED(weight_gain)(job),
                            job->planes,
                            job->taps_down,
                            job->taps_along,
                            job->stride_down,
                            job->dilation_down,
                            w->layout.plane_offset,
                            w->layout.column_offset};
}

static const size_t NAMED(origin)[1] = {0};

/* Pair n of filter f: its column, and its row, as weights of one plane. */
static struct weights NAMED(factor_down)(const NAMED(work) * w, size_t f, size_t n)
{
    const struct job *job = w->job;
    const double *values = job->down + (f * programs_of(job) + n) * job->taps_down;
    return (struct weights){values, 1.0, 1, job->taps_down, 1, job->stride_down, job->dilation_down,
                            NAMED(origin), NAMED(origin)};
}

/*
 * The row of a pair, for one row of samples. Neighbouring taps read neighbouring samples, so one
 * sample read can serve several outputs here as well, if those lie a whole number of taps apart:
 *
 *     outputs x and x + apart, taps q and q + apart     apart * step = the width of a block
 *
 * The row is laid out as a matrix of `apart` columns, and outputs side by side take the part of
 * outputs below each other.
 */
static struct weights NAMED(factor_along)(const NAMED(work) * w, size_t f, size_t n, double *folded)
{
    const struct job *job = w->job;
    const double *values = job->along + (f * programs_of(job) + n) * job->taps_along;
    double gain = NAMED(weight_gain)(job);
    if (!w->apart)
        return (struct weights){values, gain, 1, 1, job->taps_along, 1, 1, NAMED(origin),
                                w->layout.column_offset};
    size_t rows = (job->taps_along + w->apart - 1) / w->apart;
    memset(folded, 0, rows * w->apart * sizeof(double));
    memcpy(folded, values, job->taps_along * sizeof(double));
    return (struct weights){folded, gain, 1, rows, w->apart, 1, 1, NAMED(origin),
                            w->layout.column_offset};
}

static int NAMED(plan_along)(NAMED(work) * w, size_t f, size_t n)
{
    double *folded = malloc((w->job->taps_along + w->apart) * sizeof(double));
    if (!folded)
        return -1;
    struct weights along = NAMED(factor_along)(w, f, n, folded);
    NAMED(program) *to = &w->sums_of[f * programs_of(w->job) + n];
    size_t most = cells_of_factor(w->job->taps_along);
    int failed = NAMED(plan)(to, &along, w->apart ? MOST_DOWN : 1, most);
    free(folded);
    return failed;
}

/* Taps from one output of a group side by side to the next; 0 where taps are too few, or do not
 * read neighbours. */
static size_t NAMED(taps_apart)(const struct job *job)
{
    size_t width = ACROSS_4 * LANES, apart = width / job->step;
    int neighbours = job->stride_along == 1 && job->dilation_along == 1;
    int many = sizeof(REAL) > sizeof(float) || job->taps_along > MOST_PATCH;
    return neighbours && apart * job->step == width && many && job->taps_along > apart ? apart : 0;
}

static int NAMED(plan_filters)(NAMED(work) * w)
{
    const struct job *job = w->job;
    size_t programs = programs_of(job);
    w->apart = job->rank ? NAMED(taps_apart)(job) : 0;
    for (size_t f = 0; f < job->filters; f++)
        for (size_t n = 0; n < programs; n++) {
            struct weights down = job->rank ? NAMED(factor_down)(w, f, n) : NAMED(dense)(w, f);
            NAMED(program) *to = job->rank ? w->down_of : w->sums_of;
            size_t most = job->rank ? cells_of_factor(job->taps_down) : CELLS_OF_MATRIX;
            if (NAMED(plan)(&to[f * programs + n], &down, w->down, most))
                return -1;
            if (job->rank && NAMED(plan_along)(w, f, n))
                return -1;
        }
    return 0;
}

static void *NAMED(room)(size_t count)
{
    void *room = aligned_alloc(CACHE_LINE, rounded_up(count * sizeof(REAL), CACHE_LINE));
    if (room)
        memset(room, 0, count * sizeof(REAL)); /* what is read beyond a row is thrown away */
    return room;
}

/* Output columns of a chunk: as many as let the ring stay in cache. */
static size_t NAMED(chunk_of)(const NAMED(work) * w)
{
    const struct job *job = w->job;
    size_t per_column = job->planes * job->step * job->stride_along * sizeof(REAL);
    size_t fitting = RING_BYTES / (w->ring_rows * per_column);
    size_t halo = larger((job->taps_along - 1) * job->dilation_along / job->stride_along, 1);
    size_t chunk = fitting > halo ? fitting - halo : 0;
    chunk = larger(chunk, larger(LEAST_CHUNK / job->step, halo));
    return smaller(smaller(chunk, larger(MOST_CHUNK / job->step, halo)), job->width);
}

static int NAMED(prepare)(NAMED(work) * w)
{
    const struct job *job = w->job;
    size_t programs = job->filters * programs_of(job);
    struct weights first = job->rank ? NAMED(factor_down)(w, 0, 0) : NAMED(dense)(w, 0);
    w->down = best_down(&first);
    w->ring_rows = rows_of_group(&first, w->down);
    w->chunk = NAMED(chunk_of)(w);
    w->sums_of = calloc(programs, sizeof *w->sums_of);
    w->down_of = job->rank ? calloc(programs, sizeof *w->down_of) : NULL;
    if (!w->sums_of || (job->rank && !w->down_of) || NAMED(lay_out)(w, w->chunk) ||
        NAMED(plan_filters)(w))
        return -1;
    size_t columns = columns_read(job, w->chunk);
    w->sums_size = rounded_up(w->chunk * job->step, LOOK) + SLACK;
    w->columns_size = w->layout.plane_size + SLACK;
    w->ring = NAMED(room)(w->ring_rows * w->layout.row_size);
    w->line = NAMED(room)(columns * job->block.channels + SLACK);
    w->sums = NAMED(room)(job->filters * MOST_DOWN * w->sums_size);
    w->columns = NAMED(room)(MOST_DOWN * w->columns_size);
    w->held = malloc(w->ring_rows * sizeof *w->held);
    w->runs = malloc(columns * sizeof *w->runs);
    w->rows = malloc(w->ring_rows * sizeof *w->rows);
    w->plane_rows = malloc(w->ring_rows * sizeof *w->plane_rows);
    w->shifted = malloc((job->taps_along + MOST_DOWN + 1) * sizeof *w->shifted);
    w->each = malloc(job->filters * sizeof *w->each);
    w->again = malloc(job->filters * sizeof *w->again);
    w->each_again = malloc(job->filters * sizeof *w->each_again);
    w->wide = malloc((w->layout.column_offset[job->taps_along - 1] + 1) * sizeof *w->wide);
    for (size_t f = 0; w->again && w->each_again && f < job->filters; f++)
        w->each_again[f] = &w->again[f];
    return w->ring && w->line && w->sums && w->columns && w->held && w->runs && w->rows &&
                   w->plane_rows && w->shifted && w->each && w->again && w->wide && w->each_again
               ? 0
               : -1;
}

/* Where row number `row` of the window is held. */
static REAL *NAMED(ring_row)(const NAMED(work) * w, size_t row)
{
    return w->ring + row % w->ring_rows * w->layout.row_size;
}
