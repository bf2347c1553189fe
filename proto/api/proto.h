#pragma once
/* What goes over the socket between mud and its clients: the messages of mud.proto (this header
 * brings in their generated declarations), cutting a byte stream into frames, and unpacking a frame
 * that somebody else wrote.
 *
 * A received frame goes through proto_client_frame_unpack or proto_server_frame_unpack and through
 * nothing else: they look the bytes over before protobuf-c does, and give it bounded memory.
 * A message to be sent is started with its init function (mud__error__init), which leaves every
 * string empty; the generated MUD__…__INIT macros do the same but break our warnings.
 *
 * Threads: every object here belongs to one thread at a time; there is no shared state.
 */
#include "mud.pb-c.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTO_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define PROTO_MUST_CHECK                  __attribute__((warn_unused_result))

#define PROTO_VERSION           1u           /* in Hello and Welcome */
#define PROTO_HEADER_BYTES      4u           /* the length in front of a frame */
#define PROTO_FRAME_LIMIT_BYTES (4u << 20)   /* of one frame, without its header */
#define PROTO_CHUNK_BYTES       (256u << 10) /* a good size for LoadChunk.bytes */

/* What one frame may hold; a frame over a limit is refused before anything is unpacked. */
#define PROTO_DEPTH_LIMIT   8u
#define PROTO_FIELD_LIMIT   262144u
#define PROTO_MESSAGE_LIMIT 65536u
#define PROTO_UNKNOWN_LIMIT 64u

/* clang-format off */
#define PROTO_STATUS_LIST(S)                                                                    \
    S(OK,             "done")                                                                   \
    S(INCOMPLETE,     "more bytes are needed")                                                  \
    S(FRAME_TOO_LONG, "a frame is longer than its limit")                                       \
    S(MALFORMED,      "the bytes are not a message of the schema")                              \
    S(TOO_DEEP,       "messages are nested too deeply")                                         \
    S(TOO_MANY,       "the frame has too many fields")                                          \
    S(NO_MEMORY,      "the message does not fit in the memory a frame may take")
/* clang-format on */

typedef enum proto_status {
#define PROTO_STATUS_ENUM(name, text) PROTO_##name,
    PROTO_STATUS_LIST(PROTO_STATUS_ENUM)
#undef PROTO_STATUS_ENUM
} proto_status;

/* The status's name ("TOO_DEEP"); static storage. */
const char *proto_status_name(proto_status status);
/* One phrase about the status; static storage. */
const char *proto_status_text(proto_status status);

/* --- Memory of messages -----------------------------------------------------------------------
 * Everything that lives as long as one message: an unpacked frame, or the parts of a frame being
 * put together. Freed as a whole. */
typedef struct proto_arena proto_arena;

/* The caller owns the arena. NULL when memory is out. An arena holds no chunk before its first use.
 */
proto_arena *proto_arena_new(void);
/* Frees the arena and all that was unpacked or allocated in it; NULL is allowed. */
void proto_arena_free(proto_arena *arena);
/* Frees what is in the arena, so that the next message can use it. */
void proto_arena_reset(proto_arena *arena);
/* Zeroed memory, aligned for anything, that lives as long as the arena's content. NULL when memory
 * is out or `size_bytes` is over 1 GiB. */
void *proto_arena_allocate(proto_arena *arena, size_t size_bytes);
/* A copy of `text` (NULL gives ""); NULL when memory is out. */
char *proto_arena_copy(proto_arena *arena, const char *text);
/* Formatted text; NULL when memory is out. */
char *proto_arena_format(proto_arena *arena, const char *format, ...) PROTO_PRINTF(2, 3);
/* Bytes taken from malloc at present. */
size_t proto_arena_bytes(const proto_arena *arena);

/* --- Unpacking --------------------------------------------------------------------------------
 * Unpacks the frame `bytes` (without the length before it), which may be anything at all. `out`
 * and what it points to live in `arena`; the bytes are not needed afterwards. Strings are never
 * NULL and hold no NUL inside, but may hold any other character: clean them before showing them.
 * The oneof may be unset, and message fields may be NULL.
 *
 * Refused although protobuf would take it: a field that is given twice without being repeated, a
 * known field of another wire type, groups, and what is over the limits above.
 * Memory: at most 16 MiB and twice the frame.
 * Errors: FRAME_TOO_LONG, MALFORMED, TOO_DEEP, TOO_MANY, NO_MEMORY; `out` is untouched, and the
 * arena may hold remains until it is reset or freed. */
PROTO_MUST_CHECK proto_status proto_client_frame_unpack(const uint8_t *bytes, size_t length,
                                                        proto_arena *arena, Mud__ClientFrame **out);
PROTO_MUST_CHECK proto_status proto_server_frame_unpack(const uint8_t *bytes, size_t length,
                                                        proto_arena *arena, Mud__ServerFrame **out);

/* --- Cutting a stream into frames -------------------------------------------------------------
 * Feed whatever a read gave, then take frames until INCOMPLETE. Memory follows the bytes that have
 * arrived, never a length that was only announced. */
typedef struct proto_decoder proto_decoder;

/* The caller owns the decoder; NULL when memory is out. */
proto_decoder *proto_decoder_new(void);
void proto_decoder_free(proto_decoder *decoder); /* NULL is allowed */
/* Takes a copy of the bytes. Frames borrowed earlier are gone.
 * Errors: FRAME_TOO_LONG once such a frame was announced (the stream is lost), NO_MEMORY. */
PROTO_MUST_CHECK proto_status proto_decoder_feed(proto_decoder *decoder, const uint8_t *bytes,
                                                 size_t count);
/* The next complete frame, without its header, borrowed until the next feed or free. `length` may
 * be 0. Errors: INCOMPLETE, FRAME_TOO_LONG. */
PROTO_MUST_CHECK proto_status proto_decoder_next(proto_decoder *decoder, const uint8_t **frame,
                                                 size_t *length);
/* Bytes fed and not yet given out: not 0 at the end of a stream that was cut in a frame. */
size_t proto_decoder_pending_bytes(const proto_decoder *decoder);
/* Bytes of memory that the decoder's buffer takes. */
size_t proto_decoder_capacity_bytes(const proto_decoder *decoder);

/* --- Writing frames ---------------------------------------------------------------------------
 * Bytes to be sent: the first `length` of `bytes`, which is from malloc. Start with zeroes; sent
 * bytes are removed by proto_buffer_consume, or the caller takes the memory and zeroes the struct.
 */
typedef struct proto_buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
} proto_buffer;

/* Appends the frame's length and bytes. Errors: FRAME_TOO_LONG, NO_MEMORY; `out` keeps what it had.
 */
PROTO_MUST_CHECK proto_status proto_client_frame_append(proto_buffer *out,
                                                        const Mud__ClientFrame *frame);
PROTO_MUST_CHECK proto_status proto_server_frame_append(proto_buffer *out,
                                                        const Mud__ServerFrame *frame);
/* Removes the first `count` bytes, at most all. */
void proto_buffer_consume(proto_buffer *buffer, size_t count);
void proto_buffer_deinit(proto_buffer *buffer);

/* --- Codes and text ---------------------------------------------------------------------------
 * A code of an Error may be a number that this version does not know. */
/* "NOT_FOUND"; "UNKNOWN" for a code not in the schema. Static storage. */
const char *proto_code_name(Mud__Code code);
/* The exit status of a program whose work ended with this code. */
int proto_code_exit_status(Mud__Code code);

/* Writes `text` so that it can be shown on a terminal in one line: control characters, characters
 * that change the direction of writing, and bytes that are not UTF-8 become \n, \t or \x1b. Like
 * snprintf: writes at most `capacity` bytes with the ending NUL, never cuts a character, returns
 * the length of the whole text. `out` may be NULL when `capacity` is 0. */
size_t proto_text_clean(char *out, size_t capacity, const char *text);
/* The length in bytes of the UTF-8 character at `text` (1 to 4), 0 when it is not well-formed. The
 * text ends with a NUL. */
size_t proto_utf8_length(const char *text);
