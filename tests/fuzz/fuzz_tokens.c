/* libFuzzer on a text format: FUZZ_TARGET, which the build gives, is the function of fuzz_targets.h
 * to run. A quarter of the mutations are libFuzzer's own on bytes, the rest ours on tokens. */
#include "fuzz_targets.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t length, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t capacity, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_length, const uint8_t *b,
                                 size_t b_length, uint8_t *out, size_t capacity, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    FUZZ_TARGET(bytes, length);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t capacity, unsigned seed)
{
    if (seed % 4 == 0) {
        return LLVMFuzzerMutate(bytes, length, capacity);
    }
    return fuzz_mutate_tokens(bytes, length, capacity, NULL, 0, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_length, const uint8_t *b,
                                 size_t b_length, uint8_t *out, size_t capacity, unsigned seed)
{
    size_t length = a_length < capacity ? a_length : capacity;
    memcpy(out, a, length);
    return fuzz_mutate_tokens(out, length, capacity, b_length > 0 ? b : NULL, b_length, seed);
}
