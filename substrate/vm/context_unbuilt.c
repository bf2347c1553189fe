/* In place of context_build.c while the room irbuilder is not there. */
#include "context_internal.h"

mu_status context_build(context_call *call)
{
    return context_refuse(call, MU_UNSUPPORTED, 0, "the IR builder is not in this build");
}
