/*
 * The window through the Fourier domain: overlap-save tiles, two at once, in double precision.
 *
 *     |<------- rows of a transform ------->|
 *     |<- reach - 1 ->|<------ kept ------->|
 *                     |<- reach - 1 ->|<------ kept ------->|
 *
 * The transform is periodic, so the first reach - 1 rows and columns of a tile wrap around and are
 * dropped. Two tiles are the real and the imaginary part of one transform, see `fft.h`. Strided
 * outputs are taken out of all of them.
 */

struct spectral {
    const struct job *job;
    work_double *work; /* lends its room for finishing */
    fft_axis down, along;
    size_t reach_down, reach_along; /* rows and columns that the kernel spans */
    size_t kept_down, kept_along;   /* outputs of a tile, strided */
    double *tables, *re, *im, *scratch, *kernels, *spectra, *results;
    const double **each_spectrum, **each_kernel;
    struct run *runs;
    size_t spectrum, result, channels; /* doubles of a spectrum, of a result; planes of the image */
};

/* Outputs y0.., x0.. of a tile, as many as there are left. */
struct tile {
    size_t y, x, height, width;
};

static void forget_spectral(struct spectral *s)
{
    void *all[] = {s->tables, s->re, s->im, s->scratch, s->kernels, s->spectra, s->results,
                   (void *)s->each_spectrum, (void *)s->each_kernel, s->runs};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        free(all[n]);
}

/* Spectra of the kernels, turned around: the transform convolves. */
static void transform_kernels(struct spectral *s)
{
    const struct job *job = s->job;
    size_t stride = fft_stride(&s->along), area = s->down.length * s->along.length;
    fft_tile tile = {&s->down, &s->along, s->re, s->im, stride};
    for (size_t n = 0; n < job->filters * job->planes; n++) {
        const double *weight = job->bank + n * job->taps_down * job->taps_along;
        memset(s->re, 0, s->down.length * stride * sizeof(double));
        memset(s->im, 0, s->down.length * stride * sizeof(double));
        for (size_t r = 0; r < job->taps_down; r++)
            for (size_t q = 0; q < job->taps_along; q++) {
                size_t row = s->reach_down - 1 - r * job->dilation_down;
                size_t column = s->reach_along - 1 - q * job->dilation_along;
                s->re[row * stride + column] = *weight++ / (double)area;
            }
        fft_forward(tile, s->reach_down, s->kernels + n * s->spectrum);
    }
}

static int prepare_spectral(struct spectral *s, size_t down, size_t along)
{
    const struct job *job = s->job;
    s->reach_down = (job->taps_down - 1) * job->dilation_down + 1;
    s->reach_along = (job->taps_along - 1) * job->dilation_along + 1;
    s->channels = job->block.channels;
    s->tables = room_double(fft_axis_doubles(down) + fft_axis_doubles(along));
    if (!s->tables || fft_axis_init(down, s->tables, &s->down) ||
        fft_axis_init(along, s->tables + fft_axis_doubles(down), &s->along))
        return -1;
    s->kept_down = (down - s->reach_down) / job->stride_down + 1;
    s->kept_along = (along - s->reach_along) / job->stride_along + 1;
    s->spectrum = fft_spectrum_doubles(&s->down, &s->along);
    s->result = s->kept_down * (rounded_up(s->kept_along * job->step, LOOK) + SLACK);
    size_t plane = down * fft_stride(&s->along);
    int alone = job->filters == 1 && job->planes == 1;
    s->re = room_double(plane);
    s->im = room_double(plane);
    s->scratch = room_double(fft_scratch_doubles(&s->down));
    s->kernels = room_double(job->filters * job->planes * s->spectrum);
    s->spectra = room_double(alone ? 1 : job->planes * s->spectrum);
    s->results = room_double(2 * job->filters * s->result);
    s->each_spectrum = malloc(job->planes * sizeof *s->each_spectrum);
    s->each_kernel = malloc(job->planes * sizeof *s->each_kernel);
    s->runs = malloc(along * sizeof *s->runs);
    if (!s->re || !s->im || !s->scratch || !s->kernels || !s->spectra || !s->results ||
        !s->each_spectrum || !s->each_kernel || !s->runs)
        return -1;
    transform_kernels(s);
    return 0;
}

/* Channel c of what a tile reads into a plane; zeros for what it does not reach, or if there is no
 * tile. */
static void load(struct spectral *s, const struct tile *tile, size_t c, double *plane)
{
    const struct job *job = s->job;
    size_t stride = fft_stride(&s->along), rows = 0, columns = 0, runs = 0;
    if (tile->height) {
        rows = (tile->height - 1) * job->stride_down + s->reach_down;
        columns = (tile->width - 1) * job->stride_along + s->reach_along;
        runs = find_runs(job->columns + tile->x * job->stride_along, columns, s->runs);
    }
    for (size_t r = 0; r < rows; r++) {
        intptr_t row = job->rows[tile->y * job->stride_down + r];
        for (size_t n = 0; n < runs; n++)
            copy_channel(job, row, &s->runs[n], c, plane + r * stride + s->runs[n].position);
        memset(plane + r * stride + columns, 0, (s->along.length - columns) * sizeof(double));
    }
    memset(plane + rows * stride, 0, (s->down.length - rows) * stride * sizeof(double));
}

/* Take the kept samples of filter f out of the planes, into the place of channel c. */
static void unload(struct spectral *s, const struct tile *tiles, size_t f, size_t c)
{
    const struct job *job = s->job;
    size_t stride = fft_stride(&s->along), row_size = s->result / s->kept_down;
    for (int side = 0; side < 2; side++) {
        const double *plane = side ? s->im : s->re;
        double *to = s->results + (2 * f + (size_t)side) * s->result + c;
        for (size_t y = 0; y < tiles[side].height; y++, to += row_size) {
            const double *from = plane + (s->reach_down - 1 + y * job->stride_down) * stride +
                                 s->reach_along - 1;
            for (size_t x = 0; x < tiles[side].width; x++)
                to[x * job->step] = from[x * job->stride_along];
        }
    }
}

/* The sums of two tiles for all filters. */
static void sum_tiles(struct spectral *s, const struct tile *tiles)
{
    const struct job *job = s->job;
    fft_tile tile = {&s->down, &s->along, s->re, s->im, fft_stride(&s->along)};
    size_t first = s->reach_down - 1, stop = s->down.length;
    size_t rows = larger(tiles[0].height, tiles[1].height);
    rows = (rows - 1) * job->stride_down + s->reach_down;
    stop = smaller(stop, rows);
    int alone = job->filters == 1 && job->planes == 1;
    for (size_t c = 0; c < s->channels; c++) {
        load(s, &tiles[0], c, s->re);
        load(s, &tiles[1], c, s->im);
        if (alone) {
            fft_filter(tile, s->kernels, rows, first, stop, s->scratch);
            unload(s, tiles, 0, c);
            continue;
        }
        fft_forward(tile, rows, s->spectra + (job->planes == 1 ? 0 : c) * s->spectrum);
        if (job->planes > 1 && c + 1 < s->channels)
            continue;
        for (size_t f = 0; f < job->filters; f++) {
            for (size_t p = 0; p < job->planes; p++) {
                s->each_spectrum[p] = s->spectra + p * s->spectrum;
                s->each_kernel[p] = s->kernels + (f * job->planes + p) * s->spectrum;
            }
            fft_combine(tile, s->each_spectrum, s->each_kernel, job->planes, first, stop, s->scratch);
            unload(s, tiles, f, job->planes == 1 ? c : 0);
        }
    }
}

/* Samples of one tile from its sums. */
static void finish_tile(struct spectral *s, const struct tile *tile, size_t side,
                        struct counts *counts)
{
    size_t row_size = s->result / s->kept_down;
    for (size_t y = 0; y < tile->height; y++) {
        for (size_t f = 0; f < s->job->filters; f++)
            s->work->each[f] = s->results + (2 * f + side) * s->result + y * row_size;
        finish_double(s->work, tile->y + y, tile->x, tile->width * s->job->step, counts);
    }
}

/* Tile number n of the window, row by row; empty beyond the last. */
static struct tile tile_at(const struct spectral *s, size_t n)
{
    const struct job *job = s->job;
    size_t across = (job->width + s->kept_along - 1) / s->kept_along;
    size_t y = n / across * s->kept_down, x = n % across * s->kept_along;
    if (y >= job->height)
        return (struct tile){0};
    return (struct tile){y, x, smaller(s->kept_down, job->height - y),
                         smaller(s->kept_along, job->width - x)};
}

/* The whole job in transforms of down x along samples; -1 if there is no memory. */
static int filter_spectral(const struct job *job, size_t down, size_t along, struct counts *counts)
{
    work_double work = {.job = job};
    struct spectral s = {.job = job, .work = &work};
    work.each = malloc(job->filters * sizeof *work.each);
    int failed = !work.each || prepare_spectral(&s, down, along);
    for (size_t n = 0; !failed; n += 2) {
        struct tile tiles[2] = {tile_at(&s, n), tile_at(&s, n + 1)};
        if (!tiles[0].height)
            break;
        sum_tiles(&s, tiles);
        for (size_t side = 0; side < 2; side++)
            finish_tile(&s, &tiles[side], side, counts);
    }
    forget_spectral(&s);
    free(work.each);
    return failed;
}
