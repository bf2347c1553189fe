#pragma once
/* A server that speaks the protocol with canned behaviour, in a thread, on a socket in a fresh
 * folder. It serves one connection after the other. What it does is chosen by names in requests:
 *
 *     call  echo      returns the arguments as given
 *           add       returns int<64> 42 after a CallStarted
 *           throw     GUEST_EXCEPTION with two frames
 *           spin      never returns; killed, it ends as KILLED
 *           trap      traps and returns what the trap was resumed with
 *           traps     two traps already resumed, then returns nothing
 *           vanish    the connection is closed in the middle of the call
 *           cut       the connection is closed in the middle of a frame
 *           garbage   answers with what is not a frame
 *           wrong     answers a Listing
 *     load  vm "bad"  BUNDLE_REJECTED at the end; vm "full" RESOURCE_EXHAUSTED at the first chunk
 *
 * Replies to calls are held back while the next request is already there, and then go out last
 * first, so that pipelining is tried. */
#include "fake_contexts.h"
#include <stddef.h>

typedef struct fake_mud fake_mud;

typedef struct fake_options {
    uint32_t version; /* 0: the right one */
    int is_silent;    /* accepts and never answers */
    int is_rude;      /* answers Hello with an Error */
} fake_options;

fake_mud *fake_mud_start(const fake_options *options);
const char *fake_mud_socket(const fake_mud *fake);
/* Stops the thread, and frees. */
void fake_mud_stop(fake_mud *fake);

/* What was received, for the test to look at after the client's call has returned. */
size_t fake_mud_uploaded_bytes(fake_mud *fake);
size_t fake_mud_answers(fake_mud *fake);
fake_seen *fake_mud_seen(fake_mud *fake);
/* Makes a TrapGone follow each trap of "trap", with KILLED as the reply. */
void fake_mud_gone_set(fake_mud *fake);
