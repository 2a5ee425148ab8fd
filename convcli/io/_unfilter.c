/*
 * Rows of a PNG without their filters (PNG, 3rd edition, section 9): bytes of the pixel to the left (a),
 * above (b) and above to the left (c) foretell a byte, and the file holds what is added to that.
 *
 *     c b        0 nothing   1 a   2 b   3 floor((a + b) / 2)   4 the nearest of a, b, c to a + b - c
 *     a x
 *
 *     undo(filtered, rows, count, pixel, first, stop)
 *
 * Python hands over two buffers: `rows`, all `count` of n bytes each, and `filtered`, of 1 + n bytes
 * each, those from `first` on. Rows before `first` are done, by this thread or another: the next one
 * is foretold by them.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { NONE, SUB, UP, AVERAGE, PAETH };

static inline uint8_t nearest(int a, int b, int c)
{
    int to_a = abs(b - c), to_b = abs(a - c), to_c = abs(a + b - 2 * c);
    return (uint8_t)(to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c);
}

static void undo_sub(const uint8_t *from, size_t n, size_t pixel, uint8_t *to)
{
    memcpy(to, from, pixel);
    for (size_t x = pixel; x < n; x++)
        to[x] = (uint8_t)(from[x] + to[x - pixel]);
}

static void undo_up(const uint8_t *from, const uint8_t *above, size_t n, uint8_t *restrict to)
{
    for (size_t x = 0; x < n; x++)
        to[x] = (uint8_t)(from[x] + above[x]);
}

static void undo_average(const uint8_t *from, const uint8_t *above, size_t n, size_t pixel, uint8_t *to)
{
    for (size_t x = 0; x < pixel; x++)
        to[x] = (uint8_t)(from[x] + above[x] / 2);
    for (size_t x = pixel; x < n; x++)
        to[x] = (uint8_t)(from[x] + (to[x - pixel] + above[x]) / 2);
}

static void undo_paeth(const uint8_t *from, const uint8_t *above, size_t n, size_t pixel, size_t x,
                       uint8_t *to)
{
    for (; x < pixel; x++)
        to[x] = (uint8_t)(from[x] + above[x]);
    for (; x < n; x++)
        to[x] = (uint8_t)(from[x] + nearest(to[x - pixel], above[x], above[x - pixel]));
}

#if defined(__SSE2__)
static inline __m128i size_of(__m128i v) { return _mm_max_epi16(v, _mm_sub_epi16(_mm_setzero_si128(), v)); }

static inline __m128i choice(__m128i mask, __m128i yes, __m128i no)
{
    return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

/* The bytes of one pixel side by side; as many pixels as leave room for whole words behind them.
 * Returns where it stopped. */
static inline size_t undo_paeth_pixels(const uint8_t *from, const uint8_t *above, size_t n, size_t pixel,
                                       uint8_t *to)
{
    const __m128i zero = _mm_setzero_si128(), low = _mm_set1_epi16(0xFF);
    __m128i a = zero, c = zero;
    size_t x = 0;
    for (; x + sizeof(uint64_t) <= n; x += pixel) {
        __m128i b = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(above + x)), zero);
        __m128i d = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(from + x)), zero);
        __m128i bc = _mm_sub_epi16(b, c), ac = _mm_sub_epi16(a, c);
        __m128i to_a = size_of(bc), to_b = size_of(ac), to_c = size_of(_mm_add_epi16(ac, bc));
        __m128i least = _mm_min_epi16(to_c, _mm_min_epi16(to_a, to_b));
        __m128i near = choice(_mm_cmpeq_epi16(least, to_a), a,
                              choice(_mm_cmpeq_epi16(least, to_b), b, c));
        a = _mm_and_si128(_mm_add_epi16(d, near), low);
        c = b;
        __m128i bytes = _mm_packus_epi16(a, a);
        int32_t word = _mm_cvtsi128_si32(bytes);
        if (pixel <= sizeof word)
            memcpy(to + x, &word, sizeof word); /* what lies behind the pixel comes next */
        else
            _mm_storel_epi64((__m128i *)(to + x), bytes);
    }
    return x;
}
#endif

static void undo_row(const uint8_t *from, const uint8_t *above, size_t n, size_t pixel, uint8_t *to)
{
    size_t x = 0;
    switch (*from++) {
    case NONE:
        memcpy(to, from, n);
        break;
    case SUB:
        undo_sub(from, n, pixel, to);
        break;
    case UP:
        undo_up(from, above, n, to);
        break;
    case AVERAGE:
        undo_average(from, above, n, pixel, to);
        break;
    default:
#if defined(__SSE2__)
        if (pixel == 3)
            x = undo_paeth_pixels(from, above, n, 3, to);
        else if (pixel == 4)
            x = undo_paeth_pixels(from, above, n, 4, to);
        else if (pixel == 6)
            x = undo_paeth_pixels(from, above, n, 6, to);
        else if (pixel == 8)
            x = undo_paeth_pixels(from, above, n, 8, to);
#endif
        undo_paeth(from, above, n, pixel, x, to);
    }
}

/* The first row from `first` on whose filter is none of PNG's; `stop` if there is none. */
static size_t undo_rows(const uint8_t *filtered, size_t n, size_t pixel, size_t first, size_t stop,
                        const uint8_t *blank, uint8_t *rows)
{
    for (size_t y = first; y < stop; y++) {
        const uint8_t *from = filtered + (y - first) * (n + 1);
        if (*from > PAETH)
            return y;
        undo_row(from, y ? rows + (y - 1) * n : blank, n, pixel, rows + y * n);
    }
    return stop;
}

static PyObject *checked(const Py_buffer *filtered, const Py_buffer *rows, Py_ssize_t count,
                         Py_ssize_t pixel, Py_ssize_t first, Py_ssize_t stop)
{
    size_t n = count > 0 ? (size_t)(rows->len / count) : 0, done = 0;
    int fits = n && rows->len == (Py_ssize_t)n * count && 0 <= first && first <= stop && stop <= count &&
               filtered->len >= (stop - first) * (Py_ssize_t)(n + 1);
    if (!fits || pixel < 1 || (size_t)pixel > n) {
        PyErr_SetString(PyExc_ValueError, "undo: buffers, pixel and rows do not fit each other");
        return NULL;
    }
    uint8_t *blank = calloc(n, 1);
    if (!blank)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    done = undo_rows(filtered->buf, n, (size_t)pixel, (size_t)first, (size_t)stop, blank, rows->buf);
    Py_END_ALLOW_THREADS
    free(blank);
    return PyBool_FromLong(done == (size_t)stop);
}

/* undo(filtered, rows, count, pixel, first, stop): whether all filters from row `first` to before
 * `stop` of `count` were known. */
static PyObject *py_undo(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer filtered, rows;
    Py_ssize_t count, pixel, first, stop;
    if (!PyArg_ParseTuple(args, "y*w*nnnn", &filtered, &rows, &count, &pixel, &first, &stop))
        return NULL;
    PyObject *result = checked(&filtered, &rows, count, pixel, first, stop);
    PyBuffer_Release(&filtered);
    PyBuffer_Release(&rows);
    return result;
}

static PyMethodDef methods[] = {
    {"undo", py_undo, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_size = 0, .m_methods = methods};

PyMODINIT_FUNC PyInit__unfilter(void) { return PyModuleDef_Init(&definition); }
