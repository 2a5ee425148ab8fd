/*
 * The window: rows are staged into a ring, summed in groups, and finished while they are in cache.
 *
 *     image rows --stage--> ring of rows --sum--> sums of `down` output rows --finish--> samples
 *                                        `------- sum and finish at once, see bytes.h -----^
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

/* --- bytes at once ------------------------------------------------------------------------------ */

static void NAMED(mend)(const struct bytes *b, const struct part *part, size_t x, int32_t level)
{
    const NAMED(work) *w = b->work;
    double t = NAMED(once_more)(w, 0, part->y, b->x0, part->x + x);
    part->to[x] = (uint8_t)replaced(&w->job->ending, t, level, b->counts);
}

/* Parts below each other: rows of the chunk from y on, as many as there are. */
static void NAMED(part_rows)(const NAMED(work) * w, size_t y, size_t count, struct bytes *b)
{
    const struct view *out = &w->job->out;
    size_t rows = smaller(MOST_DOWN, w->job->height - y);
    memset(b->parts, 0, sizeof b->parts);
    for (size_t i = 0; i < rows; i++) {
        char *to = out->data + (ptrdiff_t)(y + i) * out->row + (ptrdiff_t)b->x0 * out->column;
        b->parts[i] = (struct part){(uint8_t *)to, y + i, 0, count};
    }
    b->common = (size_t)w->down <= rows ? count : 0;
}

/* Parts side by side, see `factor_along`: of row y, if there is one. */
static int NAMED(part_columns)(const NAMED(work) * w, size_t y, size_t count, struct bytes *b)
{
    size_t width = w->apart * w->job->step;
    if (y >= w->job->height)
        return 0;
    NAMED(part_rows)(w, y, count, b);
    for (size_t n = 1; n < MOST_DOWN; n++) {
        size_t left = smaller(n * width, count);
        b->parts[n] = (struct part){b->parts[0].to + left, y, left, count - left};
    }
    b->common = b->parts[width ? MOST_DOWN - 1 : 0].count;
    return 1;
}

/* --- sums --------------------------------------------------------------------------------------- */

/* A row of samples with the row of pair n. */
static void NAMED(sum_along)(const NAMED(work) * w, size_t f, size_t n, const REAL *columns,
                             size_t count, REAL *sums, struct bytes *bytes)
{
    const NAMED(program) *along = &w->sums_of[f * programs_of(w->job) + n];
    size_t width = w->apart * w->job->step, rows = w->job->taps_along / (w->apart ? w->apart : 1);
    const REAL **shifted = w->shifted;
    REAL *beside[MOST_DOWN];
    for (size_t j = 0; j < (w->apart ? rows + MOST_DOWN : 1); j++)
        shifted[j] = columns + j * width;
    for (size_t i = 0; i < MOST_DOWN; i++)
        beside[i] = sums + i * width;
    NAMED(sum)(along, shifted, count, w->apart ? MOST_DOWN : 1, beside, n == 0, bytes);
}

static void NAMED(sum_factored)(NAMED(work) * w, size_t f, size_t y, size_t count,
                                REAL *const *sums, struct bytes *bytes)
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
        NAMED(sum)(down, w->plane_rows, w->layout.plane_size, 1, columns, 1, NULL);
        for (int i = 0; i < w->down; i++) {
            struct bytes *row = n + 1 == programs_of(job) ? bytes : NULL;
            if (row && !NAMED(part_columns)(w, y + (size_t)i, count, row))
                break;
            NAMED(sum_along)(w, f, n, columns[i], count, sums[i], row);
        }
    }
}

/* All filters for the outputs y .. y + down - 1; count samples of each into `sums`, or as bytes. */
static void NAMED(sum_group)(NAMED(work) * w, size_t y, size_t count, struct bytes *bytes)
{
    const struct job *job = w->job;
    for (size_t j = 0; j < w->ring_rows; j++)
        w->rows[j] = NAMED(ring_row)(w, y * job->stride_down + j);
    for (size_t f = 0; f < job->filters; f++) {
        REAL *sums[MOST_DOWN];
        for (int i = 0; i < w->down; i++)
            sums[i] = w->sums + (f * MOST_DOWN + (size_t)i) * w->sums_size;
        if (job->rank)
            NAMED(sum_factored)(w, f, y, count, sums, bytes);
        else
            NAMED(sum)(&w->sums_of[f], w->rows, count, 1, sums, 1, bytes);
    }
}

static void NAMED(finish_group)(const NAMED(work) * w, size_t y, size_t x0, size_t count,
                                struct counts *counts)
{
    for (size_t i = 0; i < (size_t)w->down && y + i < w->job->height; i++) {
        for (size_t f = 0; f < w->job->filters; f++)
            w->each[f] = w->sums + (f * MOST_DOWN + i) * w->sums_size;
        NAMED(finish)(w, y + i, x0, count, counts);
    }
}

static void NAMED(run_chunk)(NAMED(work) * w, size_t x0, size_t width, struct counts *counts)
{
    const struct job *job = w->job;
    size_t columns = columns_read(job, width), count = width * job->step;
    size_t runs = find_runs(job->columns + x0 * job->stride_along, columns, w->runs);
    for (size_t n = 0; n < w->ring_rows; n++)
        w->held[n] = -1;
    struct bytes bytes = bytes_of(&job->ending);
    bytes.mend = NAMED(mend);
    bytes.work = w;
    bytes.counts = counts;
    bytes.x0 = x0;
    int straight = sizeof(REAL) == sizeof(float) && is_straight(job) &&
                   w->sums_of[programs_of(job) - 1].pass_count;
    for (size_t y = 0; y < job->height; y += (size_t)w->down) {
        NAMED(fetch)(w, y, runs, columns);
        if (straight)
            NAMED(part_rows)(w, y, count, &bytes);
        NAMED(sum_group)(w, y, count, straight ? &bytes : NULL);
        if (!straight)
            NAMED(finish_group)(w, y, x0, count, counts);
    }
    add_counts(&bytes);
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
