/*
 * The window: rows are staged into a ring, summed in groups, and finished while they are in cache.
 *
 *     image rows --stage--> ring of rows --sum--> sums of `down` output rows --finish--> samples
 *
 * Included once for float and once for double.
 */

/* Stage what the outputs y .. y + down - 1 read and the ring does not hold yet. */
static void NAMED(fetch)(NAMED(work) * w, size_t y, size_t run_count, size_t columns)
{
    const struct job *job = w->job;
    for (size_t i = 0; i < (size_t)w->down && y + i < job->height; i++)
        for (size_t r = 0; r < job->taps_down; r++) {
            size_t row = (y + i) * job->stride_down + r * job->dilation_down;
            intptr_t *held = &w->held[row % w->ring_rows];
            if (*held == (intptr_t)row)
                continue;
            *held = (intptr_t)row;
            NAMED(stage)(job, &w->layout, job->rows[row], w->runs, run_count, columns, w->line,
                         NAMED(ring_row)(w, row));
        }
}

/* A row of samples with the row of pair n. */
static void NAMED(sum_along)(const NAMED(work) * w, size_t f, size_t n, const REAL *columns,
                             size_t count, REAL *sums)
{
    const NAMED(program) *along = &w->sums_of[f * programs_of(w->job) + n];
    size_t width = w->apart * w->job->step, rows = w->job->taps_along / (w->apart ? w->apart : 1);
    const REAL **shifted = w->shifted;
    REAL *beside[MOST_DOWN];
    for (size_t j = 0; j < (w->apart ? rows + MOST_DOWN : 1); j++)
        shifted[j] = columns + j * width;
    for (size_t i = 0; i < MOST_DOWN; i++)
        beside[i] = sums + i * width;
    NAMED(sum)(along, shifted, count, w->apart ? MOST_DOWN : 1, beside, n == 0);
}

static void NAMED(sum_factored)(NAMED(work) * w, size_t f, size_t count, REAL *const *sums)
{
    const struct job *job = w->job;
    REAL *columns[MOST_DOWN];
    for (int i = 0; i < w->down; i++)
        columns[i] = w->columns + (size_t)i * w->columns_size;
    for (size_t n = 0; n < programs_of(job); n++) {
        size_t offset = w->layout.plane_offset[n / job->rank];
        for (size_t j = 0; j < w->ring_rows; j++)
            w->plane_rows[j] = w->rows[j] + offset;
        const NAMED(program) *down = &w->down_of[f * programs_of(job) + n];
        NAMED(sum)(down, w->plane_rows, w->layout.plane_size, 1, columns, 1);
        for (int i = 0; i < w->down; i++)
            NAMED(sum_along)(w, f, n, columns[i], count, sums[i]);
    }
}

/* All filters for the outputs y .. y + down - 1; count samples of each into `sums`. */
static void NAMED(sum_group)(NAMED(work) * w, size_t y, size_t count)
{
    const struct job *job = w->job;
    for (size_t j = 0; j < w->ring_rows; j++)
        w->rows[j] = NAMED(ring_row)(w, y * job->stride_down + j);
    for (size_t f = 0; f < job->filters; f++) {
        REAL *sums[MOST_DOWN];
        for (int i = 0; i < w->down; i++)
            sums[i] = w->sums + (f * MOST_DOWN + (size_t)i) * w->sums_size;
        if (job->rank)
            NAMED(sum_factored)(w, f, count, sums);
        else
            NAMED(sum)(&w->sums_of[f], w->rows, count, 1, sums, 1);
    }
}

static void NAMED(run_chunk)(NAMED(work) * w, size_t x0, size_t width, struct counts *counts)
{
    const struct job *job = w->job;
    size_t columns = columns_read(job, width), count = width * job->step;
    size_t runs = find_runs(job->columns + x0 * job->stride_along, columns, w->runs);
    for (size_t n = 0; n < w->ring_rows; n++)
        w->held[n] = -1;
    for (size_t y = 0; y < job->height; y += (size_t)w->down) {
        NAMED(fetch)(w, y, runs, columns);
        NAMED(sum_group)(w, y, count);
        for (size_t i = 0; i < (size_t)w->down && y + i < job->height; i++) {
            for (size_t f = 0; f < job->filters; f++)
                w->each[f] = w->sums + (f * MOST_DOWN + i) * w->sums_size;
            NAMED(finish)(w, y + i, x0, count, counts);
        }
    }
}

/* The whole job; -1 if there is no memory. */
static int NAMED(filter)(const struct job *job, struct counts *counts)
{
    NAMED(work) w = {.job = job};
    int failed = NAMED(prepare)(&w);
    for (size_t x0 = 0; !failed && x0 < job->width; x0 += w.chunk)
        NAMED(run_chunk)(&w, x0, smaller(w.chunk, job->width - x0), counts);
    NAMED(release)(&w);
    return failed;
}
