#pragma once
/* How workers reach the loop's thread: a queue of function calls that the loop makes, in the order
 * in which they were posted. */
#include "mu_base.h"
#include <pthread.h>
#include <uv.h>

typedef void mud_letter_fn(void *context);

typedef struct mud_mailbox {
    uv_async_t wake;
    pthread_mutex_t lock;
    struct mud_letter *first; /* under `lock` */
    struct mud_letter *last;
} mud_mailbox;

void mud_mailbox_init(mud_mailbox *mailbox, uv_loop_t *loop);
/* Has `open(context)` called on the loop's thread soon. From any thread. */
void mud_mailbox_post(mud_mailbox *mailbox, mud_letter_fn *open, void *context);
/* When nobody will post any more; ends with the loop's next turn. */
void mud_mailbox_close(mud_mailbox *mailbox);
/* After the loop has ended. */
void mud_mailbox_deinit(mud_mailbox *mailbox);
