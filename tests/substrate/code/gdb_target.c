/* What gdb_backtrace.sh debugs: C calls a piece of installed code, which calls C, where gdb stops.
 */
#include "mu_code.h"

void gdb_target_stop(void);
__attribute__((noinline)) void gdb_target_stop(void)
{
    __asm__ volatile("" ::: "memory");
}

int main(void)
{
    /* push rbp; mov rbp, rsp; call rdi; pop rbp; ret */
    static const unsigned char bytes[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
    mu_code_cache *cache;
    mu_code_config config = {.size_bytes = 1u << 20, .gdb = true};
    if (mu_code_cache_new(&config, &cache) != MU_OK) {
        return 1;
    }
    mu_code_object *object = mu_allocate(sizeof *object);
    object->name = mu_string_copy("@example.v1", 11);
    if (mu_code_install(cache, object, bytes, sizeof bytes) != MU_OK) {
        return 1;
    }
    void (*code)(void (*)(void)) = (void (*)(void (*)(void)))(uintptr_t)object->start;
    code(gdb_target_stop);
    code(gdb_target_stop); /* stepped through from its first instruction */
    mu_code_cache_free(cache);
    return 0;
}
