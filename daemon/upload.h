#pragma once
/* Bundles on their way from a client, a chunk at a time. Memory follows what has arrived. */
#include "mu_base.h"
#include "proto.h"

#define MUD_UPLOADS_MOST       4u /* of one session */
#define MUD_UPLOAD_MOST_BYTES  (64ull << 20)
#define MUD_UPLOADS_MOST_BYTES (1ull << 30) /* of all sessions together */

typedef struct mud_upload {
    bool is_open;
    bool has_failed; /* an error was sent; the rest of it is read and dropped */
    uint32_t number; /* the client's */
    char *vm, *bundle, *file, *guest;
    uint64_t heap_bytes;
    bool grant_native;
    uint8_t *bytes;
    size_t length;
    size_t capacity;
} mud_upload;

struct mud_daemon;
struct mud_session;
void mud_upload_begin(struct mud_session *session, const Mud__ClientFrame *frame);
void mud_upload_chunk(struct mud_session *session, const Mud__ClientFrame *frame);
void mud_upload_end(struct mud_session *session, const Mud__ClientFrame *frame);
void mud_upload_drop(struct mud_daemon *daemon, mud_upload *upload);
