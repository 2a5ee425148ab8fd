/*
 * Bytes straight from the registers in which a block was summed, for single precision.
 *
 *     t = gain * sum + lift,  its level, its byte;  what is cut or in doubt is looked at afterwards
 *
 * A level is in doubt if a margin more or less would make it another.
 *
 * Outputs i = 0 .. down-1 of a block are parts of rows: `count` samples from `to` on. A block that
 * reaches beyond the end of one of them writes elsewhere, and what belongs to the row is copied.
 */
#ifndef CONVCLI_BYTES_H
#define CONVCLI_BYTES_H

struct part {
    uint8_t *to;
    size_t y, x, count; /* output row, and the place in it where this part begins */
};

struct bytes {
    floats gain, lift, least, most; /* the lift less the margin, and with it */
    struct part parts[MOST_DOWN];
    size_t common;       /* samples that all parts have */
    wholes below, above; /* how many were cut so far, lane by lane */
    /* Mend the byte at x, which is in doubt, and what was counted of its level. */
    void (*mend)(const struct bytes *bytes, const struct part *part, size_t x, int32_t level);
    const void *work; /* what `mend` needs */
    struct counts *counts;
    size_t x0;
};

/* Whether the samples of a row, of one filter, lie in the output as they do in rows of sums. */
static inline int lie_together(const struct job *job)
{
    const struct view *out = &job->out;
    ptrdiff_t size = out->kind == U8 ? 1 : 2;
    int alone = job->combine != NONE || job->filters == 1;
    return alone && out->channel == size && out->column == (ptrdiff_t)job->step * size;
}

/* Whether sums need but one step to become bytes that lie as they do: one filter, and no t that 32
 * bits cannot hold. */
static int is_straight(const struct job *job)
{
    const struct ending *ending = &job->ending;
    if (job->filters > 1 || !ending->folded || ending->absolute || job->out.kind != U8 ||
        !lie_together(job))
        return 0;
    double sizes = 0;
    for (size_t n = 0; n < job->planes * job->taps_down * job->taps_along; n++)
        sizes += fabs(job->bank[n]);
    double gain = fabs(ending->weight_gain * ending->single_gain);
    return sizes * gain * UINT8_MAX + fabs(ending->single_lift) < INT32_MAX / 2;
}

/* What levels have in common: all their bits, and those that differ within the margin. */
struct common {
    shorts levels, doubts;
};

static struct bytes bytes_of(const struct ending *ending)
{
    floats zero = {0};
    double margin = ending->margin < 0 ? 0.0 : ending->margin;
    return (struct bytes){.gain = zero + (float)ending->single_gain,
                          .lift = zero + (float)ending->single_lift,
                          .least = zero + (float)(ending->single_lift - margin),
                          .most = zero + (float)(ending->single_lift + margin)};
}

INLINE wholes level_with(const struct bytes *b, floats sums, floats lift)
{
    return NEAREST(FUSED(sums, b->gain, lift));
}

/* Levels that are never in doubt. */
INLINE shorts levels_at_lift(const struct bytes *b, floats first, floats second)
{
    return narrow(level_with(b, first, b->lift), level_with(b, second, b->lift));
}

INLINE shorts levels_of(const struct bytes *b, floats first, floats second, struct common *common)
{
    shorts least = narrow(level_with(b, first, b->least), level_with(b, second, b->least));
    shorts most = narrow(level_with(b, first, b->most), level_with(b, second, b->most));
    common->levels |= most;
    common->doubts |= least ^ most;
    return most;
}

/* Whether no level was cut, and none is in doubt. */
INLINE int is_plain(const struct common *common)
{
    return !has((wholes)(common->doubts | (common->levels & ~UINT8_MAX)), -1);
}

/* `across` vectors of levels beside each other, in pairs, as bytes. */
INLINE void store_beside(uint8_t *to, const shorts *levels, int across)
{
    uint8_t rest[4 * FLOATS];
    int whole = across / 4 * 4;
    for (int v = 0; v < whole; v += 4)
        store_bytes(to + (size_t)v * FLOATS, levels[v / 2], levels[v / 2 + 1]);
    if (whole == across)
        return;
    store_bytes(rest, levels[whole / 2], levels[(across - 1) / 2]);
    memcpy(to + (size_t)whole * FLOATS, rest, (size_t)(across - whole) * FLOATS);
}

/* Vectors of levels below each other, one for each of four rows. */
INLINE void store_below(const struct part *parts, size_t x, const shorts *levels)
{
    uint8_t all[4 * FLOATS];
    store_bytes(all, levels[0], levels[1]);
    for (size_t i = 0; i < 4; i++)
        memcpy(parts[i].to + x, all + i * FLOATS, FLOATS);
}

/* Store the bytes of a block within all parts. */
INLINE struct common store_block(const struct bytes *b, const floats *acc, size_t x, int down,
                                 int across)
{
    struct common common = {{0}, {0}};
    shorts levels[MOST_ACROSS / 2];
    if (across == 1 && down == 4) {
        for (int n = 0; n < 2; n++)
            levels[n] = levels_of(b, acc[2 * n], acc[2 * n + 1], &common);
        store_below(b->parts, x, levels);
        return common;
    }
    for (int i = 0; i < down; i++, acc += across) {
        for (int v = 0; v < across; v += 2)
            levels[v / 2] = levels_of(b, acc[v], acc[v + 1 < across ? v + 1 : v], &common);
        store_beside(b->parts[i].to + x, levels, across);
    }
    return common;
}

INLINE void count_cut(struct bytes *b, floats sums, wholes exist)
{
    wholes level = level_with(b, sums, b->lift);
    b->below -= (level < 0) & exist;
    b->above -= (level > UINT8_MAX) & exist;
}

/* Mend what is in doubt among the first `count` of a vector of sums at x. */
static void mend_doubts(struct bytes *b, const struct part *part, size_t x, floats sums, size_t count)
{
    wholes doubts = level_with(b, sums, b->least) ^ level_with(b, sums, b->most);
    wholes levels = level_with(b, sums, b->lift);
    for (size_t k = 0; has(doubts, -1) && k < count; k++)
        if (doubts[k])
            b->mend(b, part, x + k, levels[k]);
}

/* Vector by vector: store what lies within its part, count what was cut, mend what is in doubt. */
static __attribute__((noinline)) void settle_block(struct bytes *b, const struct part *parts,
                                                   const float *sums, size_t x, int down,
                                                   int across, int stored)
{
    for (int n = 0; n < down * across; n++) {
        const struct part *part = &parts[n / across];
        size_t at = x + (size_t)(n % across) * FLOATS;
        size_t count = part->count > at ? smaller(part->count - at, FLOATS) : 0;
        floats sum = *(const loose_floats *)(sums + (size_t)n * FLOATS);
        if (!stored && count) {
            struct common common = {{0}, {0}};
            shorts level = levels_of(b, sum, sum, &common);
            uint8_t bytes[4 * FLOATS];
            int32_t exist[FLOATS] = {0};
            wholes mask;
            store_bytes(bytes, level, level);
            memcpy(part->to + at, bytes, count);
            memset(exist, -1, count * sizeof *exist);
            memcpy(&mask, exist, sizeof mask);
            count_cut(b, sum, mask);
        }
        mend_doubts(b, part, at, sum, count);
    }
}

/* The bytes of a block at x. */
INLINE void finish_block(struct bytes *b, const floats *acc, size_t x, int down, int across)
{
    int within = x + (size_t)across * FLOATS <= b->common;
    struct common common = {{0}, {0}};
    if (within)
        common = store_block(b, acc, x, down, across);
    if (within && is_plain(&common))
        return;
    if (within)
        for (int n = 0; n < down * across; n++)
            count_cut(b, acc[n], (wholes){0} - 1);
    if (within && !has((wholes)common.doubts, -1))
        return;
    float sums[MOST_DOWN * MOST_ACROSS * FLOATS];
    for (int n = 0; n < down * across; n++)
        *(loose_floats *)(sums + (size_t)n * FLOATS) = acc[n];
    settle_block(b, b->parts, sums, x, down, across, within);
}

/* Add what was cut in few rows, counted in lanes of 16 bits. */
INLINE void add_cut(struct bytes *b, shorts below, shorts above)
{
    wholes mask = (wholes){0} + UINT16_MAX;
    b->below += ((wholes)below & mask) + ((wholes)below >> 16);
    b->above += ((wholes)above & mask) + ((wholes)above >> 16);
}

/* What was counted lane by lane. */
static void add_counts(const struct bytes *b)
{
    for (size_t n = 0; n < FLOATS; n++) {
        b->counts->below += (uint64_t)b->below[n];
        b->counts->above += (uint64_t)b->above[n];
    }
}

/* --- bytes from bytes ---------------------------------------------------------------------------- */

/* Whether levels can lie beyond those of bytes. */
enum range { WITHIN, CUT };

/* Rows of outputs, and where they are read from: output r begins to read in row r. */
struct strip {
    const uint8_t *from;
    uint8_t *to;
    ptrdiff_t from_row, to_row;
    size_t y, x, count, height, step; /* `to` is the output row y, and its sample x */
};

#endif
