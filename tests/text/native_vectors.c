/* The compiler that builds this decides where the values are; each function mixes its arguments so
 * that one in a wrong place shows. */
#include "native_vectors.h"

#include <string.h>

/* Vectors of 32 bytes are passed as they are without AVX, which is what is tested. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef int8_t bytes4 __attribute__((vector_size(4)));
typedef int32_t ints2 __attribute__((vector_size(8)));
typedef float floats2 __attribute__((vector_size(8)));
typedef int16_t shorts8 __attribute__((vector_size(16)));
typedef int64_t longs2 __attribute__((vector_size(16)));
typedef double doubles2 __attribute__((vector_size(16)));
typedef double doubles4 __attribute__((vector_size(32)));
__extension__ typedef __int128 wide;

typedef struct two_halves { /* two xmm registers */
    float x;
    floats2 v;
} two_halves;
typedef struct boxed { /* one */
    doubles2 v;
} boxed;
typedef struct boxed_more { /* memory, at a multiple of 16 */
    doubles2 v;
    int64_t n;
} boxed_more;
typedef struct boxed_wide { /* memory, at a multiple of 32 */
    doubles4 v;
} boxed_wide;

static bytes4 add_bytes(bytes4 a, int8_t n)
{
    return a + (bytes4){n, 1, 2, 3};
}

static ints2 sub_ints(ints2 a, int64_t n, ints2 b)
{
    return a - 10 * b + (int32_t)n;
}

static floats2 scale(floats2 a, float by)
{
    return a * by;
}

static shorts8 mix(shorts8 a, int32_t n, shorts8 b)
{
    return a - 3 * b + (int16_t)n;
}

static double dot(doubles2 a, double x, doubles2 b)
{
    return a[0] * b[0] + 100 * a[1] * b[1] + 10000 * x;
}

static doubles2 turn(doubles2 a)
{
    return (doubles2){-a[1], a[0]};
}

/* Eight in registers; two on the stack, with words between them. */
static longs2 ten(longs2 a, longs2 b, longs2 c, longs2 d, longs2 e, longs2 f, longs2 g, longs2 h,
                  longs2 i, int64_t n1, int64_t n2, int64_t n3, int64_t n4, int64_t n5, int64_t n6,
                  int64_t n7, longs2 j)
{
    int64_t n = n1 + n2 + n3 + n4 + n5 + n6;
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 100 * i + 1000 * j +
           10000 * n7 + 100000 * n;
}

static double four(int64_t n, doubles4 a, double x, doubles4 b)
{
    return a[0] + 10 * a[3] + 100 * b[1] + 1000 * b[2] + 10000 * x + 100000 * (double)n;
}

static two_halves change_halves(two_halves a)
{
    return (two_halves){a.v[1], (floats2){a.x, a.v[0]}};
}

static boxed change_boxed(boxed a, boxed b)
{
    return (boxed){a.v - 2 * b.v};
}

static boxed_more change_more(int64_t n, boxed_more a)
{
    return (boxed_more){(doubles2){a.v[1], a.v[0]}, a.n - n};
}

static boxed_wide change_wide(int64_t n, boxed_wide a)
{
    return (boxed_wide){a.v * (double)n};
}

static wide add_wide(int64_t n, wide a, wide b)
{
    return a * n - b;
}

/* The last one on the stack. */
static wide fourth_wide(wide a, wide b, wide c, wide d)
{
    return a - 3 * b + 5 * c - 7 * d;
}

/* Calls back with general registers that run out before the stack's arguments, which want
 * alignments of 32, 8 and 16. */
typedef doubles2 back_fn(int64_t n, doubles2 v, int64_t b, doubles4 w, int64_t c, int64_t d,
                         int64_t e, int64_t f, int64_t g, wide i, longs2 l);
static doubles2 call_back(back_fn *function, int64_t n)
{
    doubles2 result = function(n, (doubles2){1, 2}, 2, (doubles4){3, 4, 5, 6}, 3, 4, 5, 6, 7,
                               ((wide)8 << 64) | 9, (longs2){10, 11});
    return result + (doubles2){1000, 2000};
}

/* A vector and an int of 128 bits there and back. */
static wide call_wide(wide (*function)(wide, floats2), wide value)
{
    return function(value, (floats2){2, 3}) - 1;
}

typedef void any_fn(void);
static const struct {
    const char *name;
    any_fn *function;
} functions[] = {
    {"add_bytes", (any_fn *)add_bytes},
    {"sub_ints", (any_fn *)sub_ints},
    {"scale", (any_fn *)scale},
    {"mix", (any_fn *)mix},
    {"dot", (any_fn *)dot},
    {"turn", (any_fn *)turn},
    {"ten", (any_fn *)ten},
    {"four", (any_fn *)four},
    {"change_halves", (any_fn *)change_halves},
    {"change_boxed", (any_fn *)change_boxed},
    {"change_more", (any_fn *)change_more},
    {"change_wide", (any_fn *)change_wide},
    {"add_wide", (any_fn *)add_wide},
    {"fourth_wide", (any_fn *)fourth_wide},
    {"call_back", (any_fn *)call_back},
    {"call_wide", (any_fn *)call_wide},
};

uint64_t native_vector_address(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return (uintptr_t)functions[i].function;
        }
    }
    return 0;
}
