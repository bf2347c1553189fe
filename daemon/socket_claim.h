#pragma once
/* The socket's path, owned by one mud at a time. A lock on PATH.lock tells a running owner from a
 * dead one, whose socket is replaced. */
#include "mu_base.h"

typedef struct mud_socket_claim {
    char *path;
    char *lock_path;
    int socket; /* listening */
    int lock;
} mud_socket_claim;

/* Makes the socket's directory (0700) when absent, and the listening socket (0600).
 * Errors: EXISTS, a mud is running there; INVALID, SYSTEM. The report says what to do. */
MU_MUST_CHECK mu_status mud_socket_claim_make(const char *path, mu_report *report,
                                              mud_socket_claim *claim);
/* Closes and removes socket and lock. */
void mud_socket_claim_release(mud_socket_claim *claim);
