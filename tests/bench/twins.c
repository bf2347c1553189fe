/* See twins.h. TWIN(name) is set by the build to name_o1 or name_o2. */
#include "twins.h"

#include <stdlib.h>

int64_t TWIN(twin_fib)(int64_t n)
{
    return n < 2 ? n : TWIN(twin_fib)(n - 1) + TWIN(twin_fib)(n - 2);
}

int64_t TWIN(twin_sieve)(int64_t n)
{
    unsigned char *composite = calloc((size_t)n + 1, 1);
    int64_t count = 0;
    for (int64_t i = 2; i <= n; i++) {
        if (!composite[i]) {
            count++;
            for (int64_t k = i * 2; k <= n; k += i) {
                composite[k] = 1;
            }
        }
    }
    free(composite);
    return count;
}

int64_t TWIN(twin_collatz)(int64_t n)
{
    int64_t longest = 0;
    for (int64_t i = 1; i < n; i++) {
        int64_t steps = 0;
        for (uint64_t x = (uint64_t)i; x != 1; steps++) {
            x = x & 1 ? 3 * x + 1 : x >> 1;
        }
        longest = steps > longest ? steps : longest;
    }
    return longest;
}

int64_t TWIN(twin_matmul)(int64_t n)
{
    double *a = malloc((size_t)(n * n) * sizeof *a);
    double *b = malloc((size_t)(n * n) * sizeof *b);
    double *c = malloc((size_t)(n * n) * sizeof *c);
    for (int64_t i = 0; i < n * n; i++) {
        a[i] = (double)i;
        b[i] = (double)(i + 1);
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++) {
                sum += a[i * n + k] * b[k * n + j];
            }
            c[i * n + j] = sum;
        }
    }
    int64_t result = (int64_t)c[n * n - 1];
    free(a);
    free(b);
    free(c);
    return result;
}

int64_t TWIN(twin_sort)(int64_t n)
{
    int64_t *a = malloc((size_t)n * sizeof *a);
    uint64_t seed = 42;
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        a[i] = (int64_t)(seed >> 33);
    }
    for (int64_t i = 1; i < n; i++) {
        int64_t key = a[i];
        int64_t k = i - 1;
        while (k >= 0 && a[k] > key) {
            a[k + 1] = a[k];
            k--;
        }
        a[k + 1] = key;
    }
    int64_t middle = a[n / 2];
    free(a);
    return middle;
}

int64_t TWIN(twin_mandelbrot)(int64_t n)
{
    int64_t inside = 0;
    for (int64_t row = 0; row < n; row++) {
        for (int64_t column = 0; column < n; column++) {
            double cr = 2.0 * (double)column / (double)n - 1.5;
            double ci = 2.0 * (double)row / (double)n - 1.0;
            double zr = 0;
            double zi = 0;
            int64_t i = 0;
            for (; i < 50 && zr * zr + zi * zi <= 4.0; i++) {
                double next = zr * zr - zi * zi + cr;
                zi = 2.0 * zr * zi + ci;
                zr = next;
            }
            inside += i == 50;
        }
    }
    return inside;
}
