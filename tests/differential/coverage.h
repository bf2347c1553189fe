#pragma once
/* What generated programs are made of. */
#include "mu_base.h"

/* Generates `count` programs from the seed on, each with and without pointers, and counts types,
 * lanes of vectors, instructions, common instructions and forms of accesses in them. Prints what is
 * never made; if `prints_all`, how often everything is, too. True when everything is made but what
 * coverage.c excuses, and nothing of that. */
bool coverage_check(uint64_t seed, uint64_t count, bool prints_all);
