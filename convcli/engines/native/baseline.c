/* The core for baseline: a file of its own, so that cores may be compiled side by side. */
#define MODULE _baseline
#include "module.c"
