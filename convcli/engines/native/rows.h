/*
 * Staging: the samples that a row of outputs reads, as REAL, in the order in which they are summed.
 *
 *     image row      R G B R G B R G B R G B ...           uint8, uint16, float or double
 *     stride 1       R G B R G B R G B R G B ...           one plane, one phase
 *     stride 2       R G B . . . R G B | . R G B . R G B   even columns, then odd ones
 *     a layer        R R R R | G G G G | B B B B           a plane for every channel
 *
 * With a stride of s, output x and tap q read column x*s + q*dilation: column x + q*dilation/s of
 * the phase q*dilation%s. Neighbours of a phase are summed side by side, so loads stay contiguous.
 */
#ifndef CONVCLI_ROWS_H
#define CONVCLI_ROWS_H

#define NOWHERE SIZE_MAX

/* Where things lie in a staged row, counted in samples. */
struct layout {
    size_t phases, plane_size, row_size;
    size_t *phase_offset; /* per phase; NOWHERE if no tap reads it */
    size_t *plane_offset, *column_offset;
};

/* Columns that follow each other in the image; `column` is -1 where they lie outside. */
struct run {
    size_t position, count;
    intptr_t column;
};

/* What is taken from every sample as it is staged: bytes become small numbers of both signs, and so do
 * the errors of their sums. `bounds.py` counts on it. Double precision has digits enough. */
static const float centre_float = 128.0f;
static const double centre_double = 0.0;

static size_t find_runs(const intptr_t *columns, size_t count, struct run *runs)
{
    size_t found = 0;
    for (size_t n = 0; n < count; n++) {
        struct run *last = found ? &runs[found - 1] : NULL;
        int goes_on = last && (last->column < 0
                                   ? columns[n] < 0
                                   : columns[n] == last->column + (intptr_t)last->count);
        if (goes_on)
            last->count++;
        else
            runs[found++] = (struct run){n, 1, columns[n]};
    }
    return found;
}

#define COPY_CHANNEL(type)                                                                         \
    for (size_t n = 0; n < run->count; n++)                                                        \
        to[n] = (double)*(const type *)(from + (ptrdiff_t)n * view->column)

/* One run of one channel of one row, as double. */
static void copy_channel(const struct job *job, intptr_t row, const struct run *run, size_t c,
                         double *to)
{
    const struct view *view = &job->block;
    if (row < 0 || run->column < 0) {
        for (size_t n = 0; n < run->count; n++)
            to[n] = job->fill[c];
        return;
    }
    const char *from = view->data + row * view->row + run->column * view->column +
                       (ptrdiff_t)c * view->channel;
    if (view->kind == U8)
        COPY_CHANNEL(uint8_t);
    else if (view->kind == U16)
        COPY_CHANNEL(uint16_t);
    else if (view->kind == F32)
        COPY_CHANNEL(float);
    else
        COPY_CHANNEL(double);
}
#undef COPY_CHANNEL

static inline size_t bytes_of_sample(enum kind kind)
{
    static const size_t sizes[] = {[U8] = 1, [U16] = 2, [F32] = 4, [F64] = 8};
    return sizes[kind];
}

/* Whether the channels of a pixel lie next to each other. */
static inline int is_packed(const struct view *view)
{
    return view->channel == (ptrdiff_t)bytes_of_sample(view->kind);
}

/* Pixels that lie `step` bytes apart, put together. A pixel and the first bytes of the next are moved
 * as one word, as long as there is a next. */
#define MOVE(word)                                                                                 \
    for (; n + 1 < count; n++, from += step, to += pixel) {                                        \
        word moved;                                                                                \
        memcpy(&moved, from, sizeof moved);                                                        \
        memcpy(to, &moved, sizeof moved);                                                          \
    }

static void gather_pixels(const char *from, ptrdiff_t step, size_t count, size_t pixel, char *to)
{
    size_t n = 0;
    if (step >= (ptrdiff_t)pixel && pixel <= sizeof(uint64_t)) {
        if (pixel == 1)
            MOVE(uint8_t)
        else if (pixel == 2)
            MOVE(uint16_t)
        else if (pixel <= sizeof(uint32_t) && step >= (ptrdiff_t)sizeof(uint32_t))
            MOVE(uint32_t)
        else if (step >= (ptrdiff_t)sizeof(uint64_t))
            MOVE(uint64_t)
    }
    for (; n < count; n++, from += step, to += pixel)
        memcpy(to, from, pixel);
}
#undef MOVE

/* The columns of a run that belong to a phase: slots of the phase from `slot` on. */
struct slots {
    size_t first, slot, count; /* `first`: counted from the start of the run */
};

INLINE struct slots slots_of(const struct run *run, size_t phase, size_t phases)
{
    size_t first = (phase + phases - run->position % phases) % phases;
    size_t count = run->count > first ? (run->count - first + phases - 1) / phases : 0;
    return (struct slots){first, (run->position + first) / phases, count};
}

#endif

#define CONVERT(type)                                                                              \
    for (size_t n = 0; n < count; n++)                                                             \
        to[n] = (REAL)((const type *)from)[n] - NAMED(centre)

/* Samples that lie next to each other. */
static void NAMED(convert)(enum kind kind, const char *from, size_t count, REAL *restrict to)
{
    if (kind == U8)
        CONVERT(uint8_t);
    else if (kind == U16)
        CONVERT(uint16_t);
    else if (kind == F32)
        CONVERT(float);
    else
        CONVERT(double);
}
#undef CONVERT

#define SCATTERED(type)                                                                            \
    for (size_t n = 0; n < run->count; n++)                                                        \
        for (size_t c = 0; c < channels; c++)                                                      \
            to[n * channels + c] = (REAL) * (const type *)(from + (ptrdiff_t)n * view->column +    \
                                                           (ptrdiff_t)c * view->channel) -         \
                                   NAMED(centre)

/* One run of one row of the image, (column, channel). */
static void NAMED(copy_run)(const struct job *job, intptr_t row, const struct run *run, REAL *to)
{
    const struct view *view = &job->block;
    size_t channels = view->channels, size = bytes_of_sample(view->kind);
    if (row < 0 || run->column < 0) {
        for (size_t n = 0; n < run->count * channels; n++)
            to[n] = (REAL)job->fill[n % channels] - NAMED(centre);
        return;
    }
    const char *from = view->data + row * view->row + run->column * view->column;
    if (is_packed(view) && view->column == (ptrdiff_t)(channels * size))
        NAMED(convert)(view->kind, from, run->count * channels, to);
    else if (view->kind == U8)
        SCATTERED(uint8_t);
    else if (view->kind == U16)
        SCATTERED(uint16_t);
    else if (view->kind == F32)
        SCATTERED(float);
    else
        SCATTERED(double);
}
#undef SCATTERED

/* --- strides ------------------------------------------------------------------------------------ */

/* One phase of a row whose channels stay together: pixels are put together as they are, then become
 * REAL; `raw` has room for them. */
static void NAMED(stage_phase)(const struct job *job, size_t phase, size_t phases, intptr_t row,
                               const struct run *runs, size_t run_count, size_t count, char *raw,
                               REAL *to)
{
    const struct view *view = &job->block;
    size_t channels = view->channels, pixel = channels * bytes_of_sample(view->kind);
    for (size_t n = 0; n < run_count; n++) {
        struct slots s = slots_of(&runs[n], phase, phases);
        if (runs[n].column >= 0)
            gather_pixels(view->data + row * view->row +
                              (runs[n].column + (ptrdiff_t)s.first) * view->column,
                          view->column * (ptrdiff_t)phases, s.count, pixel, raw + s.slot * pixel);
    }
    NAMED(convert)(view->kind, raw, (count + phases - 1 - phase) / phases * channels, to);
    for (size_t n = 0; n < run_count; n++) {
        struct slots s = slots_of(&runs[n], phase, phases);
        for (size_t k = 0; runs[n].column < 0 && k < s.count * channels; k++)
            to[s.slot * channels + k] = (REAL)job->fill[k % channels] - NAMED(centre);
    }
}

/* (column, channel) to (plane, phase, column, channels of the plane). */
static void NAMED(split)(const struct job *job, const struct layout *layout, const REAL *line,
                         size_t count, REAL *to)
{
    size_t channels = job->block.channels, step = job->step;
    for (size_t c = 0; c < job->planes; c++)
        for (size_t phase = 0; phase < layout->phases; phase++) {
            if (layout->phase_offset[phase] == NOWHERE)
                continue;
            const REAL *from = line + phase * channels + c;
            REAL *place = to + c * layout->plane_size + layout->phase_offset[phase];
            for (size_t n = phase; n < count; n += layout->phases) {
                for (size_t k = 0; k < step; k++)
                    place[k] = from[k];
                from += layout->phases * channels;
                place += step;
            }
        }
}

/* Stage one row of the image; `line` has room for `count` columns of all channels. */
static void NAMED(stage)(const struct job *job, const struct layout *layout, intptr_t row,
                         const struct run *runs, size_t run_count, size_t count, REAL *line,
                         REAL *to)
{
    int as_it_is = job->planes == 1 && layout->phases == 1;
    if (job->planes == 1 && layout->phases > 1 && row >= 0 && is_packed(&job->block)) {
        for (size_t phase = 0; phase < smaller(layout->phases, count); phase++)
            if (layout->phase_offset[phase] != NOWHERE)
                NAMED(stage_phase)(job, phase, layout->phases, row, runs, run_count, count,
                                   (char *)line, to + layout->phase_offset[phase]);
        return;
    }
    REAL *samples = as_it_is ? to : line;
    for (size_t n = 0; n < run_count; n++)
        NAMED(copy_run)(job, row, &runs[n], samples + runs[n].position * job->block.channels);
    if (!as_it_is)
        NAMED(split)(job, layout, line, count, to);
}
