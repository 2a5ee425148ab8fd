/*
 * Weighted sums, for one type of number, REAL: included once for float and once for double.
 *
 *     sums[i][x] = sum over taps of  weight[tap][i] * from[tap][x]        i = 0 .. down-1
 *
 * `down` rows of outputs are computed at once, because one sample read serves them all: a row of
 * the image lies under another row of the kernel for each of them. A tap therefore has a weight for
 * every output it serves, from `low` to `high`; taps of equal span follow each other.
 *
 * A block is down x across vectors of accumulators that never leave the registers. A tap costs
 * `across` unaligned loads, high - low + 1 broadcasts and as many times `across` multiply-adds.
 */
#define LANES (VECTOR_BYTES / sizeof(REAL))

typedef REAL NAMED(vec) __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL NAMED(loose)
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

/* Single precision wants short sums, for small errors; double precision one sum in one order, so
 * that its values do not depend on the window. */
#define CELLS_OF_PASS(most) (sizeof(REAL) == sizeof(float) ? (most) : SIZE_MAX)

/* The taps of one filter, row by row. A pass is summed in registers; passes are added in memory. */
typedef struct {
    struct cell *cells; /* where every tap reads */
    const REAL **from;  /* the same, for the group of rows at hand */
    REAL *weights;      /* of all taps in order, high - low + 1 for each */
    struct span *spans;
    struct pass *passes;
    size_t cell_count, weight_count, span_count, pass_count;
    sum_patch *patch; /* sums the weights of the kernel as they stand; or NULL */
    REAL *kernel;
    const size_t *offset;
    int down;
} NAMED(program);

static void NAMED(forget)(NAMED(program) * program)
{
    free(program->cells);
    free((void *)program->from);
    free(program->weights);
    free(program->spans);
    free(program->passes);
    free(program->kernel);
}

/* Append the taps of cell (plane c, row j, column q) to the pass that began with span `first`. */
static void NAMED(add_taps)(NAMED(program) * p, const struct weights *w, size_t c, size_t j,
                            size_t q, size_t first)
{
    struct span here;
    for (int next = 0; span_at(w, c, j, q, p->down, next, &here); next = here.high + 1) {
        struct span *last = p->span_count > first ? &p->spans[p->span_count - 1] : NULL;
        if (last && last->low == here.low && last->high == here.high)
            last->count++;
        else
            p->spans[p->span_count++] = here;
        p->cells[p->cell_count++] =
            (struct cell){(uint32_t)j, (uint32_t)(w->plane_offset[c] + w->column_offset[q])};
        for (int i = here.low; i <= here.high; i++)
            p->weights[p->weight_count++] = (REAL)weight_at(w, c, j, q, i);
    }
}

/* Add a pass with the taps of the cells first .. first + count - 1. */
static void NAMED(add_pass)(NAMED(program) * p, const struct weights *w, size_t first, size_t count)
{
    struct pass pass = {p->span_count, 0, p->cell_count, 0, p->weight_count};
    size_t rows = rows_of_group(w, p->down);
    for (size_t n = first; n < first + count; n++) {
        size_t row = n / w->columns;
        NAMED(add_taps)(p, w, row / rows, row % rows, n % w->columns, pass.first_span);
    }
    pass.stop_span = p->span_count;
    pass.stop_cell = p->cell_count;
    if (pass.stop_span > pass.first_span)
        p->passes[p->pass_count++] = pass;
}

/* Few taps of one plane, whose outputs lie next to each other, need no list. */
static int NAMED(plan_patch)(NAMED(program) * p, const struct weights *w)
{
    size_t rows = w->rows, columns = w->columns;
    int near = w->planes == 1 && w->stride == 1 && w->dilation == 1;
    if (sizeof(REAL) > sizeof(float) || !near || rows > MOST_PATCH || columns > MOST_PATCH ||
        p->down != (rows > 1 ? PATCH_VECTORS : 1) || !patches[rows][columns])
        return 0;
    p->kernel = malloc(rows * columns * sizeof *p->kernel);
    if (!p->kernel)
        return -1;
    for (size_t n = 0; n < rows * columns; n++)
        p->kernel[n] = (REAL)(w->gain * w->values[n]);
    p->patch = patches[rows][columns];
    p->offset = w->column_offset;
    return 0;
}

/* The program of one filter, in passes of so many cells; -1 if there is no memory. */
static int NAMED(plan)(NAMED(program) * p, const struct weights *w, int down, size_t most)
{
    size_t cells = w->planes * rows_of_group(w, down) * w->columns;
    most = smaller(CELLS_OF_PASS(most), cells);
    size_t passes = (cells + most - 1) / most;
    most = (cells + passes - 1) / passes; /* so that all are about equally long */
    *p = (NAMED(program)){.down = down};
    p->cells = malloc(MOST_SPANS * cells * sizeof *p->cells);
    p->from = malloc(MOST_SPANS * cells * sizeof *p->from);
    p->weights = malloc(cells * (size_t)down * sizeof *p->weights);
    p->spans = malloc(MOST_SPANS * cells * sizeof *p->spans);
    p->passes = malloc(passes * sizeof *p->passes);
    if (!p->cells || !p->from || !p->weights || !p->spans || !p->passes)
        return -1;
    for (size_t first = 0; first < cells; first += most)
        NAMED(add_pass)(p, w, first, smaller(most, cells - first));
    return NAMED(plan_patch)(p, w);
}

/* Where vector n of a block at x is kept. */
INLINE NAMED(loose) *NAMED(place)(REAL *const *sums, size_t x, int n, int across)
{
    return (NAMED(loose) *)(sums[n / across] + x + (size_t)(n % across) * LANES);
}

INLINE void NAMED(weigh)(NAMED(vec) acc[], const REAL *from, const REAL *weight, int across,
                         int low, int high)
{
    NAMED(vec) x[MOST_ACROSS];
    /* What the next blocks read: rows of the ring are too many for the processor to foresee. */
    __builtin_prefetch(from + 3 * (size_t)across * LANES);
    for (int v = 0; v < across; v++)
        x[v] = *(const NAMED(loose) *)(from + (size_t)v * LANES);
    for (int i = low; i <= high; i++)
        for (int v = 0; v < across; v++)
            acc[i * across + v] += weight[i - low] * x[v];
}

#define SPAN(low, high)                                                                            \
    case SPAN_CODE(low, high):                                                                     \
        if ((high) < down)                                                                         \
            for (uint32_t n = 0; n < span->count; n++, weight += (high) - (low) + 1)               \
                NAMED(weigh)(acc, *from++ + x, weight, across, low, high);                         \
        break;

/* One block of one pass at x; added to what is there unless `fresh`. The sums are finished at once
 * if there are `bytes`, else stored. */
INLINE void NAMED(block)(const struct span *span, const struct span *stop, const REAL *weight,
                         const REAL *const *from, size_t x, REAL *const *sums, int fresh,
                         struct bytes *bytes, int down, int across)
{
    NAMED(vec) acc[MOST_DOWN * MOST_ACROSS];
    for (int n = 0; n < down * across; n++)
        acc[n] = (NAMED(vec)){0};
    for (; span < stop; span++)
        switch (SPAN_CODE(span->low, span->high)) {
            SPAN(0, 0)
            SPAN(0, 1)
            SPAN(1, 1)
            SPAN(0, 2)
            SPAN(1, 2)
            SPAN(2, 2)
            SPAN(0, 3)
            SPAN(1, 3)
            SPAN(2, 3)
            SPAN(3, 3)
        }
    for (int n = 0; !fresh && n < down * across; n++)
        acc[n] += *NAMED(place)(sums, x, n, across);
    if (bytes)
        FINISH_BLOCK(bytes, acc, x, down, across);
    else
        for (int n = 0; n < down * across; n++)
            *NAMED(place)(sums, x, n, across) = acc[n];
}
#undef SPAN

#define BLOCKS(height)                                                                             \
    case height:                                                                                   \
        for (size_t x = 0; x < count; x += advance * ACROSS_##height * LANES)                      \
            NAMED(block)(span, stop, weight, from, x, sums, fresh, ends, height,                   \
                         ACROSS_##height);                                                         \
        break;

/* sums[i][0 .. count-1] of a whole program; `rows` are the samples of the group. Up to SLACK samples
 * more are read and written. With `bytes` the last pass writes those, and no sums. The blocks are
 * `advance` times their own width apart: more than 1 if the outputs of a group lie not below each
 * other, but side by side. */
static void NAMED(sum)(const NAMED(program) * p, const REAL *const *rows, size_t count,
                       size_t advance, REAL *const *sums, int fresh, struct bytes *bytes)
{
    if (fresh && p->patch) {
        SUM_PATCH(p, rows, count, sums, bytes);
        return;
    }
    if (fresh && !p->pass_count)
        for (int i = 0; i < p->down; i++)
            memset(sums[i], 0, count * sizeof(REAL));
    for (size_t n = 0; n < p->pass_count; n++, fresh = 0) {
        const struct pass *pass = &p->passes[n];
        const struct span *span = p->spans + pass->first_span, *stop = p->spans + pass->stop_span;
        const REAL *weight = p->weights + pass->first_weight;
        const REAL *const *from = p->from + pass->first_cell;
        struct bytes *ends = n + 1 < p->pass_count ? NULL : bytes;
        for (size_t k = pass->first_cell; k < pass->stop_cell; k++)
            p->from[k] = rows[p->cells[k].row] + p->cells[k].offset;
        switch (p->down) {
            BLOCKS(1)
            BLOCKS(2)
            BLOCKS(4)
        }
    }
}
#undef BLOCKS
