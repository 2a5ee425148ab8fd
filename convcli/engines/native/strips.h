/*
 * A window in strips that `walk.h` filters: which jobs walk, and what they read.
 *
 *     columns     | left: copied | middle: as they lie in the image | right: copied |
 *
 * Rows that do not follow each other in the image, columns that do not, and what a vector would read
 * beyond the last of them, are copied first, with what pads them.
 */
#ifndef CONVCLI_STRIPS_H
#define CONVCLI_STRIPS_H

/* Output rows below each other: the rows above them are read once more for each strip, and the more
 * there are, the fewer stay in the first-level cache. */
#define STRIP 8

/* --- what walks --------------------------------------------------------------------------------- */

/* Whether outputs read bytes that lie side by side. */
static int are_near(const struct job *job)
{
    const struct view *block = &job->block;
    int near = job->stride_down == 1 && job->stride_along == 1 && job->dilation_down == 1 &&
               job->dilation_along == 1;
    int filled = 1;
    for (size_t c = 0; c < block->channels; c++)
        filled &= job->fill[c] >= 0 && job->fill[c] <= UINT8_MAX && job->fill[c] == floor(job->fill[c]);
    return filled && near && job->planes == 1 && block->kind == U8 && block->channel == 1 &&
           block->column == (ptrdiff_t)block->channels;
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
    for (size_t n = 0; n < SIDE * SIDE; n++) {
        double end = gain * job->bank[n] * UINT8_MAX;
        *(end < 0 ? &least : &most) += end;
    }
    return least > -0.25 && most < UINT8_MAX + 0.25 ? WITHIN : CUT;
}

/* What walks a job, or NULL. */
static walk_strip *walk_of(const struct job *job)
{
    enum sums kind = job->ending.margin < 0 ? EXACT : NEAR;
    if (job->taps_down != SIDE || job->taps_along != SIDE || job->rank > 1 || !is_straight(job) ||
        !are_near(job) || (kind == NEAR && job->ending.single_gain != 1))
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

/* --- samples in doubt --------------------------------------------------------------------------- */

/* A window that walks: bytes that are copied, and a pixel that lies outside the image. */
struct walk {
    const struct job *job;
    walk_strip *strip;
    struct walker walker;
    struct bytes bytes;
    uint8_t *copies, *outside;
    size_t copied_row;
};

/* The pixel that the window has at a row and a column. */
static const uint8_t *pixel_at(const struct walk *walk, size_t row, size_t column)
{
    const struct job *job = walk->job;
    intptr_t y = job->rows[row], x = job->columns[column];
    if (y < 0 || x < 0)
        return walk->outside;
    return (const uint8_t *)job->block.data + y * job->block.row + x * job->block.column;
}

static void mend_walked(const struct bytes *b, const struct part *part, size_t x, int32_t level)
{
    const struct walk *walk = b->work;
    const struct job *job = walk->job;
    size_t column = (part->x + x) / job->step, c = (part->x + x) % job->step;
    double v = 0, *each = &v;
    for (size_t n = 0; n < SIDE * SIDE; n++)
        v += job->bank[n] * (double)pixel_at(walk, part->y + n / SIDE, column + n % SIDE)[c];
    respond_double(job, part->y, column, 1, &each);
    double t = job->ending.gain * v + job->ending.lift;
    part->to[x] = (uint8_t)replaced(&job->ending, t, level, b->counts);
}

/* --- what they read ----------------------------------------------------------------------------- */

/* Columns first .. stop - 1 of rows y .. y + rows - 1, copied with what pads them. */
static void copy_rows(const struct walk *walk, size_t y, size_t rows, size_t first, size_t stop)
{
    size_t channels = walk->job->block.channels;
    for (size_t r = 0; r < rows; r++)
        for (size_t n = first; n < stop; n++)
            memcpy(walk->copies + r * walk->copied_row + (n - first) * channels,
                   pixel_at(walk, y + r, n), channels);
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
static void find_middle(const struct job *job, size_t *first, size_t *stop)
{
    size_t columns = columns_read(job, job->width), begin = 0, longest = SIDE - 1;
    *first = *stop = 0;
    for (size_t n = 1; n <= columns; n++) {
        if (n < columns && job->columns[begin] >= 0 && job->columns[n] == job->columns[n - 1] + 1)
            continue;
        if (job->columns[begin] >= 0 && n - begin > longest) {
            longest = n - begin;
            *first = begin * job->step;
            *stop = *first + (longest - SIDE + 1) * job->step / PAIR * PAIR;
        }
        begin = n;
    }
}

/* Samples first .. stop - 1 of a strip of rows from y on, read as they lie where they can be. */
static void walk_part(struct walk *walk, size_t y, size_t first, size_t stop, int as_they_lie)
{
    const struct job *job = walk->job;
    size_t column = first / job->step, height = smaller(STRIP, job->height - y);
    struct strip strip = {.y = y, .x = first, .count = stop - first, .height = height};
    strip.step = job->step;
    strip.to = (uint8_t *)job->out.data + (ptrdiff_t)y * job->out.row + (ptrdiff_t)first;
    strip.to_row = job->out.row;
    if (as_they_lie && follow(job, y, height + SIDE - 1)) {
        strip.from = pixel_at(walk, y, column);
        strip.from_row = job->block.row;
    } else {
        copy_rows(walk, y, height + SIDE - 1, column, (stop - 1) / job->step + SIDE);
        strip.from = walk->copies;
        strip.from_row = (ptrdiff_t)walk->copied_row;
    }
    strip.from += first % job->step;
    walk->strip(&walk->bytes, &strip, &walk->walker);
}

/* --- the window --------------------------------------------------------------------------------- */

static int room_to_walk(struct walk *walk)
{
    const struct job *job = walk->job;
    size_t channels = job->block.channels;
    walk->copied_row = columns_read(job, job->width) * channels + PAIR; /* the last step may begin late */
    walk->copies = calloc(STRIP + SIDE - 1, walk->copied_row);
    walk->outside = malloc(channels);
    for (size_t c = 0; walk->outside && c < channels; c++)
        walk->outside[c] = (uint8_t)job->fill[c];
    return walk->copies && walk->outside ? 0 : -1;
}

/* The whole job; -1 if there is no memory. */
static int filter_walking(const struct job *job, walk_strip *strip, struct counts *counts)
{
    struct walk walk = {.job = job, .strip = strip};
    walk.walker = walker_of(job);
    walk.bytes = bytes_of(&job->ending);
    walk.bytes.lift = walk.bytes.most; /* levels are counted as they are stored */
    walk.bytes.mend = mend_walked;
    walk.bytes.work = &walk;
    walk.bytes.counts = counts;
    size_t left, right, width = job->width * job->step;
    int failed = room_to_walk(&walk);
    find_middle(job, &left, &right);
    for (size_t y = 0; !failed && y < job->height; y += STRIP) {
        if (left > 0)
            walk_part(&walk, y, 0, left, 0);
        if (left < right)
            walk_part(&walk, y, left, right, 1);
        if (right < width)
            walk_part(&walk, y, right, width, 0);
    }
    add_counts(&walk.bytes);
    free(walk.copies);
    free(walk.outside);
    return failed;
}

#endif
