/* The core for avx512: a file of its own, so that cores may be compiled side by side. */
#define MODULE _avx512
#include "module.c"
