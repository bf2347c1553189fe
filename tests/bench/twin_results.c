/* What the kernels' C twins give for small numbers, as lines NAME N RESULT. Status 1 when two
 * compilers do not agree. */
#include "generated_kernels.h"

#include <stdio.h>

#define DECLARE(name, bench_n, test_n)                                                             \
    int64_t clang_o2_##name(int64_t n);                                                            \
    int64_t gcc_o2_##name(int64_t n);                                                              \
    int64_t clang_o0_##name(int64_t n);
KERNEL_LIST(DECLARE)
#undef DECLARE

static int print_result(const char *name, int64_t n, const int64_t results[3])
{
    printf("%s %lld %lld\n", name, (long long)n, (long long)results[0]);
    if (results[0] == results[1] && results[0] == results[2]) {
        return 0;
    }
    fprintf(stderr, "%s: the twins differ: %lld, %lld, %lld\n", name, (long long)results[0],
            (long long)results[1], (long long)results[2]);
    return 1;
}

int main(void)
{
    int status = 0;
#define PRINT(name, bench_n, test_n)                                                               \
    status |= print_result(                                                                        \
        #name, test_n,                                                                             \
        (int64_t[]){clang_o2_##name(test_n), gcc_o2_##name(test_n), clang_o0_##name(test_n)});
    KERNEL_LIST(PRINT)
#undef PRINT
    return status;
}
