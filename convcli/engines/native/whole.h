/*
 * Kernels of whole numbers straight from bytes to bytes: their sums have 16 bits, and are exact.
 *
 *     bytes of a tap          a0 a1 a2 ...     weight v
 *     bytes of another        b0 b1 b2 ...     weight w       a0*v + b0*w, a1*v + b1*w, ...   words
 *
 * A couple of taps is multiplied and added by one instruction, for twice as many samples as a vector
 * of floats has. A sum begins at what makes it that of samples less 128, plus 32768; whatever
 * it is on its way, modulo 65536, it ends as it should if its weights are so small that it fits. Larger
 * kernels are cut into passes, which are added as floats; those hold whole numbers exactly as well.
 *
 * Which jobs these are, and where they read, stands in `strips.h`.
 */
#ifndef CONVCLI_WHOLE_H
#define CONVCLI_WHOLE_H

/* Samples of a step, and how many steps are done at once: places and weights are read for all. */
#define STEP VECTOR_BYTES
#define STEPS 2

/* What a sum of zero is in 16 bits. */
#define ZERO_SUM 32768

/* A weight has 8 bits; a larger one is that of several taps. */
#define MOST_WEIGHT INT8_MAX

/* About as much as the weights of a pass can be, and the fewest taps of each pass but the first. */
#define WEIGHTS_OF_PASS 256
#define TAPS_OF_PASS 4

/* Two taps: the row and the sample that each reads, counted from the first of an output; weights. */
struct couple {
    size_t row[2], sample[2];
    int weight[2];
};

/* Couples first .. stop - 1; `above` and `below` are their weights on each side of 0, added up. */
struct couples {
    size_t first, stop;
    int above, below;
};

struct whole {
    struct couple *couples;
    struct couples *passes;
    size_t couple_count, pass_count;
    ptrdiff_t (*places)[2]; /* where couples read in the strip at hand */
    int32_t *weights;       /* of couples, as `add_couple` wants them */
    enum range range;
};

static void forget_whole(struct whole *w)
{
    free(w->couples);
    free(w->passes);
    free(w->places);
    free(w->weights);
}

/* --- taps, two by two --------------------------------------------------------------------------- */

/* Whether 16 bits hold the sum of two products of a byte: the instruction cuts what they do not. */
static int fit_together(int v, int w)
{
    return (v < 0) != (w < 0) || abs(v + w) <= INT16_MAX / UINT8_MAX;
}

/* Whether they hold all sums of a pass and one more tap, of samples -128 .. 127. */
static int fits_pass(const struct couples *pass, int weight)
{
    int above = pass->above + (weight > 0 ? weight : 0);
    int below = pass->below - (weight < 0 ? weight : 0);
    return 128 * above + 127 * below <= ZERO_SUM && 127 * above + 128 * below < ZERO_SUM;
}

/* Append a tap: to the last couple, as a new one, or to a new pass. */
static void add_tap(struct whole *w, size_t row, size_t sample, int weight)
{
    if (!fits_pass(&w->passes[w->pass_count - 1], weight))
        w->passes[w->pass_count++] = (struct couples){w->couple_count, w->couple_count, 0, 0};
    struct couples *pass = &w->passes[w->pass_count - 1];
    *(weight < 0 ? &pass->below : &pass->above) += abs(weight);
    struct couple *last = pass->stop > pass->first ? &w->couples[pass->stop - 1] : NULL;
    if (last && !last->weight[1] && fit_together(last->weight[0], weight)) {
        last->row[1] = row, last->sample[1] = sample, last->weight[1] = weight;
        return;
    }
    w->couples[w->couple_count++] = (struct couple){{row, row}, {sample, sample}, {weight, 0}};
    pass->stop = w->couple_count;
}

/* Of how many taps the weights are those, and one more; 0 if one is not whole, or if they are so large
 * that passes of few couples take as long as sums of floats do. `cost.py` counts on it. */
static size_t taps_of(const struct job *job)
{
    size_t taps = 1, nonzero = 0;
    double sizes = 0;
    for (size_t n = 0; n < job->taps_down * job->taps_along; n++) {
        double size = fabs(job->bank[n]);
        if (!(size <= INT16_MAX) || size != floor(size))
            return 0;
        taps += (size_t)ceil(size / MOST_WEIGHT);
        nonzero += size > 0;
        sizes += size;
    }
    return sizes <= WEIGHTS_OF_PASS * (1.0 + (double)nonzero / TAPS_OF_PASS) ? taps : 0;
}

/* The kernel of a job in couples and passes; -1 if there is no memory. */
static int plan_whole(struct whole *w, const struct job *job, enum range range)
{
    size_t taps = taps_of(job);
    w->range = range;
    w->couples = malloc(taps * sizeof *w->couples);
    w->passes = malloc(taps * sizeof *w->passes);
    w->places = malloc(taps * sizeof *w->places);
    w->weights = malloc(taps * sizeof *w->weights);
    if (!w->couples || !w->passes || !w->places || !w->weights)
        return -1;
    w->passes[w->pass_count++] = (struct couples){0, 0, 0, 0};
    for (size_t n = 0; n < job->taps_down * job->taps_along; n++) {
        size_t row = n / job->taps_along * job->dilation_down;
        size_t sample = n % job->taps_along * job->dilation_along * job->step;
        for (int rest = (int)job->bank[n], part; rest; rest -= part) {
            part = rest > MOST_WEIGHT ? MOST_WEIGHT : rest < -MOST_WEIGHT ? -MOST_WEIGHT : rest;
            add_tap(w, row, sample, part);
        }
    }
    for (size_t n = 0; n < w->couple_count; n++)
        w->weights[n] = weights_of(w->couples[n].weight[0], w->couples[n].weight[1]);
    return 0;
}

/* --- sums --------------------------------------------------------------------------------------- */

/* The sums of a pass, and in floats those of all passes, less what a sum of zero is. */
INLINE void sum_pass(const struct whole *w, const struct couples *pass, const uint8_t *from,
                     int steps, floats sums[][4], int fresh)
{
    words both[STEPS][2];
    for (int s = 0; s < steps; s++)
        both[s][0] = both[s][1] = (words){0} + (uint16_t)(ZERO_SUM - 128 * (pass->above - pass->below));
    for (size_t n = pass->first; n < pass->stop; n++) {
        const uint8_t *first = from + w->places[n][0], *second = from + w->places[n][1];
        for (int s = 0; s < steps; s++)
            add_couple(first + s * STEP, second + s * STEP, w->weights[n], both[s]);
    }
    for (int s = 0; s < 2 * steps; s++) {
        floats pair[2];
        spread((shorts)both[s / 2][s % 2], ZERO_SUM, pair);
        for (int u = 0; u < 2; u++)
            sums[s / 2][s % 2 * 2 + u] = fresh ? pair[u] : sums[s / 2][s % 2 * 2 + u] + pair[u];
    }
}

/* The levels of as many steps. */
INLINE void levels_of_steps(const struct whole *w, const struct bytes *b, const uint8_t *from,
                            int steps, shorts levels[][2])
{
    floats sums[STEPS][4];
    sum_pass(w, w->passes, from, steps, sums, 1);
    for (size_t n = 1; n < w->pass_count; n++)
        sum_pass(w, &w->passes[n], from, steps, sums, 0);
    for (int s = 0; s < steps; s++)
        for (int u = 0; u < 2; u++)
            levels[s][u] = levels_at_lift(b, sums[s][2 * u], sums[s][2 * u + 1]);
}

/* --- rows --------------------------------------------------------------------------------------- */

/* Samples that were cut below 0 and above 255, lane by lane. */
struct cuts {
    shorts below, above;
};

/* Steps whose samples all exist. */
INLINE void write_steps(const struct whole *w, const struct bytes *b, const uint8_t *from,
                        uint8_t *to, int steps, struct cuts *cuts)
{
    shorts levels[STEPS][2];
    levels_of_steps(w, b, from, steps, levels);
    for (int s = 0; s < steps; s++) {
        store_couples(to + s * STEP, levels[s]);
        for (int u = 0; u < 2 && w->range == CUT; u++) {
            cuts->below -= levels[s][u] < 0;
            cuts->above -= levels[s][u] > UINT8_MAX;
        }
    }
}

/* The first `count` samples of a step. */
INLINE void write_rest(const struct whole *w, const struct bytes *b, const uint8_t *from,
                       uint8_t *to, size_t count, struct cuts *cuts)
{
    shorts levels[STEPS][2];
    uint8_t bytes[STEP], ones[STEP] = {0};
    words exist[2] = {{0}, {0}};
    memset(ones, 1, count);
    add_couple(ones, ones, weights_of(1, 0), exist);
    levels_of_steps(w, b, from, 1, levels);
    store_couples(bytes, levels[0]);
    memcpy(to, bytes, count);
    for (int u = 0; u < 2; u++) {
        cuts->below += (levels[0][u] < 0) & (shorts)exist[u];
        cuts->above += (levels[0][u] > UINT8_MAX) & (shorts)exist[u];
    }
}

/* Samples of a row, so few that 16 bits can count them; what a step has beyond them is only read. */
static void write_row(const struct whole *given, struct bytes *bytes, const uint8_t *from,
                      uint8_t *to, size_t count)
{
    const struct whole w = *given;
    const struct bytes b = *bytes; /* what is written could else change it */
    struct cuts cuts = {{0}, {0}};
    size_t x = 0;
    for (; x + STEPS * STEP <= count; x += STEPS * STEP)
        write_steps(&w, &b, from + x, to + x, STEPS, &cuts);
    for (; x + STEP <= count; x += STEP)
        write_steps(&w, &b, from + x, to + x, 1, &cuts);
    if (x < count)
        write_rest(&w, &b, from + x, to + x, count - x, &cuts);
    add_cut(bytes, cuts.below, cuts.above);
}

/* Samples of a row in a lane that counts. */
#define STRETCH ((size_t)STEP << 13)

/* The bytes of a strip. */
static void write_strip(struct bytes *b, const struct strip *s, const struct whole *w)
{
    for (size_t n = 0; n < w->couple_count; n++)
        for (int k = 0; k < 2; k++)
            w->places[n][k] = (ptrdiff_t)w->couples[n].row[k] * s->from_row +
                              (ptrdiff_t)w->couples[n].sample[k];
    for (size_t r = 0; r < s->height; r++)
        for (size_t x = 0; x < s->count; x += STRETCH)
            write_row(w, b, s->from + (ptrdiff_t)r * s->from_row + x,
                      s->to + (ptrdiff_t)r * s->to_row + x, smaller(STRETCH, s->count - x));
}

#undef STEPS
#endif
