/* Text from elsewhere, made safe for a terminal: what could move its cursor, change its title or
 * turn the direction of writing is shown as an escape. */
#include "proto.h"
#include <stdio.h>
#include <string.h>

size_t proto_utf8_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) {
        return 1;
    }
    /* The second byte's range excludes overlong forms, surrogates and what is over U+10FFFF. */
    unsigned low = 0x80;
    unsigned high = 0xbf;
    size_t length;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        length = 2;
    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        length = 3;
        low = s[0] == 0xe0 ? 0xa0 : low;
        high = s[0] == 0xed ? 0x9f : high;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        length = 4;
        low = s[0] == 0xf0 ? 0x90 : low;
        high = s[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static bool is_shown(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    switch (length) {
    case 1: return s[0] >= 0x20 && s[0] != 0x7f;
    case 2: return !(s[0] == 0xc2 && s[1] < 0xa0) && !(s[0] == 0xd8 && s[1] == 0x9c);
    case 3:
        if (s[0] == 0xe2 && s[1] == 0x80) { /* U+200B-F marks, U+2028-9, U+202A-E direction */
            return !((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae));
        }
        if (s[0] == 0xe2 && s[1] == 0x81) { /* U+2066-9 direction */
            return !(s[2] >= 0xa6 && s[2] <= 0xa9);
        }
        return !(s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf); /* U+FEFF */
    default: return true;
    }
}

/* How one byte that is not shown is written. */
static void byte_escape(char escape[5], unsigned char byte)
{
    if (byte == '\n' || byte == '\t' || byte == '\r') {
        escape[0] = '\\';
        escape[1] = byte == '\n' ? 'n' : byte == '\t' ? 't' : 'r';
        escape[2] = 0;
        return;
    }
    (void)snprintf(escape, 5, "\\x%02x", byte);
}

size_t proto_text_clean(char *out, size_t capacity, const char *text)
{
    size_t total = 0;
    size_t written = 0;
    bool fits = capacity > 0;
    for (const char *at = text; *at != 0;) {
        size_t taken = proto_utf8_length(at);
        char escape[5];
        const char *piece = at;
        size_t piece_length = taken;
        if (taken == 0 || !is_shown(at, taken)) {
            taken =
                1; /* the bytes after the first are not UTF-8 by themselves: each gets an escape */
            byte_escape(escape, (unsigned char)*at);
            piece = escape;
            piece_length = strlen(escape);
        }
        fits = fits && piece_length < capacity - written;
        if (fits) {
            memcpy(out + written, piece, piece_length);
            written += piece_length;
        }
        total += piece_length;
        at += taken;
    }
    if (capacity > 0) {
        out[written] = 0;
    }
    return total;
}
