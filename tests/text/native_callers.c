/* C functions that call what they are given: exposed Mu functions. Each keeps something across the
 * call, and mixes arguments and results so that one in a wrong place shows. */
#include "native_things.h"

#include "native_structs.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static double call_twice(double value, double (*function)(double))
{
    double first = function(value);
    return first + function(value + 1.0);
}

static void call_times(void (*function)(void), int64_t times)
{
    for (int64_t i = 0; i < times; i++) {
        function();
    }
}

static int64_t call_int(int64_t (*function)(int64_t), int64_t value)
{
    return function(value) + 1;
}

/* The factorial, by two functions in turns. */
typedef void any_fn(void);
typedef int32_t ping_fn(int32_t value, any_fn *peer);
static int32_t ping(int32_t value, any_fn *peer)
{
    return value == 0 ? 1 : value * ((ping_fn *)peer)(value - 1, (any_fn *)ping);
}

static void give_ten(void (*function)(int32_t))
{
    for (int32_t i = 1; i <= 10; i++) {
        function(i);
    }
}

/* The product of what it is given, until that is negative. */
static int32_t take_all(int32_t (*function)(void))
{
    int32_t product = 1;
    for (int32_t value = function(); value >= 0; value = function()) {
        product *= value;
    }
    return product;
}

typedef int64_t ten_fn(int64_t a, int32_t b, int16_t c, int8_t d, int64_t e, int64_t f, int8_t g,
                       int16_t h, int32_t i, int64_t j);
/* More locals than there are registers that a call keeps. */
static int64_t call_ten(ten_fn *function, int64_t a, int64_t j)
{
    int64_t local[8];
    for (int k = 0; k < 8; k++) {
        local[k] = a * (k + 1);
    }
    int64_t result = function(a, 2, 3, 4, 5, 6, 7, 8, 9, j);
    int64_t sum = 0;
    for (int k = 0; k < 8; k++) {
        sum += local[k];
    }
    return result + 10000000000 * sum;
}

typedef double ten_doubles_fn(double a, double b, double c, double d, double e, double f, double g,
                              double h, double i, double j);
static double call_ten_doubles(ten_doubles_fn *function, double a, double b)
{
    return function(a, 2, 4, 8, 16, 32, 64, 128, b, 512) / 2;
}

/* What is above an argument's own bits is open. */
typedef int64_t wide_fn(uint64_t a, uint64_t b, uint64_t c);
static int64_t call_dirty(wide_fn *function)
{
    return function(0xfffffffffffffff5u, 0xaaaaaaaaaaaa1234u, 0x5555555587654321u);
}

static int64_t call_narrow(int8_t (*small)(void), int16_t (*medium)(void))
{
    return small() * 100000 + medium();
}

static float call_float(float (*function)(float, double, float), float a)
{
    return function(a, 2.0, 3.0f) * 10.0f;
}

static pair call_pair(pair (*function)(pair), int64_t a, int64_t b)
{
    pair got = function((pair){a, b});
    return (pair){got.a + 1, got.b + 2};
}

static mixed call_mixed(mixed (*function)(mixed), float x, int32_t n)
{
    mixed got = function((mixed){x, 2 * x, n});
    return (mixed){got.y, got.x, got.n + 1};
}

static split call_split(split (*function)(split), int64_t n, double d)
{
    split got = function((split){n, d});
    return (split){got.n + 1, got.d + 1.0};
}

static floats call_floats(floats (*function)(floats), double x, float y)
{
    floats got = function((floats){x, y});
    return (floats){got.x + 1.0, got.y + 2.0f};
}

typedef large large_fn(int64_t before, large value, int64_t after);
static large call_large(large_fn *function, int64_t a)
{
    large got = function(a, (large){1, 2, 3, 4, 5.0}, 2 * a);
    got.a++;
    return got;
}

typedef int64_t pairs_fn(pair a, pair b, int64_t c, pair d, int64_t e);
static int64_t call_pairs(pairs_fn *function, int64_t e)
{
    return function((pair){1, 2}, (pair){3, 4}, 5, (pair){6, 7}, e) + 1;
}

/* Many C frames, and large ones, below the callback. */
static int64_t call_deep(int64_t (*function)(int64_t), int64_t depth)
{
    volatile unsigned char frame[4000];
    memset((void *)(uintptr_t)frame, (int)(depth & 0xff), sizeof frame);
    int64_t result = depth ? call_deep(function, depth - 1) : function(depth);
    for (size_t i = 0; i < sizeof frame; i++) {
        if (frame[i] != (depth & 0xff)) {
            return -1;
        }
    }
    return result + 1;
}

static int64_t (*kept)(int64_t);
static void keep(int64_t (*function)(int64_t))
{
    kept = function;
}

static int64_t call_kept(int64_t value)
{
    return kept(value);
}

static const struct {
    const char *name;
    any_fn *function;
} callers[] = {
    {"call_twice", (any_fn *)call_twice},
    {"call_times", (any_fn *)call_times},
    {"call_int", (any_fn *)call_int},
    {"ping", (any_fn *)ping},
    {"give_ten", (any_fn *)give_ten},
    {"take_all", (any_fn *)take_all},
    {"call_ten", (any_fn *)call_ten},
    {"call_ten_doubles", (any_fn *)call_ten_doubles},
    {"call_dirty", (any_fn *)call_dirty},
    {"call_narrow", (any_fn *)call_narrow},
    {"call_float", (any_fn *)call_float},
    {"call_pair", (any_fn *)call_pair},
    {"call_mixed", (any_fn *)call_mixed},
    {"call_split", (any_fn *)call_split},
    {"call_floats", (any_fn *)call_floats},
    {"call_large", (any_fn *)call_large},
    {"call_pairs", (any_fn *)call_pairs},
    {"call_deep", (any_fn *)call_deep},
    {"keep", (any_fn *)keep},
    {"call_kept", (any_fn *)call_kept},
};

uint64_t native_caller_address(const char *name)
{
    for (size_t i = 0; i < sizeof callers / sizeof *callers; i++) {
        if (strcmp(callers[i].name, name) == 0) {
            return (uintptr_t)callers[i].function;
        }
    }
    return 0;
}
