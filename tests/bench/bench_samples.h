#pragma once
/* The clock of measurements, and what is said of several. */

/* Seconds on the monotonic clock. */
double bench_now(void);
/* The middle one; sorts them. */
double bench_median(double *samples, int count);
