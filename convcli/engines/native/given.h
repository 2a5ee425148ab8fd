/*
 * What Python hands over, checked and made a job: buffers, their types and sizes, and the words.
 *
 *     block, out, rows, columns ... whole, reals --job_of--> struct job, struct way, or a ValueError
 *
 * Nothing behind this looks again: no index vector can make a read go outside.
 */

enum { BLOCK, OUT, ROWS, COLUMNS, FILL, BANK, DOWN, ALONG, SCALE, BIAS, SUMS, INSIDE, WHOLE, REALS,
       BUFFERS };

static const char *const names[BUFFERS] = {"block", "out",   "rows", "columns", "fill",
                                           "bank",  "down",  "along", "scale",  "bias",
                                           "sums", "inside", "whole", "reals"};

/* What the last two buffers hold, in order. */
enum { STRIDE_DOWN, STRIDE_ALONG, DILATION_DOWN, DILATION_ALONG, COMBINE, ACTIVATION, ABSOLUTE,
       FOLDED, SINGLE, RANK, FFT_DOWN, FFT_ALONG, WHOLES };
enum { SHIFT, GAIN, LIFT, LOW, HIGH, WEIGHT_GAIN, SINGLE_GAIN, SINGLE_LIFT, MARGIN, REALS_COUNT };

/* In single precision, or through transforms of so many samples, or as ever. */
struct way {
    int single;
    size_t down, along;
};

static int refuse(const char *name, const char *why)
{
    PyErr_Format(PyExc_ValueError, "%s: %s", name, why);
    return -1;
}

static char code_of(const Py_buffer *buffer)
{
    const char *format = buffer->format ? buffer->format : "B";
    return format[*format == '=' || *format == '@' || *format == '<'];
}

static int kind_of(const Py_buffer *buffer, enum kind *kind)
{
    static const struct {
        char code;
        Py_ssize_t size;
        enum kind kind;
    } known[] = {{'B', 1, U8}, {'H', 2, U16}, {'f', 4, F32}, {'d', 8, F64}};
    for (size_t n = 0; n < sizeof known / sizeof *known; n++)
        if (known[n].code == code_of(buffer) && known[n].size == buffer->itemsize) {
            *kind = known[n].kind;
            return 0;
        }
    return -1;
}

static int aligned(const Py_buffer *buffer)
{
    size_t places = (size_t)(uintptr_t)buffer->buf;
    for (int n = 0; n < buffer->ndim; n++)
        places |= buffer->shape[n] > 1 ? (size_t)buffer->strides[n] : 0;
    return places % (size_t)buffer->itemsize == 0;
}

static ptrdiff_t step_over(size_t count, ptrdiff_t each)
{
    return (ptrdiff_t)(count * (size_t)each);
}

static int view_of(const Py_buffer *buffer, const char *name, struct view *view)
{
    if (buffer->ndim != 3)
        return refuse(name, "three axes are needed");
    if (kind_of(buffer, &view->kind))
        return refuse(name, "uint8, uint16, float32 or float64 is needed");
    if (!aligned(buffer))
        return refuse(name, "not aligned");
    view->data = buffer->buf;
    view->rows = (size_t)buffer->shape[0];
    view->columns = (size_t)buffer->shape[1];
    view->channels = (size_t)buffer->shape[2];
    /* A step that is never taken may be of any size, also 0: it becomes what it is where all lies
     * together. */
    view->channel = view->channels > 1 ? buffer->strides[2] : buffer->itemsize;
    view->column = view->columns > 1 ? buffer->strides[1] : step_over(view->channels, view->channel);
    view->row = view->rows > 1 ? buffer->strides[0] : step_over(view->columns, view->column);
    return 0;
}

/* Contiguous numbers of 8 bytes, float64 (code d) or integers: `count` of them, or any number if
 * that is 0. */
static int line_of(const Py_buffer *buffer, const char *name, char code, size_t count)
{
    int fits = code == 'd' ? code_of(buffer) == 'd' : code_of(buffer) && strchr("lqn", code_of(buffer));
    if (!fits || buffer->itemsize != 8 || !PyBuffer_IsContiguous(buffer, 'C') || !aligned(buffer))
        return refuse(name, "not contiguous, or of another type");
    if (count && (size_t)buffer->len != count * 8)
        return refuse(name, "of another length");
    return 0;
}

static int positions_of(const Py_buffer *buffer, const char *name, size_t size,
                        const intptr_t **positions, size_t *count)
{
    if (line_of(buffer, name, 'q', 0))
        return -1;
    *positions = buffer->buf;
    *count = (size_t)buffer->len / sizeof(intptr_t);
    for (size_t n = 0; n < *count; n++)
        if ((*positions)[n] < -1 || (*positions)[n] >= (intptr_t)size)
            return refuse(name, "a position outside the block");
    return 0;
}

static int words_of(const Py_buffer *b, struct job *job, struct way *way)
{
    if (line_of(&b[WHOLE], names[WHOLE], 'q', WHOLES) ||
        line_of(&b[REALS], names[REALS], 'd', REALS_COUNT))
        return -1;
    const int64_t *whole = b[WHOLE].buf;
    const double *reals = b[REALS].buf;
    for (int n = STRIDE_DOWN; n <= DILATION_ALONG; n++)
        if (whole[n] < 1 || whole[n] > INT32_MAX)
            return refuse(names[WHOLE], "strides and dilations begin at 1");
    if (whole[RANK] < 0 || whole[RANK] > INT32_MAX || whole[COMBINE] < NONE ||
        whole[COMBINE] > MEAN || whole[ACTIVATION] < LINEAR || whole[ACTIVATION] > THRESHOLD)
        return refuse(names[WHOLE], "not known");
    job->stride_down = (size_t)whole[STRIDE_DOWN];
    job->stride_along = (size_t)whole[STRIDE_ALONG];
    job->dilation_down = (size_t)whole[DILATION_DOWN];
    job->dilation_along = (size_t)whole[DILATION_ALONG];
    job->rank = (size_t)whole[RANK];
    job->combine = (enum combine)whole[COMBINE];
    job->activation = (enum activation)whole[ACTIVATION];
    job->shift = reals[SHIFT];
    job->ending = (struct ending){
        reals[GAIN],        reals[LIFT],        reals[LOW],    reals[HIGH],
        reals[WEIGHT_GAIN], reals[SINGLE_GAIN], reals[SINGLE_LIFT], reals[MARGIN], whole[ABSOLUTE] != 0,
        whole[FOLDED] != 0};
    *way = (struct way){whole[SINGLE] != 0, (size_t)whole[FFT_DOWN], (size_t)whole[FFT_ALONG]};
    return 0;
}

static int bank_of(const Py_buffer *b, struct job *job)
{
    if (b[BANK].ndim != 4 || line_of(&b[BANK], names[BANK], 'd', 0))
        return refuse(names[BANK], "four axes of float64 are needed");
    job->bank = b[BANK].buf;
    job->filters = (size_t)b[BANK].shape[0];
    job->planes = (size_t)b[BANK].shape[1];
    job->taps_down = (size_t)b[BANK].shape[2];
    job->taps_along = (size_t)b[BANK].shape[3];
    if (!job->filters || !job->planes || !job->taps_down || !job->taps_along)
        return refuse(names[BANK], "empty");
    if (job->planes != 1 && job->planes != job->block.channels)
        return refuse(names[BANK], "made for another number of channels");
    job->step = job->planes == 1 ? job->block.channels : 1;
    size_t pairs = job->filters * job->planes, down = 0, along = 0;
    if (__builtin_mul_overflow(pairs, job->rank, &pairs) ||
        __builtin_mul_overflow(pairs, job->taps_down, &down) ||
        __builtin_mul_overflow(pairs, job->taps_along, &along))
        return refuse(names[WHOLE], "too many factors");
    if (line_of(&b[SCALE], names[SCALE], 'd', job->filters) ||
        line_of(&b[BIAS], names[BIAS], 'd', job->filters) ||
        line_of(&b[SUMS], names[SUMS], 'd', job->filters) ||
        line_of(&b[FILL], names[FILL], 'd', job->block.channels))
        return -1;
    if (job->rank && (line_of(&b[DOWN], names[DOWN], 'd', down) ||
                      line_of(&b[ALONG], names[ALONG], 'd', along)))
        return -1;
    job->down = b[DOWN].buf;
    job->along = b[ALONG].buf;
    job->scale = b[SCALE].buf;
    job->bias = b[BIAS].buf;
    job->weight_sums = b[SUMS].buf;
    job->fill = b[FILL].buf;
    return 0;
}

/* The output's size must be what the index vectors make. */
static int sizes_of(const Py_buffer *b, struct job *job)
{
    if (!job->block.rows || !job->block.columns || !job->block.channels || !job->out.rows ||
        !job->out.columns)
        return refuse(names[BLOCK], "empty");
    job->height = job->out.rows;
    job->width = job->out.columns;
    if (job->height > job->row_count || job->width > job->column_count)
        return refuse(names[ROWS], "fewer positions than the output has"); /* nor can sums overflow */
    /* Steps that are never taken may be of any size: they become 1, and all are within the image. */
    job->stride_down = job->height > 1 ? job->stride_down : 1;
    job->stride_along = job->width > 1 ? job->stride_along : 1;
    job->dilation_down = job->taps_down > 1 ? job->dilation_down : 1;
    job->dilation_along = job->taps_along > 1 ? job->dilation_along : 1;
    size_t down = (job->height - 1) * job->stride_down + (job->taps_down - 1) * job->dilation_down + 1;
    if (job->row_count < down || job->column_count < columns_read(job, job->width))
        return refuse(names[ROWS], "fewer positions than the output reads");
    if (job->out.channels != channels_out(job))
        return refuse(names[OUT], "another number of channels");
    job->inside = b[INSIDE].len ? b[INSIDE].buf : NULL;
    size_t inside = 0;
    if (__builtin_mul_overflow(job->height * job->width, job->filters, &inside) ||
        (job->inside && line_of(&b[INSIDE], names[INSIDE], 'd', inside)))
        return refuse(names[INSIDE], "of another length");
    return 0;
}

/* Whole samples go from 0 to the most that they hold, and only single precision leaves doubt. */
static int ends_of(struct job *job, const struct way *way)
{
    double most = job->out.kind == U8 ? UINT8_MAX : UINT16_MAX;
    int whole = job->out.kind == U8 || job->out.kind == U16;
    if (whole && (job->ending.low != 0.0 || job->ending.high != most))
        return refuse(names[REALS], "low and high are not those of the output");
    if (!way->single)
        job->ending.margin = -1.0;
    return 0;
}

static int job_of(const Py_buffer *b, struct job *job, struct way *way)
{
    if (view_of(&b[BLOCK], names[BLOCK], &job->block) || view_of(&b[OUT], names[OUT], &job->out) ||
        positions_of(&b[ROWS], names[ROWS], job->block.rows, &job->rows, &job->row_count) ||
        positions_of(&b[COLUMNS], names[COLUMNS], job->block.columns, &job->columns,
                     &job->column_count) ||
        words_of(b, job, way) || bank_of(b, job) || sizes_of(b, job) || ends_of(job, way))
        return -1;
    if (way->down && (way->down <= (job->taps_down - 1) * job->dilation_down ||
                      way->along <= (job->taps_along - 1) * job->dilation_along))
        return refuse(names[WHOLE], "transforms smaller than the kernel");
    if (way->down && !(fft_can_do(way->down) && fft_can_do(way->along)))
        return refuse(names[WHOLE], "a length that transforms cannot have");
    if (way->single && (job->inside || job->out.kind == F32 || job->out.kind == F64))
        return refuse(names[WHOLE], "single precision serves integer outputs only");
    return 0;
}
