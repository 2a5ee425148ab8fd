/*
 * The native core as a Python module: `filter` runs one window, `isa` names the instruction set,
 * `peak` does nothing but multiply and add.
 *
 * One source, compiled once per instruction set; `__init__.py` picks. Everything that Python hands
 * over is checked first, see `given.h`.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fft.h"
#include "job.h"
#include "program.h"
#include "vector.h"

#define REAL float
#define BYTES_BY_HAND
#include "levels.h"
#undef REAL
#undef BYTES_BY_HAND

#include "bytes.h"
#include "patch.h"

#define REAL double
#define ROOT sqrt
#define FINISH_BLOCK(...) (void)0
#define SUM_PATCH(...) (void)0
#include "levels.h"
#include "taps.h"
#include "rows.h"
#include "finish.h"
#include "work.h"
#include "write.h"
#include "filter.h"
#include "spectral.h"
#undef REAL
#undef ROOT
#undef FINISH_BLOCK
#undef SUM_PATCH

#define REAL float
#define ROOT sqrtf
#define FINISH_BLOCK finish_block
#define SUM_PATCH(p, rows, ...) (p)->patch(rows, (p)->offset, (p)->kernel, __VA_ARGS__)
#include "taps.h"
#include "rows.h"
#include "finish.h"
#include "work.h"
#include "write.h"
#include "filter.h"

#include "whole.h"
#include "walk.h"
#include "strips.h"

#include "given.h"

/* --- the functions of the module ---------------------------------------------------------------- */

static PyObject *run(const struct job *job, const struct way *way)
{
    struct counts counts = {0};
    int failed;
    Py_BEGIN_ALLOW_THREADS
    if (way->down)
        failed = filter_spectral(job, way->down, way->along, &counts);
    else if (way->single && takes_strips(job))
        failed = filter_strips(job, &counts);
    else
        failed = way->single ? filter_float(job, &counts) : filter_double(job, &counts);
    Py_END_ALLOW_THREADS
    if (failed)
        return PyErr_NoMemory();
    return Py_BuildValue("KKKK", (unsigned long long)counts.below, (unsigned long long)counts.above,
                         (unsigned long long)counts.nan, (unsigned long long)counts.again);
}

static PyObject *py_filter(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *objects[BUFFERS];
    Py_buffer buffers[BUFFERS];
    int held = 0;
    PyObject *result = NULL;
    if (!PyArg_UnpackTuple(args, "filter", BUFFERS, BUFFERS, &objects[0], &objects[1], &objects[2],
                           &objects[3], &objects[4], &objects[5], &objects[6], &objects[7],
                           &objects[8], &objects[9], &objects[10], &objects[11], &objects[12],
                           &objects[13]))
        return NULL;
    for (; held < BUFFERS; held++) {
        int flags = held == OUT ? PyBUF_STRIDES | PyBUF_FORMAT | PyBUF_WRITABLE
                                : PyBUF_STRIDES | PyBUF_FORMAT;
        if (PyObject_GetBuffer(objects[held], &buffers[held], flags))
            break;
    }
    struct job job = {0};
    struct way way = {0};
    if (held == BUFFERS && !job_of(buffers, &job, &way))
        result = run(&job, &way);
    while (held--)
        PyBuffer_Release(&buffers[held]);
    return result;
}

static PyObject *py_isa(PyObject *module, PyObject *args)
{
    (void)module, (void)args;
    return PyUnicode_FromString(ISA);
}

/* Whether the processor has the instruction sets that this source is compiled for. */
static PyObject *py_runs(PyObject *module, PyObject *args)
{
    (void)module;
    const char *name = NULL;
    int found = 0;
    if (!PyArg_ParseTuple(args, "s", &name))
        return NULL;
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    if (!strcmp(name, "avx2"))
        found = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    else if (!strcmp(name, "avx512"))
        found = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return PyBool_FromLong(found || !strcmp(name, "baseline") || !strcmp(name, ISA));
}

/* `rounds` times twelve multiply-adds that do not wait for each other; returns how many were done. */
static PyObject *py_peak(PyObject *module, PyObject *args)
{
    (void)module;
    unsigned long long rounds;
    if (!PyArg_ParseTuple(args, "K", &rounds))
        return NULL;
    vec_float acc[12];
    volatile float seed = 0.5f;
    Py_BEGIN_ALLOW_THREADS
    for (int n = 0; n < 12; n++)
        acc[n] = (vec_float){0} + (float)n;
    vec_float x = (vec_float){0} + seed, y = (vec_float){0} + 1.0f;
    for (unsigned long long k = 0; k < rounds; k++)
#pragma GCC unroll 12
        for (int n = 0; n < 12; n++)
            acc[n] = acc[n] * x + y;
    for (int n = 0; n < 12; n++)
        seed += acc[n][0];
    Py_END_ALLOW_THREADS
    return PyLong_FromUnsignedLongLong(rounds * 12 * LANES);
}

static PyMethodDef methods[] = {
    {"filter", py_filter, METH_VARARGS, NULL},
    {"isa", py_isa, METH_NOARGS, NULL},
    {"runs", py_runs, METH_VARARGS, NULL},
    {"peak", py_peak, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_size = 0, .m_methods = methods};

#define INIT_(name) PyInit_##name
#define INIT(name) INIT_(name)

PyMODINIT_FUNC INIT(MODULE)(void) { return PyModuleDef_Init(&definition); }
