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

/* The vector extensions of C have no least and greatest, and no narrowing that saturates. */
#if defined(__AVX512F__)
#include <immintrin.h>
#define LEAST(a, b) ((floats)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define GREATEST(a, b) ((floats)_mm512_max_ps((__m512)(a), (__m512)(b)))
#elif defined(__AVX2__)
#include <immintrin.h>
#define LEAST(a, b) ((floats)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define GREATEST(a, b) ((floats)_mm256_max_ps((__m256)(a), (__m256)(b)))
#elif defined(__SSE2__)
#include <emmintrin.h>
#define LEAST(a, b) ((floats)_mm_min_ps((__m128)(a), (__m128)(b)))
#define GREATEST(a, b) ((floats)_mm_max_ps((__m128)(a), (__m128)(b)))
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define LEAST(a, b) ((floats)vminq_f32((float32x4_t)(a), (float32x4_t)(b)))
#define GREATEST(a, b) ((floats)vmaxq_f32((float32x4_t)(a), (float32x4_t)(b)))
#else
#define CHOICE(mask, a, b) ((floats)(((mask) & (wholes)(a)) | (~(mask) & (wholes)(b))))
#define LEAST(a, b) CHOICE((a) < (b), a, b)
#define GREATEST(a, b) CHOICE((a) > (b), a, b)
#endif

/* Four vectors of whole numbers as bytes, cut at 0 and 255. */
INLINE void store_bytes(uint8_t *to, const wholes v[4])
{
#if defined(__AVX512F__)
    __m512i zero = _mm512_setzero_si512();
    for (int n = 0; n < 4; n++)
        _mm_storeu_si128((__m128i *)(to + 16 * n),
                         _mm512_cvtusepi32_epi8(_mm512_max_epi32((__m512i)v[n], zero)));
#elif defined(__AVX2__)
    __m256i low = _mm256_packs_epi32((__m256i)v[0], (__m256i)v[1]);
    __m256i high = _mm256_packs_epi32((__m256i)v[2], (__m256i)v[3]);
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i bytes = _mm256_packus_epi16(low, high);
    _mm256_storeu_si256((__m256i *)to, _mm256_permutevar8x32_epi32(bytes, order));
#elif defined(__SSE2__)
    __m128i low = _mm_packs_epi32((__m128i)v[0], (__m128i)v[1]);
    __m128i high = _mm_packs_epi32((__m128i)v[2], (__m128i)v[3]);
    _mm_storeu_si128((__m128i *)to, _mm_packus_epi16(low, high));
#else
    for (size_t n = 0; n < 4 * FLOATS; n++) {
        int32_t level = v[n / FLOATS][n % FLOATS];
        to[n] = (uint8_t)(level < 0 ? 0 : level > UINT8_MAX ? UINT8_MAX : level);
    }
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
