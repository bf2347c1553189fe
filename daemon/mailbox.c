#include "mailbox.h"

struct mud_letter {
    mud_letter_fn *open;
    void *context;
    struct mud_letter *next;
};

/* Between two looks at the sockets, that long. */
#define PATIENT_NS    300000u
#define PATIENT_BATCH 16u

static void append(mud_letters *letters, struct mud_letter *letter)
{
    *(letters->last == NULL ? &letters->first : &letters->last->next) = letter;
    letters->last = letter;
}

/* Up to so many of the letters, from the first. */
static struct mud_letter *take(mud_mailbox *mailbox, mud_letters *letters, uint32_t most)
{
    pthread_mutex_lock(&mailbox->lock);
    struct mud_letter *first = letters->first;
    struct mud_letter **link = &letters->first;
    while (*link != NULL && most-- > 0) {
        link = &(*link)->next;
    }
    letters->first = *link;
    *link = NULL;
    if (letters->first == NULL) {
        letters->last = NULL;
    }
    pthread_mutex_unlock(&mailbox->lock);
    return first;
}

static void open_all(struct mud_letter *letter)
{
    while (letter != NULL) {
        struct mud_letter *next = letter->next;
        letter->open(letter->context);
        mu_free(letter);
        letter = next;
    }
}

/* What is patient comes after everything that was posted before it, so it is taken first. */
static void on_wake(uv_async_t *wake)
{
    mud_mailbox *mailbox = wake->data;
    uint64_t end_ns = uv_hrtime() + PATIENT_NS;
    struct mud_letter *patient;
    do {
        patient = take(mailbox, &mailbox->patient, PATIENT_BATCH);
        open_all(take(mailbox, &mailbox->prompt, UINT32_MAX));
        open_all(patient);
    } while (patient != NULL && uv_hrtime() < end_ns);
    if (patient != NULL) {
        uv_async_send(wake);
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

static void post(mud_mailbox *mailbox, mud_letters *letters, mud_letter_fn *open, void *context)
{
    struct mud_letter *letter = mu_allocate(sizeof *letter);
    *letter = (struct mud_letter){.open = open, .context = context};
    pthread_mutex_lock(&mailbox->lock);
    append(letters, letter);
    /* Under the lock, so that the loop, which takes it to empty the queue, cannot close the handle
     * between the two. */
    uv_async_send(&mailbox->wake);
    pthread_mutex_unlock(&mailbox->lock);
}

void mud_mailbox_post(mud_mailbox *mailbox, mud_letter_fn *open, void *context)
{
    post(mailbox, &mailbox->prompt, open, context);
}

void mud_mailbox_post_patient(mud_mailbox *mailbox, mud_letter_fn *open, void *context)
{
    post(mailbox, &mailbox->patient, open, context);
}

void mud_mailbox_close(mud_mailbox *mailbox)
{
    uv_close((uv_handle_t *)&mailbox->wake, NULL);
}

void mud_mailbox_deinit(mud_mailbox *mailbox)
{
    MU_INVARIANT(mailbox->prompt.first == NULL && mailbox->patient.first == NULL,
                 "a letter was posted to a closed mailbox");
    pthread_mutex_destroy(&mailbox->lock);
}
