/* libFuzzer on bytes from a peer. */
#include "fuzz_targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    fuzz_proto(bytes, length);
    return 0;
}
