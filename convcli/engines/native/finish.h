/*
 * From the weighted sums of one output row to finished samples, for one type of number, REAL.
 *
 *     v_f = scale_f * s_f * inside_f + bias_f,  v = combine(v_1 .. v_F) + shift,  activation
 *     t   = gain * v + lift, |t| if wanted;   floor(t + 0.5 + 2**-20), cut at low and high
 *
 * See `response.py` and `pixels.py`, which say the same for NumPy.
 */
#ifndef CONVCLI_FINISH_H
#define CONVCLI_FINISH_H

static inline double logistic(double v)
{
    double small = exp(-fabs(v));
    return (v >= 0.0 ? 1.0 : small) / (1.0 + small);
}

#endif

/* --- response ---------------------------------------------------------------------------------- */

/* v_f in place. */
static void NAMED(scale)(const struct job *job, size_t f, size_t y, size_t x0, size_t count, REAL *v)
{
    REAL scale = (REAL)job->scale[f];
    REAL bias = (REAL)(job->bias[f] + job->scale[f] * (double)NAMED(centre) * job->weight_sums[f]);
    if (job->inside) {
        const double *inside = job->inside + (f * job->height + y) * job->width + x0;
        for (size_t x = 0; x < count; x++)
            v[x] = v[x] * scale * (REAL)inside[x / job->step];
    } else if (scale != 1)
        for (size_t x = 0; x < count; x++)
            v[x] *= scale;
    if (bias != 0)
        for (size_t x = 0; x < count; x++)
            v[x] += bias;
}

/* Fold filter f into what filters 0 .. f-1 have left in `to`. */
static void NAMED(fold)(enum combine combine, size_t count, const REAL *restrict v,
                        REAL *restrict to)
{
    switch (combine) {
    case MAGNITUDE:
        for (size_t x = 0; x < count; x++)
            to[x] += v[x] * v[x];
        break;
    case L1:
        for (size_t x = 0; x < count; x++)
            to[x] += v[x] < 0 ? -v[x] : v[x];
        break;
    case MAX: /* also of what is not a number, which stays */
        for (size_t x = 0; x < count; x++)
            to[x] = v[x] > to[x] || v[x] != v[x] ? v[x] : to[x];
        break;
    case MIN:
        for (size_t x = 0; x < count; x++)
            to[x] = v[x] < to[x] || v[x] != v[x] ? v[x] : to[x];
        break;
    default:
        for (size_t x = 0; x < count; x++)
            to[x] += v[x];
    }
}

/* What combining begins and ends with. */
static void NAMED(begin)(enum combine combine, size_t count, REAL *v)
{
    if (combine == MAGNITUDE)
        for (size_t x = 0; x < count; x++)
            v[x] *= v[x];
    else if (combine == L1)
        for (size_t x = 0; x < count; x++)
            v[x] = v[x] < 0 ? -v[x] : v[x];
}

static void NAMED(end)(enum combine combine, size_t filters, size_t count, REAL *v)
{
    if (combine == MAGNITUDE)
        for (size_t x = 0; x < count; x++)
            v[x] = ROOT(v[x]);
    else if (combine == MEAN)
        for (size_t x = 0; x < count; x++)
            v[x] /= (REAL)filters;
}

static void NAMED(activate)(const struct job *job, size_t count, REAL *v)
{
    if (job->shift != 0)
        for (size_t x = 0; x < count; x++)
            v[x] += (REAL)job->shift;
    if (job->activation == LINEAR)
        return;
    for (size_t x = 0; x < count; x++)
        switch (job->activation) {
        case RELU:
            v[x] = v[x] < 0 ? 0 : v[x];
            break;
        case LEAKY:
            v[x] = v[x] > 0 ? v[x] : (REAL)0.01 * v[x];
            break;
        case SIGMOID:
            v[x] = (REAL)logistic((double)v[x]);
            break;
        case TANH:
            v[x] = (REAL)tanh((double)v[x]);
            break;
        case ABS:
            v[x] = v[x] < 0 ? -v[x] : v[x];
            break;
        case SQUARE:
            v[x] *= v[x];
            break;
        case THRESHOLD:
            v[x] = v[x] > 0;
            break;
        case LINEAR:
            break;
        }
}

/* Sums of all filters at output row y, columns from x0 on, to values; with a combiner, in sums[0]. */
static void NAMED(respond)(const struct job *job, size_t y, size_t x0, size_t count,
                           REAL *const *sums)
{
    for (size_t f = 0; f < job->filters; f++)
        NAMED(scale)(job, f, y, x0, count, sums[f]);
    if (job->combine != NONE) {
        NAMED(begin)(job->combine, count, sums[0]);
        for (size_t f = 1; f < job->filters; f++)
            NAMED(fold)(job->combine, count, sums[f], sums[0]);
        NAMED(end)(job->combine, job->filters, count, sums[0]);
    }
    for (size_t f = 0; f < (job->combine == NONE ? job->filters : 1); f++)
        NAMED(activate)(job, count, sums[f]);
}
