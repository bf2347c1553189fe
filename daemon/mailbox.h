#pragma once
/* How workers reach the loop's thread: a queue of function calls that the loop makes, in the order
 * in which they were posted; and one of those that can wait, of which it makes some between two
 * looks at its sockets. A program may cause thousands of those at once. */
#include "mu_base.h"
#include <pthread.h>
#include <uv.h>

typedef void mud_letter_fn(void *context);

typedef struct mud_letters {
    struct mud_letter *first, *last;
} mud_letters;

typedef struct mud_mailbox {
    uv_async_t wake;
    pthread_mutex_t lock;
    mud_letters prompt, patient; /* under `lock` */
} mud_mailbox;

void mud_mailbox_init(mud_mailbox *mailbox, uv_loop_t *loop);
/* Has `open(context)` called on the loop's thread soon. From any thread. */
void mud_mailbox_post(mud_mailbox *mailbox, mud_letter_fn *open, void *context);
/* The same for what can wait: after all that was posted before it, also by the other function. */
void mud_mailbox_post_patient(mud_mailbox *mailbox, mud_letter_fn *open, void *context);
/* When nobody will post any more; ends with the loop's next turn. */
void mud_mailbox_close(mud_mailbox *mailbox);
/* After the loop has ended. */
void mud_mailbox_deinit(mud_mailbox *mailbox);
