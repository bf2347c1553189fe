#include "mailbox.h"
#include <criterion/criterion.h>

enum { PATIENT = 100, PROMPT = 1000, ANSWER = 2000 };

typedef struct reader {
    mud_mailbox mailbox;
    int seen[PATIENT + 3];
    int count;
} reader;

typedef struct note {
    reader *to;
    int number;
} note;

static void open_note(void *context)
{
    note *self = context;
    self->to->seen[self->to->count++] = self->number;
}

/* What comes of it is prompt. */
static void open_and_answer(void *context)
{
    static note answer;
    note *self = context;
    open_note(self);
    answer = (note){self->to, ANSWER};
    mud_mailbox_post(&self->to->mailbox, open_note, &answer);
}

static int place_of(const reader *self, int number)
{
    for (int i = 0; i < self->count; i++) {
        if (self->seen[i] == number) {
            return i;
        }
    }
    return -1;
}

Test(mud_mailbox, prompt_letters_overtake_patient_ones_and_are_not_overtaken)
{
    static reader self;
    static note notes[PATIENT + 2];
    uv_loop_t loop;
    cr_assert_eq(uv_loop_init(&loop), 0);
    mud_mailbox_init(&self.mailbox, &loop);
    for (int i = 0; i < PATIENT; i++) {
        notes[i] = (note){&self, i};
        mud_mailbox_post_patient(&self.mailbox, i == 0 ? open_and_answer : open_note, &notes[i]);
    }
    notes[PATIENT] = (note){&self, PROMPT};
    mud_mailbox_post(&self.mailbox, open_note, &notes[PATIENT]);
    notes[PATIENT + 1] = (note){&self, PATIENT};
    mud_mailbox_post_patient(&self.mailbox, open_note, &notes[PATIENT + 1]);
    while (self.count < PATIENT + 3) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    mud_mailbox_close(&self.mailbox);
    uv_run(&loop, UV_RUN_DEFAULT);
    mud_mailbox_deinit(&self.mailbox);
    cr_assert_eq(uv_loop_close(&loop), 0);

    cr_assert_eq(place_of(&self, PROMPT), 0, "posted before the last, and prompt");
    for (int i = 0; i < PATIENT; i++) {
        cr_assert_lt(place_of(&self, i), place_of(&self, i + 1), "letter %d", i);
    }
    cr_assert_lt(place_of(&self, ANSWER), place_of(&self, PATIENT - 1), "not after all of them");
}
