#pragma once
/* Accepting connections. mud accepts by itself rather than through uv_listen, so that it can stop
 * for a moment when the process is out of descriptors instead of spinning. */
#include "socket_claim.h"
#include <uv.h>

struct mud_daemon;

typedef struct mud_listener {
    mud_socket_claim claim;
    uv_poll_t poll;
    uv_timer_t pause; /* after an error */
    bool is_open;
} mud_listener;

/* The claim has been made. */
void mud_listener_open(struct mud_daemon *daemon);
/* Stops accepting and removes the socket. */
void mud_listener_close(struct mud_daemon *daemon);
