/* protobuf-c 1.4.1 unpacks by recursion without a depth limit and takes up to a hundred times a
 * message's size, so each frame is first walked here: fields are read one after the other, and a
 * field that the schema calls a message opens a level on a small array instead of a recursion. Only
 * such fields open a level: protobuf-c, too, keeps an unknown field as plain bytes.
 *
 *     level 0   ClientFrame                                   ends at frame end
 *     level 1     Call                                        ends at its own length
 *     level 2       Value …
 *
 * A field that is not repeated but is given twice would send protobuf-c into merging messages,
 * which copies arrays again and again; no encoder writes such a frame, so it is refused. */
#include "frame_scan.h"
#include <string.h>

enum {
    WIRE_VARINT = PROTOBUF_C_WIRE_TYPE_VARINT,
    WIRE_64 = PROTOBUF_C_WIRE_TYPE_64BIT,
    WIRE_BYTES = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
    WIRE_32 = PROTOBUF_C_WIRE_TYPE_32BIT,
};

typedef struct scan_level {
    const ProtobufCMessageDescriptor *schema;
    const uint8_t *end;
    uint64_t seen; /* a bit for each field that may not come again */
} scan_level;

typedef struct scanner {
    const uint8_t *at;
    uint32_t depth; /* levels in use */
    uint32_t fields;
    uint32_t messages;
    uint32_t unknowns;
    scan_level levels[PROTO_DEPTH_LIMIT];
} scanner;

/* protobuf-c takes tags and lengths of up to 5 bytes and numbers of up to 10. */
enum { HEADER_VARINT_BYTES = 5, NUMBER_VARINT_BYTES = 10 };

static bool varint_read(const uint8_t **at, const uint8_t *end, unsigned most_bytes, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 7 * most_bytes && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static int wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM: return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_64;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
    }
    return -1;
}

/* Skips a value that is not length-prefixed. */
static bool scalar_skip(scanner *scan, const uint8_t *end, unsigned wire)
{
    uint64_t ignored;
    size_t size_bytes = wire == WIRE_64 ? 8 : 4;
    switch (wire) {
    case WIRE_VARINT: return varint_read(&scan->at, end, NUMBER_VARINT_BYTES, &ignored);
    case WIRE_64:
    case WIRE_32:
        if ((size_t)(end - scan->at) < size_bytes) {
            return false;
        }
        scan->at += size_bytes;
        return true;
    default: return false; /* groups, and wire types that do not exist */
    }
}

/* Marks a field that is not repeated, with all members of its oneof; false when it was given. */
static bool field_mark(scan_level *level, const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return true;
    }
    const ProtobufCFieldDescriptor *fields = level->schema->fields;
    unsigned index = (unsigned)(field - fields);
    if (index >= 64 || (level->seen >> index & 1) != 0) {
        return false;
    }
    level->seen |= UINT64_C(1) << index;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) {
        return true;
    }
    for (unsigned i = 0; i < level->schema->n_fields && i < 64; i++) {
        if ((fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
            fields[i].quantifier_offset == field->quantifier_offset) {
            level->seen |= UINT64_C(1) << i;
        }
    }
    return true;
}

/* Many numbers in one field: each takes memory as a field of its own does. */
static proto_status packed_scan(scanner *scan, const uint8_t *end, unsigned wire)
{
    while (scan->at < end) {
        if (!scalar_skip(scan, end, wire)) {
            return PROTO_MALFORMED;
        }
        if (++scan->fields > PROTO_FIELD_LIMIT) {
            return PROTO_TOO_MANY;
        }
    }
    return PROTO_OK;
}

static proto_status bytes_scan(scanner *scan, const ProtobufCFieldDescriptor *field)
{
    const uint8_t *end = scan->levels[scan->depth - 1].end;
    uint64_t length;
    if (!varint_read(&scan->at, end, HEADER_VARINT_BYTES, &length) ||
        length > (uint64_t)(end - scan->at)) {
        return PROTO_MALFORMED;
    }
    const uint8_t *content_end = scan->at + length;
    if (field != NULL && wire_of(field->type) != WIRE_BYTES) {
        return packed_scan(scan, content_end, (unsigned)wire_of(field->type));
    }
    if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (scan->depth == PROTO_DEPTH_LIMIT) {
            return PROTO_TOO_DEEP;
        }
        if (++scan->messages > PROTO_MESSAGE_LIMIT) {
            return PROTO_TOO_MANY;
        }
        scan->levels[scan->depth++] = (scan_level){.schema = field->descriptor, .end = content_end};
        return PROTO_OK;
    }
    if (field != NULL && field->type == PROTOBUF_C_TYPE_STRING &&
        memchr(scan->at, 0, (size_t)length) != NULL) {
        return PROTO_MALFORMED;
    }
    scan->at = content_end;
    return PROTO_OK;
}

static proto_status field_scan(scanner *scan)
{
    scan_level *level = &scan->levels[scan->depth - 1];
    uint64_t tag;
    if (!varint_read(&scan->at, level->end, HEADER_VARINT_BYTES, &tag) || tag > UINT32_MAX ||
        tag >> 3 == 0) {
        return PROTO_MALFORMED;
    }
    if (++scan->fields > PROTO_FIELD_LIMIT) {
        return PROTO_TOO_MANY;
    }
    unsigned wire = (unsigned)(tag & 7);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(level->schema, (unsigned)(tag >> 3));
    if (field == NULL) {
        if (++scan->unknowns > PROTO_UNKNOWN_LIMIT) {
            return PROTO_TOO_MANY;
        }
    } else {
        bool is_packed = wire == WIRE_BYTES && field->label == PROTOBUF_C_LABEL_REPEATED;
        if (wire_of(field->type) != (int)wire && !is_packed) {
            return PROTO_MALFORMED;
        }
        if (!field_mark(level, field)) {
            return PROTO_MALFORMED;
        }
    }
    if (wire == WIRE_BYTES) {
        return bytes_scan(scan, field);
    }
    return scalar_skip(scan, level->end, wire) ? PROTO_OK : PROTO_MALFORMED;
}

proto_status proto_frame_scan(const ProtobufCMessageDescriptor *schema, const uint8_t *bytes,
                              size_t length)
{
    if (length == 0) {
        return PROTO_OK;
    }
    scanner scan = {.at = bytes, .depth = 1};
    scan.levels[0] = (scan_level){.schema = schema, .end = bytes + length};
    while (scan.depth > 0) {
        if (scan.at == scan.levels[scan.depth - 1].end) {
            scan.depth--;
            continue;
        }
        proto_status status = field_scan(&scan);
        if (status != PROTO_OK) {
            return status;
        }
    }
    return PROTO_OK;
}
