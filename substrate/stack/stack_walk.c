/* Frames are chained through rbp, and each return address leads to its site's map: the walk needs
 * nothing else. */
#include "mu_stack.h"

static void look_up(const mu_code_cache *cache, mu_stack_cursor *cursor)
{
    cursor->object = mu_code_find(cache, cursor->return_address);
    MU_INVARIANT(cursor->object != NULL, "return address %#lx is not in the code cache",
                 (unsigned long)cursor->return_address);
    cursor->site = mu_code_site_at(cursor->object, cursor->return_address);
    MU_INVARIANT(cursor->site != NULL, "no site at return address %#lx in %s (+%#lx)",
                 (unsigned long)cursor->return_address, cursor->object->name,
                 (unsigned long)(cursor->return_address - (uintptr_t)cursor->object->start));
}

/* Passes over the words of a frame that has no rbp of its own: one that has not begun, or a native
 * one. */
static void pass_words(mu_stack_cursor *cursor)
{
    const uintptr_t *words = (const uintptr_t *)cursor->sp;
    cursor->return_address = words[MU_ABI_ADAPTER_WORDS - 1];
    cursor->sp += MU_ABI_ADAPTER_WORDS * sizeof(uintptr_t);
}

/* Frames that have not begun hold nothing: the walk does not show them. */
static bool arrive(const mu_code_cache *cache, mu_stack_cursor *cursor)
{
    look_up(cache, cursor);
    while (cursor->site->kind == MU_CODE_SITE_ADAPTER) {
        pass_words(cursor);
        look_up(cache, cursor);
    }
    return cursor->site->kind != MU_CODE_SITE_STUB;
}

bool mu_stack_first(const mu_code_cache *cache, uintptr_t return_address, uintptr_t frame,
                    uintptr_t sp, mu_stack_cursor *cursor)
{
    cursor->return_address = return_address;
    cursor->frame = frame;
    cursor->sp = sp;
    return arrive(cache, cursor);
}

bool mu_stack_next(const mu_code_cache *cache, mu_stack_cursor *cursor)
{
    if (mu_stack_is_native(cursor)) {
        pass_words(cursor);
        return arrive(cache, cursor);
    }
    const uintptr_t *frame = (const uintptr_t *)cursor->frame;
    cursor->return_address = frame[1];
    cursor->sp = cursor->frame + 2 * sizeof(uintptr_t);
    cursor->frame = frame[0];
    return arrive(cache, cursor);
}
