#pragma once
/* Which function handles which request. Hello is the session's own matter. */
#include "session.h"

typedef void mud_request_fn(mud_session *session, const Mud__ClientFrame *frame);

typedef struct mud_request_row {
    Mud__ClientFrame__RequestCase request;
    const char *name;
    mud_request_fn *handle;
    bool is_new_work; /* refused while mud is shutting down */
} mud_request_row;

/* NULL for a case that is not in the table. */
const mud_request_row *mud_request_row_of(Mud__ClientFrame__RequestCase request);
