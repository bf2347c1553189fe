/* Names of statuses and codes. */
#include "proto.h"

static const char *const status_names[] = {
#define STATUS_NAME(name, text) [PROTO_##name] = #name,
    PROTO_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
};

static const char *const status_texts[] = {
#define STATUS_TEXT(name, text) [PROTO_##name] = (text),
    PROTO_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
};

enum { STATUS_COUNT = sizeof status_names / sizeof status_names[0] };

const char *proto_status_name(proto_status status)
{
    return (unsigned)status < STATUS_COUNT ? status_names[status] : "UNKNOWN";
}

const char *proto_status_text(proto_status status)
{
    return (unsigned)status < STATUS_COUNT ? status_texts[status] : "an unknown status";
}

typedef struct code_row {
    const char *name;
    int exit_status;
} code_row;

/* clang-format off */
static const code_row code_rows[] = {
    [MUD__CODE__OK]                  = {"OK",                  0},
    [MUD__CODE__UNKNOWN]             = {"UNKNOWN",             1},
    [MUD__CODE__INVALID_ARGUMENT]    = {"INVALID_ARGUMENT",    2},
    [MUD__CODE__UNAVAILABLE]         = {"UNAVAILABLE",         3},
    [MUD__CODE__NOT_FOUND]           = {"NOT_FOUND",           4},
    [MUD__CODE__ALREADY_EXISTS]      = {"ALREADY_EXISTS",      5},
    [MUD__CODE__FAILED_PRECONDITION] = {"FAILED_PRECONDITION", 5},
    [MUD__CODE__PERMISSION_DENIED]   = {"PERMISSION_DENIED",   6},
    [MUD__CODE__BUNDLE_REJECTED]     = {"BUNDLE_REJECTED",     7},
    [MUD__CODE__GUEST_EXCEPTION]     = {"GUEST_EXCEPTION",     8},
    [MUD__CODE__RESOURCE_EXHAUSTED]  = {"RESOURCE_EXHAUSTED",  9},
    [MUD__CODE__CANCELLED]           = {"CANCELLED",           10},
    [MUD__CODE__DEADLINE_EXCEEDED]   = {"DEADLINE_EXCEEDED",   124},
    [MUD__CODE__KILLED]              = {"KILLED",              137},
    [MUD__CODE__INTERNAL]            = {"INTERNAL",            70},
};
/* clang-format on */

static const code_row *row_of(Mud__Code code)
{
    unsigned count = sizeof code_rows / sizeof code_rows[0];
    return &code_rows[(unsigned)code < count ? (unsigned)code : MUD__CODE__UNKNOWN];
}

const char *proto_code_name(Mud__Code code)
{
    return row_of(code)->name;
}

int proto_code_exit_status(Mud__Code code)
{
    return row_of(code)->exit_status;
}
