#pragma once
/* What several files of `muctl stats` share. */
#include "muctl_pages.h"

/* Prints all pages as one exposition (OpenMetrics 1.0). */
void muctl_openmetrics_print(FILE *out, const muctl_pages *pages);
