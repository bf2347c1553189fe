#include "mu_abi.h"

const char *mu_abi_guest_error_name(mu_guest_error error)
{
    static const char *const names[] = {
#define MU_GUEST_ERROR_NAME(name, text) #name,
        MU_GUEST_ERROR_LIST(MU_GUEST_ERROR_NAME)
#undef MU_GUEST_ERROR_NAME
    };
    return (size_t)error < sizeof names / sizeof *names ? names[error] : "?";
}

const char *mu_abi_guest_error_text(mu_guest_error error)
{
    static const char *const texts[] = {
#define MU_GUEST_ERROR_TEXT(name, text) text,
        MU_GUEST_ERROR_LIST(MU_GUEST_ERROR_TEXT)
#undef MU_GUEST_ERROR_TEXT
    };
    return (size_t)error < sizeof texts / sizeof *texts ? texts[error] : "?";
}
