/*
 * Values to the levels of integer samples: floor(t + 0.5 + 2**-20), cut at low and high.
 *
 * In single precision t is known up to a margin. Where it comes nearer than that to a half, the
 * level is in doubt, and the caller computes the sample again in double precision. Double precision
 * leaves no doubt.
 *
 * Included once for float and once for double.
 */
#ifndef CONVCLI_LEVELS_H
#define CONVCLI_LEVELS_H

#define TIE (0.5 + 1.0 / 1048576.0)

/* Samples that are looked at together: many, since what they have in common must be added up. */
#define LOOK 256

/* Whether any of LOOK samples lies beyond low and high, is in doubt, or is not a number. */
struct look {
    int32_t beyond, doubt, nan;
};

/* The level of t, not cut; all that lies beyond low and high is one beyond them. */
INLINE int32_t nearest_float(float t, float low, float high, float *rest)
{
    t = t < low - 0.75f ? low - 0.75f : t;
    t = t > high + 0.75f ? high + 0.75f : t;
    float shifted = t + MAGIC;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    *rest = t - (shifted - MAGIC);
    return bits - MAGIC_BITS;
}

INLINE int32_t nearest_double(double t, double low, double high, double *rest)
{
    t = t + TIE;
    *rest = t - t; /* 0, or not a number */
    t = t > low - 1.0 ? t : low - 1.0; /* also what is not a number */
    t = t > high + 1.0 ? high + 1.0 : t;
    return (int32_t)floor(t);
}

/* The least t of the level low, and the least of the level above high, which is even. */
static inline float first_float(double low) { return (float)low - 0.5f; }
static inline float last_float(double high) { return (float)high + 0.5f; }
static inline double first_double(double low) { return low - TIE; }
static inline double last_double(double high) { return high + 1.0 - TIE; }

static inline double gain_float(const struct ending *ending) { return ending->single_gain; }
static inline double lift_float(const struct ending *ending) { return ending->single_lift; }
static inline double gain_double(const struct ending *ending) { return ending->gain; }
static inline double lift_double(const struct ending *ending) { return ending->lift; }

/* How bytes are found from sums in single precision, the case that most pictures are. */
struct steps {
    floats gain, lift, high, sure;
    wholes size; /* all bits, or without the sign where t is a size */
};

/* What bytes have in common: bits of all levels, and how far t came from a whole number at most. */
struct found {
    wholes levels;
    floats rest;
};

static inline struct steps steps_of(const struct ending *ending)
{
    floats zero = {0};
    return (struct steps){zero + (float)ending->single_gain, zero + (float)ending->single_lift,
                          zero + ((float)ending->high + 0.75f),
                          zero + (ending->margin < 0 ? 1.0f : (float)(0.5 - ending->margin)),
                          (wholes){0} + (ending->absolute ? INT32_MAX : -1)};
}

/* The level of a sum. Far below 0 there is no need to cut: the nearest whole number stays below. What
 * is not a number becomes one below 0 as well, and leaves `rest` as it is (by the order of arguments). */
INLINE wholes level_of(const struct steps *steps, floats sum, struct found *found)
{
    floats t = LEAST(steps->high, (floats)((wholes)(sum * steps->gain + steps->lift) & steps->size));
    wholes level = NEAREST(t);
    floats rest = t - __builtin_convertvector(level, floats);
    found->rest = GREATEST((floats)((wholes)rest & INT32_MAX), found->rest);
    found->levels |= level;
    return level;
}

INLINE int is_beyond(const struct found *found) { return has(found->levels, ~UINT8_MAX); }

INLINE int is_in_doubt(const struct found *found, const struct steps *steps)
{
    return has(found->rest > steps->sure, -1);
}

static struct look look_float_uint8_t(const struct ending *ending, const float *v, uint8_t *to)
{
    const struct steps steps = steps_of(ending);
    struct found found = {0};
    for (size_t x = 0; x < LOOK; x += 4 * FLOATS) {
        wholes level[4];
        for (size_t n = 0; n < 4; n++)
            level[n] = level_of(&steps, *(const loose_floats *)(v + x + n * FLOATS), &found);
        store_bytes(to + x, narrow(level[0], level[1]), narrow(level[2], level[3]));
    }
    return (struct look){is_beyond(&found), is_in_doubt(&found, &steps), 0};
}

/* The level of t in double precision, cut, in place of another; what was counted of that is corrected. */
static int32_t replaced(const struct ending *ending, double t, int32_t old, struct counts *counts)
{
    double rest;
    int32_t now = nearest_double(t, ending->low, ending->high, &rest);
    int32_t most = (int32_t)ending->high;
    counts->below += (uint64_t)(now < 0) - (uint64_t)(old < 0);
    counts->above += (uint64_t)(now > most) - (uint64_t)(old > most);
    counts->again++;
    return now < 0 ? 0 : now > most ? most : now;
}

/* How bytes are found from values that were rounded once to single precision. */
static inline struct ending near_bytes(const struct ending *ending)
{
    struct ending near = *ending;
    near.single_gain = 1.0;
    near.single_lift = 0.0;
    near.margin = 512.0 / (1 << 24) + 2.0 / (1 << 20);
    return near;
}

#endif

#define LEVELS(type, absolute)                                                                     \
    for (int x = 0; x < LOOK; x++) {                                                               \
        REAL t = gain * v[x] + lift, rest;                                                         \
        int32_t level = NAMED(nearest)(absolute && t < 0 ? -t : t, low, high, &rest);              \
        beyond |= level;                                                                           \
        doubt |= (rest < 0 ? -rest : rest) > sure;                                                 \
        nan |= rest != rest;                                                                       \
        level = level < 0 ? 0 : level;                                                             \
        to[x] = (type)(level > most ? most : level);                                               \
    }

/* LOOK levels, cut, and what is to be said of them. low is 0, high is 2**8 - 1 or 2**16 - 1. */
#define LOOK_AT(type)                                                                              \
    static struct look JOIN(NAMED(look), type)(const struct ending *ending,                        \
                                               const REAL *restrict v, type *restrict to)          \
    {                                                                                              \
        REAL gain = (REAL)NAMED(gain)(ending), lift = (REAL)NAMED(lift)(ending);                   \
        REAL low = (REAL)ending->low, high = (REAL)ending->high;                                   \
        REAL sure = ending->margin < 0 ? 1 : (REAL)(0.5 - ending->margin);                         \
        int32_t beyond = 0, doubt = 0, nan = 0, most = (int32_t)ending->high;                      \
        if (ending->absolute) {                                                                    \
            LEVELS(type, 1)                                                                        \
        } else {                                                                                   \
            LEVELS(type, 0)                                                                        \
        }                                                                                          \
        return (struct look){beyond & ~most, doubt, nan};                                          \
    }

LOOK_AT(uint16_t)
#undef LOOK_AT
#undef LEVELS

#ifndef BYTES_BY_HAND
/* Bytes from double precision: by way of single precision, whose error here is that of one rounding. */
static struct look look_double_uint8_t(const struct ending *ending, const double *restrict v,
                                       uint8_t *to)
{
    float single[LOOK];
    struct ending near = near_bytes(ending);
    int32_t odd = 0;
    for (size_t x = 0; x < LOOK; x++) {
        single[x] = (float)(ending->gain * v[x] + ending->lift);
        odd |= !(single[x] - single[x] == 0);
    }
    struct look look = look_float_uint8_t(&near, single, to);
    for (size_t x = 0; look.doubt && x < LOOK; x++) {
        double rest, t = (double)single[x];
        if (fabs(fabs(t - floor(t)) - 0.5) > 2.0 * near.margin)
            continue;
        t = ending->gain * v[x] + ending->lift;
        int32_t level = nearest_double(ending->absolute ? fabs(t) : t, 0.0, UINT8_MAX, &rest);
        to[x] = (uint8_t)(level < 0 ? 0 : level > UINT8_MAX ? UINT8_MAX : level);
        look.beyond |= level & ~UINT8_MAX;
    }
    return (struct look){look.beyond, 0, odd};
}
#endif

/* How many of the first `count` samples lie below low and above high, and are not numbers. */
static void NAMED(count)(const struct ending *ending, const REAL *restrict v, size_t count,
                         struct counts *counts)
{
    REAL gain = (REAL)NAMED(gain)(ending), lift = (REAL)NAMED(lift)(ending);
    /* As `nearest` has it: single precision rounds to the nearest, a half to the even one. */
    REAL first = NAMED(first)(ending->low), last = NAMED(last)(ending->high);
    REAL lowest = ending->absolute ? -last : first; /* sizes have nothing below, but twice above */
    int32_t below = 0, above = 0, nan = 0;
    for (size_t x = 0; x < count; x++) {
        REAL t = gain * v[x] + lift;
        below += ending->absolute ? t <= lowest : t < lowest;
        above += t >= last;
        nan += !(t - t == 0); /* infinity is no number either */
    }
    counts->below += ending->absolute ? 0 : (uint64_t)below;
    counts->above += (uint64_t)above + (ending->absolute ? (uint64_t)below : 0);
    counts->nan += (uint64_t)nan;
}

/* doubts[x] for `count` samples, as `look` saw them. */
static void NAMED(find_doubts)(const struct ending *ending, const REAL *restrict v, size_t count,
                               uint8_t *restrict doubts)
{
    REAL gain = (REAL)NAMED(gain)(ending), lift = (REAL)NAMED(lift)(ending);
    REAL low = (REAL)ending->low, high = (REAL)ending->high;
    REAL sure = (REAL)(0.5 - ending->margin);
    for (size_t x = 0; x < count; x++) {
        REAL t = gain * v[x] + lift, rest;
        NAMED(nearest)(ending->absolute && t < 0 ? -t : t, low, high, &rest);
        doubts[x] = (rest < 0 ? -rest : rest) > sure;
    }
}

/* The level of one value, not cut. */
static int32_t NAMED(level_at)(const struct ending *ending, REAL v)
{
    REAL t = (REAL)NAMED(gain)(ending) * v + (REAL)NAMED(lift)(ending), rest;
    return NAMED(nearest)(ending->absolute && t < 0 ? -t : t, (REAL)ending->low, (REAL)ending->high,
                          &rest);
}
