/* The core for avx2: a file of its own, so that cores may be compiled side by side. */
#define MODULE _avx2
#include "module.c"
