/* Each function mixes its arguments so that one in a wrong place shows in the result. */
#include "native_things.h"

#include "native_structs.h"

#include "native_vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct mixed_pair { /* one general register */
    float x;
    int y;
} mixed_pair;
typedef struct bytes { /* an array inside */
    uint8_t items[12];
} bytes;

_Alignas(16) static unsigned char buffer[4096];

static void nothing(void)
{
}

static int8_t minus_one_8(void)
{
    return -1;
}

static int16_t negate_16(int16_t n)
{
    return (int16_t)-n;
}

static int32_t sub_32(int32_t a, int32_t b)
{
    return a - b;
}

/* More than the 32 bits of its type come back in rax. */
static uint64_t dirty_64(void)
{
    return 0xfffffffffffffff5u;
}

static int64_t ten_ints(int64_t a, int32_t b, int16_t c, int8_t d, int64_t e, int64_t f, int8_t g,
                        int16_t h, int32_t i, int64_t j)
{
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f + 1000000 * g + 10000000 * h +
           100000000 * i + 1000000000 * j;
}

static int64_t six_ints(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f)
{
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}

static double ten_doubles(double a, double b, double c, double d, double e, double f, double g,
                          double h, double i, double j)
{
    return a + 2 * b + 4 * c + 8 * d + 16 * e + 32 * f + 64 * g + 128 * h + 256 * i + 512 * j;
}

static float add_float(float a, float b)
{
    return a + b;
}

static double interleave(int64_t a, double b, int32_t c, float d, const int64_t *e, double f)
{
    return (double)a + b * 10 + (double)c * 100 + (double)d * 1000 + (double)*e * 10000 +
           f * 100000;
}

static pair swap_pair(pair p)
{
    return (pair){p.b, p.a};
}

static mixed change_mixed(mixed m)
{
    return (mixed){m.y, m.x, m.n + 1};
}

static split change_split(split s)
{
    return (split){s.n + 1, s.d * 2};
}

static floats change_floats(floats f)
{
    return (floats){(double)f.y, (float)f.x};
}

static large change_large(int64_t before, large l, int64_t after)
{
    return (large){l.a + before, l.b + 1, (int16_t)(l.c + 1), (int8_t)(l.d + 1),
                   l.e + (double)after};
}

static bytes reverse_bytes(bytes b)
{
    bytes reversed;
    for (int i = 0; i < 12; i++) {
        reversed.items[i] = b.items[11 - i];
    }
    return reversed;
}

/* The last struct finds one general register free, so it goes to the stack as a whole, and the int
 * behind it takes the register. */
static int64_t pairs(pair a, pair b, int64_t c, pair d, int64_t e)
{
    return a.a + 10 * a.b + 100 * b.a + 1000 * b.b + 10000 * c + 100000 * d.a + 1000000 * d.b +
           10000000 * e;
}

static int64_t sum_of_large(large l, pair p)
{
    return l.a + l.b + l.c + l.d + (int64_t)l.e + 1000 * p.a + 10000 * p.b;
}

/* Uses much stack: more than a small Mu stack has. */
static int64_t deep(int64_t n)
{
    volatile unsigned char frame[1 << 18];
    memset((void *)(uintptr_t)frame, (int)n, sizeof frame);
    return frame[sizeof frame - 1];
}

/* What native-tests.uir of the reference implementation calls. */
typedef struct foo {
    long a;
    int b;
    short c;
    char d;
} foo;
typedef struct bar {
    void *a;
    void (*b)(void);
} bar;
typedef struct baz {
    mixed_pair a;
    double b;
} baz;

static void foo_func(foo from, long *a, int *b, short *c, char *d)
{
    *a = from.a;
    *b = from.b;
    *c = from.c;
    *d = from.d;
}

static void bar_func(bar from, void **a, void (**b)(void))
{
    *a = from.a;
    *b = from.b;
}

static baz baz_func(baz from, float *x, int *y, double *b, baz *extra)
{
    baz other = {{4.0f, 5}, 6.0};
    *x = from.a.x;
    *y = from.a.y;
    *b = from.b;
    *extra = other;
    return other;
}

/* As write, but for what is written. */
static int64_t write_nowhere(int file, const void *text, size_t count)
{
    return file == 1 && count == 6 && memcmp(text, "Hello\n", 6) == 0 ? (int64_t)count : -1;
}

typedef void any_fn(void);
static const struct {
    const char *name;
    any_fn *function;
} functions[] = {
    {"nothing", nothing},
    {"minus_one_8", (any_fn *)minus_one_8},
    {"negate_16", (any_fn *)negate_16},
    {"sub_32", (any_fn *)sub_32},
    {"dirty_64", (any_fn *)dirty_64},
    {"six_ints", (any_fn *)six_ints},
    {"ten_ints", (any_fn *)ten_ints},
    {"ten_doubles", (any_fn *)ten_doubles},
    {"add_float", (any_fn *)add_float},
    {"interleave", (any_fn *)interleave},
    {"swap_pair", (any_fn *)swap_pair},
    {"change_mixed", (any_fn *)change_mixed},
    {"change_split", (any_fn *)change_split},
    {"change_floats", (any_fn *)change_floats},
    {"change_large", (any_fn *)change_large},
    {"reverse_bytes", (any_fn *)reverse_bytes},
    {"pairs", (any_fn *)pairs},
    {"sum_of_large", (any_fn *)sum_of_large},
    {"deep", (any_fn *)deep},
    {"strlen", (any_fn *)strlen},
    {"memcpy", (any_fn *)memcpy},
    {"snprintf", (any_fn *)snprintf},
    {"getpid", (any_fn *)getpid},
    {"qsort", (any_fn *)qsort},
    {"write", (any_fn *)write_nowhere},
    {"foo_func", (any_fn *)foo_func},
    {"bar_func", (any_fn *)bar_func},
    {"baz_func", (any_fn *)baz_func},
};

uint64_t native_thing_address(const char *name)
{
    if (strncmp(name, "buffer", 6) == 0 && (!name[6] || name[6] == '+')) {
        uint64_t offset = name[6] ? strtoull(name + 7, NULL, 10) : 0;
        return offset < sizeof buffer ? (uintptr_t)buffer + offset : 0;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return (uintptr_t)functions[i].function;
        }
    }
    uint64_t address = native_caller_address(name);
    return address ? address : native_vector_address(name);
}
