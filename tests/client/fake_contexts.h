#pragma once
/* The part of fake_mud that is about contexts. Operations are done on plain numbers, which is
 * enough to see what arrives, in what order and in how many messages:
 *
 *     handle_from_int, handle_to_int    keep a number, give it back
 *     id_of "@n123", name_of 123        123, "@n123"; any other name is NOT_FOUND
 *     handle_from_const 666             fails; of another id: the id
 *     dump_keepalives                   two values, 42 and 43
 *     new_thread_nor                    a thread, which traps in WaitThreads
 *     describe                          a reference with fields; the path as its value
 *     wants                             1
 *     a result of any other             the number of the operation
 *
 * A trap's answer is refused when it passes the value 13. */
#include "proto.h"
#include <stdatomic.h>
#include <stdbool.h>

#define FAKE_VALUES_SHOWN 8

/* What came, for the test to look at after its call has returned. */
typedef struct fake_seen {
    atomic_size_t opened;
    atomic_size_t closed;
    atomic_size_t performs;
    atomic_size_t operations; /* that were done */
    atomic_size_t answers;
    /* Of the last answer to a trap. */
    Mud__Rebind__Decision decision;
    uint64_t stack;
    uint64_t exception;
    size_t value_count;
    uint64_t values[FAKE_VALUES_SHOWN];
} fake_seen;

typedef struct fake_contexts fake_contexts;
typedef void (*fake_send_fn)(void *session, Mud__ServerFrame *frame);

/* One for each connection. */
fake_contexts *fake_contexts_new(fake_seen *seen, fake_send_fn send, void *session);
void fake_contexts_free(fake_contexts *contexts);
/* A context for a trap that somebody else sends. */
uint64_t fake_contexts_open(fake_contexts *contexts);
/* Serves a request about contexts; false for one that is about something else. */
bool fake_contexts_serve(fake_contexts *contexts, proto_arena *arena,
                         const Mud__ClientFrame *frame);
