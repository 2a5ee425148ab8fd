/*
 * A window in strips that `whole.h` or `walk.h` filters: which jobs these are, and what they read.
 *
 *     columns     | left: copied | middle: as they lie in the image | right: copied |
 *
 * Rows that do not follow each other in the image, columns that do not, samples that do not, and what
 * a vector would read beyond the last of them, are copied first, with what pads them.
 */
#ifndef CONVCLI_STRIPS_H
#define CONVCLI_STRIPS_H

/* Output rows below each other. What walks reads the rows above them once more for each strip, and the
 * more there are, the fewer stay in the first-level cache. Of whole kernels, which need no sums from
 * above, only the copies count: the higher the strips, the fewer rows are copied twice. */
#define WALKED_ROWS 8
#define WHOLE_ROWS 32

/* Bytes that copies may take, half of `BASE` in `cost.py`, and the fewest output rows that must then
 * fit: what the next strip reads as well is moved, once for so many rows. `cost.py` counts on both. */
#define COPIED_BYTES ((size_t)2 << 20)
#define FEWEST_ROWS 8

/* Rows and columns from the first that an output reads to the last. */
static size_t reach_down(const struct job *job) { return (job->taps_down - 1) * job->dilation_down; }
static size_t reach_along(const struct job *job) { return (job->taps_along - 1) * job->dilation_along; }

/* --- what is filtered in strips ----------------------------------------------------------------- */

/* Whether outputs side by side read bytes side by side. */
static int are_near(const struct job *job)
{
    const struct view *block = &job->block;
    int near = job->stride_down == 1 && job->stride_along == 1;
    int filled = 1;
    for (size_t c = 0; c < block->channels; c++)
        filled &= job->fill[c] >= 0 && job->fill[c] <= UINT8_MAX && job->fill[c] == floor(job->fill[c]);
    return filled && near && job->planes == 1 && block->kind == U8;
}

/* Whether the samples of a row lie side by side, as they do not in a view of some of the channels. */
static int lie_near(const struct view *block)
{
    return block->channel == 1 && block->column == (ptrdiff_t)block->channels;
}

static enum fold fold_of(const double *row)
{
    int even = 1, odd = 1;
    for (size_t q = 0; q < SIDE; q++) {
        even &= row[q] == row[SIDE - 1 - q];
        odd &= row[q] == -row[SIDE - 1 - q];
    }
    return even ? EVEN : odd ? ODD : UNFOLDED;
}

/* Whether weights and samples 0..255 let t go beyond bytes; a quarter is what two
 * margins never reach. */
static enum range range_of(const struct job *job)
{
    double gain = job->ending.gain * job->scale[0];
    double least = job->ending.gain * (job->bias[0] + job->shift) + job->ending.lift, most = least;
    for (size_t n = 0; n < job->taps_down * job->taps_along; n++) {
        double end = gain * job->bank[n] * UINT8_MAX;
        *(end < 0 ? &least : &most) += end;
    }
    return least > -0.25 && most < UINT8_MAX + 0.25 ? WITHIN : CUT;
}

/* Whether sums of 16 bits serve. */
static int is_whole(const struct job *job)
{
    return !job->rank && job->ending.margin < 0 && job->ending.weight_gain == 1 && taps_of(job);
}

/* What walks a job, or NULL. */
static walk_strip *walk_of(const struct job *job)
{
    enum sums kind = job->ending.margin < 0 ? EXACT : NEAR;
    if (job->taps_down != SIDE || job->taps_along != SIDE || job->dilation_down > 1 ||
        job->dilation_along > 1 || job->rank > 1 || (kind == NEAR && job->ending.single_gain != 1))
        return NULL;
    enum fold fold = job->rank ? fold_of(job->along) : UNFOLDED;
    return job->rank && fold == UNFOLDED ? NULL : walks[fold][kind][range_of(job)];
}

static struct walker walker_of(const struct job *job)
{
    struct walker walker = {0};
    double gain = job->ending.weight_gain;
    floats zero = {0};
    for (size_t n = 0; n < SIDE * (job->rank ? 1 : SIDE); n++)
        walker.down[n] = zero + (float)(job->rank ? job->down[n] : gain * job->bank[n]);
    for (size_t n = 0; job->rank && n < SIDE; n++)
        walker.along[n] = zero + (float)(gain * job->along[n]);
    return walker;
}

/* Bytes of a row of copies; the last step, of which PAIR is half, may begin late. */
static size_t bytes_copied(const struct job *job, size_t columns)
{
    return columns * job->block.channels + STEP;
}

/* Output rows of a strip; 0 if the copies would be too large for the fewest. */
static size_t rows_of_strip(const struct job *job)
{
    size_t most = smaller(is_whole(job) ? WHOLE_ROWS : WALKED_ROWS, job->height);
    size_t fitting = COPIED_BYTES / bytes_copied(job, columns_read(job, job->width));
    if (fitting < smaller(FEWEST_ROWS, job->height) + reach_down(job))
        return 0;
    return smaller(fitting - reach_down(job), most);
}

/* Whether a job is filtered in strips. */
static int takes_strips(const struct job *job)
{
    return is_straight(job) && are_near(job) && (is_whole(job) || walk_of(job)) && rows_of_strip(job);
}

/* Copies: rows first .. stop - 1 of the window, `row` bytes from one to the next, of `columns` columns
 * from `column` on. */
struct copies {
    uint8_t *bytes;
    size_t first, stop, row, column, columns;
};

/* A window in strips of `rows`, each in steps of samples: what filters it, bytes that are copied, and a
 * pixel that lies outside the image. */
struct strips {
    const struct job *job;
    walk_strip *walk; /* or NULL: the kernel is whole */
    struct walker walker;
    struct whole whole;
    struct bytes bytes;
    size_t rows, step;
    struct copies copies;
    uint8_t *outside;
};

/* --- samples in doubt --------------------------------------------------------------------------- */

/* The pixel of the image that the window has at a row and a column; NULL for one outside. */
static const uint8_t *pixel_at(const struct job *job, size_t row, size_t column)
{
    intptr_t y = job->rows[row], x = job->columns[column];
    if (y < 0 || x < 0)
        return NULL;
    return (const uint8_t *)job->block.data + y * job->block.row + x * job->block.column;
}

static double sample_at(const struct job *job, size_t row, size_t column, size_t channel)
{
    const uint8_t *pixel = pixel_at(job, row, column);
    return pixel ? pixel[(ptrdiff_t)channel * job->block.channel] : job->fill[channel];
}

static void mend_walked(const struct bytes *b, const struct part *part, size_t x, int32_t level)
{
    const struct strips *strips = b->work;
    const struct job *job = strips->job;
    size_t column = (part->x + x) / job->step, c = (part->x + x) % job->step;
    double v = 0, *each = &v;
    for (size_t n = 0; n < SIDE * SIDE; n++)
        v += job->bank[n] * sample_at(job, part->y + n / SIDE, column + n % SIDE, c);
    respond_double(job, part->y, column, 1, &each);
    double t = job->ending.gain * v + job->ending.lift;
    part->to[x] = (uint8_t)replaced(&job->ending, t, level, b->counts);
}

/* --- what they read ----------------------------------------------------------------------------- */

/* How many columns from `first` on, but before `stop`, follow each other in the image. */
static size_t run_from(const struct job *job, size_t first, size_t stop)
{
    const intptr_t *columns = job->columns;
    size_t n = first + 1;
    while (columns[first] >= 0 && n < stop && columns[n] == columns[n - 1] + 1)
        n++;
    return n - first;
}

/* A run of pixels side by side, or one that lies outside. */
static void copy_pixels(const struct strips *strips, uint8_t *to, const uint8_t *from, size_t run)
{
    const struct view *block = &strips->job->block;
    size_t channels = block->channels;
    if (!from || lie_near(block)) {
        memcpy(to, from ? from : strips->outside, run * channels);
        return;
    }
    for (size_t n = 0; n < run; n++, from += block->column)
        for (size_t c = 0; c < channels; c++)
            *to++ = from[(ptrdiff_t)c * block->channel];
}

/* Row y of the window, with what pads it. */
static void copy_row(const struct strips *strips, size_t y, uint8_t *to)
{
    const struct job *job = strips->job;
    const struct copies *copies = &strips->copies;
    size_t stop = copies->column + copies->columns, run;
    for (size_t n = copies->column; n < stop; n += run, to += run * job->block.channels) {
        run = job->rows[y] < 0 ? 1 : run_from(job, n, stop);
        copy_pixels(strips, to, pixel_at(job, y, n), run);
    }
}

/* Copies of rows y .. y + rows - 1: what there is of them is moved, what there is not is copied. */
static void copy_rows(struct strips *strips, size_t y, size_t rows)
{
    struct copies *copies = &strips->copies;
    size_t held = copies->stop > y ? copies->stop - y : 0;
    if (held)
        memmove(copies->bytes, copies->bytes + (y - copies->first) * copies->row, held * copies->row);
    for (size_t r = held; r < rows; r++)
        copy_row(strips, y + r, copies->bytes + r * copies->row);
    copies->first = y, copies->stop = y + rows;
}

/* Whether rows y .. y + rows - 1 of the window follow each other in the image. */
static int follow(const struct job *job, size_t y, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        if (job->rows[y] < 0 || job->rows[y + r] != job->rows[y] + (intptr_t)r)
            return 0;
    return 1;
}

/* The samples of a row that read columns which follow each other in the image, in whole steps. */
static void find_middle(const struct strips *strips, size_t *first, size_t *stop)
{
    const struct job *job = strips->job;
    size_t columns = columns_read(job, job->width), longest = reach_along(job), run;
    *first = *stop = 0;
    if (!lie_near(&job->block))
        return;
    for (size_t n = 0; n < columns; n += run) {
        run = run_from(job, n, columns);
        if (job->columns[n] < 0 || run <= longest)
            continue;
        longest = run;
        *first = n * job->step;
        *stop = *first + (run - reach_along(job)) * job->step / strips->step * strips->step;
    }
}

/* Samples first .. stop - 1 of a strip of rows from y on, read as they lie where they can be. */
static void filter_strip(struct strips *strips, size_t y, size_t first, size_t stop, int as_they_lie)
{
    const struct job *job = strips->job;
    size_t height = smaller(strips->rows, job->height - y), rows = height + reach_down(job);
    struct strip strip = {.y = y, .x = first, .count = stop - first, .height = height};
    strip.step = job->step;
    strip.to = (uint8_t *)job->out.data + (ptrdiff_t)y * job->out.row + (ptrdiff_t)first;
    strip.to_row = job->out.row;
    if (as_they_lie && follow(job, y, rows)) {
        strip.from = pixel_at(job, y, first / job->step);
        strip.from_row = job->block.row;
    } else {
        copy_rows(strips, y, rows);
        strip.from = strips->copies.bytes;
        strip.from_row = (ptrdiff_t)strips->copies.row;
    }
    strip.from += first % job->step;
    if (strips->walk)
        strips->walk(&strips->bytes, &strip, &strips->walker);
    else
        write_strip(&strips->bytes, &strip, &strips->whole);
}

/* The same of all rows: strips below each other have copies in common. */
static void filter_part(struct strips *strips, size_t first, size_t stop, int as_they_lie)
{
    const struct job *job = strips->job;
    struct copies *copies = &strips->copies;
    if (first == stop)
        return;
    copies->column = first / job->step;
    copies->columns = (stop - 1) / job->step + reach_along(job) + 1 - copies->column;
    copies->row = bytes_copied(job, copies->columns);
    copies->first = copies->stop = 0;
    for (size_t y = 0; y < job->height; y += strips->rows)
        filter_strip(strips, y, first, stop, as_they_lie);
}

/* --- the window --------------------------------------------------------------------------------- */

/* What filters, and room for copies; -1 if there is no memory. */
static int prepare_strips(struct strips *strips)
{
    const struct job *job = strips->job;
    size_t channels = job->block.channels;
    strips->walk = is_whole(job) ? NULL : walk_of(job);
    strips->rows = rows_of_strip(job);
    strips->step = strips->walk ? PAIR : STEP;
    strips->bytes = bytes_of(&job->ending);
    strips->copies.bytes = calloc(strips->rows + reach_down(job),
                                  bytes_copied(job, columns_read(job, job->width)));
    strips->outside = malloc(channels);
    for (size_t c = 0; strips->outside && c < channels; c++)
        strips->outside[c] = (uint8_t)job->fill[c];
    if (!strips->copies.bytes || !strips->outside)
        return -1;
    if (!strips->walk)
        return plan_whole(&strips->whole, job, range_of(job));
    strips->walker = walker_of(job);
    strips->bytes.lift = strips->bytes.most; /* levels are counted as they are stored */
    strips->bytes.mend = mend_walked;
    strips->bytes.work = strips;
    return 0;
}

static void release_strips(struct strips *strips)
{
    forget_whole(&strips->whole);
    free(strips->copies.bytes);
    free(strips->outside);
}

/* The whole job; -1 if there is no memory. */
static int filter_strips(const struct job *job, struct counts *counts)
{
    struct strips strips = {.job = job};
    size_t left, right, width = job->width * job->step;
    int failed = prepare_strips(&strips);
    strips.bytes.counts = counts;
    find_middle(&strips, &left, &right);
    if (!failed) {
        filter_part(&strips, 0, left, 0);
        filter_part(&strips, left, right, 1);
        filter_part(&strips, right, width, 0);
    }
    add_counts(&strips.bytes);
    release_strips(&strips);
    return failed;
}

#endif
