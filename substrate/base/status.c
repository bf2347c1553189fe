#include "mu_base.h"

#include <stdio.h>
#include <stdlib.h>

const char *mu_status_name(mu_status status)
{
    static const char *const names[] = {
#define MU_STATUS_NAME(name, text) #name,
        MU_STATUS_LIST(MU_STATUS_NAME)
#undef MU_STATUS_NAME
    };
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "?";
}

const char *mu_status_text(mu_status status)
{
    static const char *const texts[] = {
#define MU_STATUS_WORDS(name, text) text,
        MU_STATUS_LIST(MU_STATUS_WORDS)
#undef MU_STATUS_WORDS
    };
    return (size_t)status < sizeof texts / sizeof *texts ? texts[status] : "?";
}

void mu_invariant_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "mud: broken invariant at %s:%d: %s\nmud: ", file, line, condition);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nmud: this is a fault in mud itself; please report it with this text\n");
    abort();
}
