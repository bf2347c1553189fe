#include "mailbox.h"

struct mud_letter {
    mud_letter_fn *open;
    void *context;
    struct mud_letter *next;
};

static struct mud_letter *take_all(mud_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    struct mud_letter *first = mailbox->first;
    mailbox->first = mailbox->last = NULL;
    pthread_mutex_unlock(&mailbox->lock);
    return first;
}

static void on_wake(uv_async_t *wake)
{
    mud_mailbox *mailbox = wake->data;
    struct mud_letter *letter = take_all(mailbox);
    while (letter != NULL) {
        struct mud_letter *next = letter->next;
        letter->open(letter->context);
        mu_free(letter);
        letter = next;
    }
}

void mud_mailbox_init(mud_mailbox *mailbox, uv_loop_t *loop)
{
    *mailbox = (mud_mailbox){0};
    pthread_mutex_init(&mailbox->lock, NULL);
    int failed = uv_async_init(loop, &mailbox->wake, on_wake);
    MU_INVARIANT(failed == 0, "uv_async_init: %s", uv_strerror(failed));
    mailbox->wake.data = mailbox;
}

void mud_mailbox_post(mud_mailbox *mailbox, mud_letter_fn *open, void *context)
{
    struct mud_letter *letter = mu_allocate(sizeof *letter);
    *letter = (struct mud_letter){.open = open, .context = context};
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->last == NULL) {
        mailbox->first = letter;
    } else {
        mailbox->last->next = letter;
    }
    mailbox->last = letter;
    /* Under the lock, so that the loop, which takes it to empty the queue, cannot close the handle
     * between the two. */
    uv_async_send(&mailbox->wake);
    pthread_mutex_unlock(&mailbox->lock);
}

void mud_mailbox_close(mud_mailbox *mailbox)
{
    uv_close((uv_handle_t *)&mailbox->wake, NULL);
}

void mud_mailbox_deinit(mud_mailbox *mailbox)
{
    struct mud_letter *letter = take_all(mailbox);
    MU_INVARIANT(letter == NULL, "a letter was posted to a closed mailbox");
    pthread_mutex_destroy(&mailbox->lock);
}
