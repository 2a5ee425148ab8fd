/*
 * What the instruction set gives: the width of a vector, and how many outputs of a block fit into
 * its registers. Everything else is written once, with the vector types of GCC and Clang.
 */
#ifndef CONVCLI_VECTOR_H
#define CONVCLI_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__) || UINTPTR_MAX < UINT64_MAX
#error "a 64-bit GCC or Clang is needed, for its vector types; without it the NumPy bodies serve"
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define ISA "avx512"
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#define ISA "avx2"
#elif defined(__ARM_NEON)
#define VECTOR_BYTES 16
#define ISA "neon"
#else
#define VECTOR_BYTES 16
#define ISA "baseline"
#endif

/* Accumulators, DOWN rows of ACROSS vectors, one more vector ACROSS for samples, and a weight must fit
 * the registers: 16, or 32 where there are as many. ACROSS for every DOWN, measured. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define ACROSS_1 8
#define ACROSS_2 8
#define ACROSS_4 5
#else
#define ACROSS_1 8
#define ACROSS_2 5
#define ACROSS_4 3
#endif
#define MOST_DOWN 4
#define MOST_ACROSS 8

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)

/* What is included once for float and once for double has the type REAL in its names. */
#define NAMED(name) JOIN(name, REAL)

/* How many samples the blocks may read or write beyond the end of a row: rows are that much longer.
 * The widest is a group of outputs side by side. */
#define SLACK (MOST_DOWN * ACROSS_4 * VECTOR_BYTES / sizeof(float))

#define INLINE static inline __attribute__((always_inline))
#define CACHE_LINE 64

/* Single precision, and the whole numbers of its width. */
typedef float floats __attribute__((vector_size(VECTOR_BYTES)));
typedef float loose_floats __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t wholes __attribute__((vector_size(VECTOR_BYTES)));
#define FLOATS (VECTOR_BYTES / sizeof(float))

/* a * b + c, always rounded once or always twice: the compiler may choose, but not here and there
 * another way. The vector extensions of C have no least and greatest, no rounding to the nearest
 * whole number (a half to the even one; what no 32 bits can hold becomes the least number there is,
 * or the nearest) and no narrowing that saturates. */
#if defined(__AVX512F__)
#include <immintrin.h>
#define FUSED(a, b, c) ((floats)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define LEAST(a, b) ((floats)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define GREATEST(a, b) ((floats)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define NEAREST(a) ((wholes)_mm512_cvtps_epi32((__m512)(a)))
#elif defined(__AVX2__)
#include <immintrin.h>
#define FUSED(a, b, c) ((floats)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define LEAST(a, b) ((floats)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define GREATEST(a, b) ((floats)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define NEAREST(a) ((wholes)_mm256_cvtps_epi32((__m256)(a)))
#elif defined(__SSE2__)
#include <emmintrin.h>
#define LEAST(a, b) ((floats)_mm_min_ps((__m128)(a), (__m128)(b)))
#define GREATEST(a, b) ((floats)_mm_max_ps((__m128)(a), (__m128)(b)))
#define NEAREST(a) ((wholes)_mm_cvtps_epi32((__m128)(a)))
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define LEAST(a, b) ((floats)vminq_f32((float32x4_t)(a), (float32x4_t)(b)))
#define GREATEST(a, b) ((floats)vmaxq_f32((float32x4_t)(a), (float32x4_t)(b)))
#if defined(__aarch64__)
#define FUSED(a, b, c) ((floats)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define NEAREST(a) ((wholes)vcvtnq_s32_f32((float32x4_t)(a)))
#endif
#else
#define CHOICE(mask, a, b) ((floats)(((mask) & (wholes)(a)) | (~(mask) & (wholes)(b))))
#define LEAST(a, b) CHOICE((a) < (b), a, b)
#define GREATEST(a, b) CHOICE((a) > (b), a, b)
#endif

#ifndef FUSED
#define FUSED(a, b, c) ((a) * (b) + (c)) /* what has no such instruction rounds twice */
#endif

/* Adding it leaves the nearest whole number in the last bits of a float. */
#define MAGIC 12582912.0f
#define MAGIC_BITS 0x4B400000

#ifndef NEAREST
INLINE wholes NEAREST(floats t)
{
    floats within = LEAST(GREATEST(t, (floats){0} - 4194303.0f), (floats){0} + 4194303.0f) + MAGIC;
    return (wholes)within - MAGIC_BITS;
}
#endif

/* Two vectors of whole numbers as one of 16 bits, cut at what those can hold, in an order of its own;
 * two of those as bytes in the first order, cut at 0 and 255. */
typedef int16_t shorts __attribute__((vector_size(VECTOR_BYTES)));

#if defined(__AVX512F__)
INLINE shorts narrow(wholes a, wholes b) { return (shorts)_mm512_packs_epi32((__m512i)a, (__m512i)b); }

INLINE void store_bytes(uint8_t *to, shorts a, shorts b)
{
    __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i bytes = _mm512_packus_epi16((__m512i)a, (__m512i)b);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, bytes));
}
#elif defined(__AVX2__)
INLINE shorts narrow(wholes a, wholes b) { return (shorts)_mm256_packs_epi32((__m256i)a, (__m256i)b); }

INLINE void store_bytes(uint8_t *to, shorts a, shorts b)
{
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i bytes = _mm256_packus_epi16((__m256i)a, (__m256i)b);
    _mm256_storeu_si256((__m256i *)to, _mm256_permutevar8x32_epi32(bytes, order));
}
#elif defined(__SSE2__)
INLINE shorts narrow(wholes a, wholes b) { return (shorts)_mm_packs_epi32((__m128i)a, (__m128i)b); }

INLINE void store_bytes(uint8_t *to, shorts a, shorts b)
{
    _mm_storeu_si128((__m128i *)to, _mm_packus_epi16((__m128i)a, (__m128i)b));
}
#else
INLINE int32_t cut(int32_t n, int32_t low, int32_t high) { return n < low ? low : n > high ? high : n; }

INLINE shorts narrow(wholes a, wholes b)
{
    shorts both;
    for (size_t n = 0; n < FLOATS; n++) {
        both[n] = (int16_t)cut(a[n], INT16_MIN, INT16_MAX);
        both[FLOATS + n] = (int16_t)cut(b[n], INT16_MIN, INT16_MAX);
    }
    return both;
}

INLINE void store_bytes(uint8_t *to, shorts a, shorts b)
{
    for (size_t n = 0; n < 2 * FLOATS; n++) {
        to[n] = (uint8_t)cut(a[n], 0, UINT8_MAX);
        to[2 * FLOATS + n] = (uint8_t)cut(b[n], 0, UINT8_MAX);
    }
}
#endif

/* As many bytes as a vector holds words, as those. */
INLINE shorts widened(const uint8_t *from)
{
#if defined(__AVX512F__)
    return (shorts)_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)from));
#elif defined(__AVX2__)
    return (shorts)_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)from));
#elif defined(__SSE2__)
    return (shorts)_mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)from), _mm_setzero_si128());
#else
    shorts words;
    for (size_t n = 0; n < 2 * FLOATS; n++)
        words[n] = from[n];
    return words;
#endif
}

/* Words without a sign, 0 to 0xFFFF, less `centre`, as two vectors in the order that `narrow` makes the
 * first one again. The high half of a float that counts in ones, above such a word, is that float plus
 * the word. */
#define ONES 8388608.0f
#define ONES_HIGH 0x4B00

INLINE void spread(shorts words, float centre, floats *to)
{
#if defined(__AVX512F__)
    __m512i high = _mm512_set1_epi16(ONES_HIGH);
    to[0] = (floats)_mm512_unpacklo_epi16((__m512i)words, high) - (ONES + centre);
    to[1] = (floats)_mm512_unpackhi_epi16((__m512i)words, high) - (ONES + centre);
#elif defined(__AVX2__)
    __m256i high = _mm256_set1_epi16(ONES_HIGH);
    to[0] = (floats)_mm256_unpacklo_epi16((__m256i)words, high) - (ONES + centre);
    to[1] = (floats)_mm256_unpackhi_epi16((__m256i)words, high) - (ONES + centre);
#elif defined(__SSE2__)
    __m128i high = _mm_set1_epi16(ONES_HIGH);
    to[0] = (floats)_mm_unpacklo_epi16((__m128i)words, high) - (ONES + centre);
    to[1] = (floats)_mm_unpackhi_epi16((__m128i)words, high) - (ONES + centre);
#else
    for (size_t n = 0; n < 2 * FLOATS; n++)
        to[n / FLOATS][n % FLOATS] = (float)(uint16_t)words[n] - centre;
#endif
}

/* What `spread` made, in the first order. */
INLINE void in_order(floats *v)
{
#if defined(__AVX512F__)
    __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    __m512i high = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    __m512d a = (__m512d)v[0], b = (__m512d)v[1];
    v[0] = (floats)_mm512_permutex2var_pd(a, low, b);
    v[1] = (floats)_mm512_permutex2var_pd(a, high, b);
#elif defined(__AVX2__)
    __m256 a = (__m256)v[0], b = (__m256)v[1];
    v[0] = (floats)_mm256_permute2f128_ps(a, b, 0x20);
    v[1] = (floats)_mm256_permute2f128_ps(a, b, 0x31);
#else
    (void)v;
#endif
}

/* Two vectors as `spread` made them, narrowed to words, as bytes: cut at 0 and 255. */
INLINE void store_half(uint8_t *to, shorts words)
{
#if defined(__AVX512F__)
    __m512i above = _mm512_max_epi16((__m512i)words, _mm512_setzero_si512());
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtusepi16_epi8(above));
#elif defined(__AVX2__)
    __m256i bytes = _mm256_packus_epi16((__m256i)words, (__m256i)words);
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(_mm256_permute4x64_epi64(bytes, 0x08)));
#elif defined(__SSE2__)
    _mm_storel_epi64((__m128i *)to, _mm_packus_epi16((__m128i)words, (__m128i)words));
#else
    for (size_t n = 0; n < 2 * FLOATS; n++)
        to[n] = (uint8_t)cut(words[n], 0, UINT8_MAX);
#endif
}

/* --- couples of bytes --------------------------------------------------------------------------- */

typedef uint16_t words __attribute__((vector_size(VECTOR_BYTES)));

/* Two weights of 8 bits, as often as 32 bits hold them. */
static inline int32_t weights_of(int first, int second)
{
    uint32_t both = ((uint32_t)first & UINT8_MAX) | ((uint32_t)second & UINT8_MAX) << 8;
    return (int32_t)(both * 0x10001u);
}

/* Vectors that are in registers from here on: compilers would rather load them twice, and half of such
 * loads reach from one cache line into the next. */
#define LOADED(a, b) __asm__("" : "+v"(a), "+v"(b))

/* Add a*v + b*w to sums of words, in an order of their own: as many a and b as a vector has bytes. */
INLINE void add_couple(const uint8_t *a, const uint8_t *b, int32_t weights, words sums[2])
{
#if defined(__AVX512F__)
    __m512i first = _mm512_loadu_si512(a), second = _mm512_loadu_si512(b);
    __m512i both = _mm512_set1_epi32(weights);
    LOADED(first, second);
    sums[0] += (words)_mm512_maddubs_epi16(_mm512_unpacklo_epi8(first, second), both);
    sums[1] += (words)_mm512_maddubs_epi16(_mm512_unpackhi_epi8(first, second), both);
#elif defined(__AVX2__)
    __m256i first = _mm256_loadu_si256((const __m256i *)a);
    __m256i second = _mm256_loadu_si256((const __m256i *)b);
    __m256i both = _mm256_set1_epi32(weights);
    LOADED(first, second);
    sums[0] += (words)_mm256_maddubs_epi16(_mm256_unpacklo_epi8(first, second), both);
    sums[1] += (words)_mm256_maddubs_epi16(_mm256_unpackhi_epi8(first, second), both);
#else
    uint16_t v = (uint16_t)(int8_t)weights, w = (uint16_t)(int8_t)(weights >> 8);
    for (size_t n = 0; n < 2; n++, a += 2 * FLOATS, b += 2 * FLOATS)
        sums[n] += (words)widened(a) * v + (words)widened(b) * w;
#endif
}

/* Words in that order as bytes in the first one: cut at 0 and 255. */
INLINE void store_couples(uint8_t *to, const shorts levels[2])
{
#if defined(__AVX512F__)
    _mm512_storeu_si512(to, _mm512_packus_epi16((__m512i)levels[0], (__m512i)levels[1]));
#elif defined(__AVX2__)
    _mm256_storeu_si256((__m256i *)to, _mm256_packus_epi16((__m256i)levels[0], (__m256i)levels[1]));
#else
    store_bytes(to, levels[0], levels[1]);
#endif
}

/* Whether any of these bits is set in any lane. */
INLINE int has(wholes v, int32_t bits)
{
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)v, _mm512_set1_epi32(bits)) != 0;
#elif defined(__AVX2__)
    return !_mm256_testz_si256((__m256i)v, _mm256_set1_epi32(bits));
#else
    int32_t found = 0;
    for (size_t n = 0; n < FLOATS; n++)
        found |= v[n];
    return (found & bits) != 0;
#endif
}

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static inline size_t rounded_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

#endif
