/* Mutations that keep a bundle a list of tokens: most of what comes out gets past the lexer, much
 * of it past the parser, and what it breaks are the rules behind them. */
#include "fuzz_targets.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct piece {
    size_t start, length;
} piece;

typedef struct chooser {
    uint64_t state;
} chooser;

static size_t choose(chooser *from, size_t below)
{
    from->state = from->state * 6364136223846793005u + 1442695040888963407u;
    return below == 0 ? 0 : (size_t)(from->state >> 33) % below;
}

static int is_word(uint8_t byte)
{
    return isalnum(byte) || strchr("@%#$_.-+", byte) != NULL;
}

/* The token that begins at or after `at`; length 0 at the end. */
static piece token_at(const uint8_t *bytes, size_t length, size_t at)
{
    while (at < length && isspace(bytes[at])) {
        at++;
    }
    piece token = {at, 0};
    while (at < length && bytes[at] != 0 && is_word(bytes[at])) {
        at++;
    }
    token.length = at > token.start ? at - token.start : (token.start < length ? 1 : 0);
    return token;
}

/* A random token: from a random place, back to the beginning of the word there. */
static piece any_token(chooser *from, const uint8_t *bytes, size_t length)
{
    size_t at = choose(from, length);
    while (at > 0 && bytes[at - 1] != 0 && is_word(bytes[at - 1])) {
        at--;
    }
    return token_at(bytes, length, at);
}

static piece any_line(chooser *from, const uint8_t *bytes, size_t length)
{
    size_t start = choose(from, length);
    while (start > 0 && bytes[start - 1] != '\n') {
        start--;
    }
    size_t end = start;
    while (end < length && bytes[end] != '\n') {
        end++;
    }
    return (piece){start, end < length ? end + 1 - start : end - start};
}

/* Replaces a piece; returns the new length, or the old one when it does not fit. */
static size_t replace(uint8_t *bytes, size_t length, size_t capacity, piece at, const uint8_t *with,
                      size_t with_length)
{
    size_t changed = length - at.length + with_length;
    if (changed > capacity) {
        return length;
    }
    uint8_t *copy = malloc(with_length + 1);
    if (with_length > 0) {
        memcpy(copy, with, with_length);
    }
    memmove(bytes + at.start + with_length, bytes + at.start + at.length,
            length - at.start - at.length);
    memcpy(bytes + at.start, copy, with_length);
    free(copy);
    return changed;
}

static size_t swap(uint8_t *bytes, size_t length, size_t capacity, piece a, piece b)
{
    if (a.start > b.start) {
        piece c = a;
        a = b;
        b = c;
    }
    if (a.start + a.length > b.start) {
        return length;
    }
    uint8_t *first = malloc(a.length + 1);
    memcpy(first, bytes + a.start, a.length);
    uint8_t *second = malloc(b.length + 1);
    memcpy(second, bytes + b.start, b.length);
    length = replace(bytes, length, capacity, b, first, a.length);
    length = replace(bytes, length, capacity, a, second, b.length);
    free(first);
    free(second);
    return length;
}

/* A token of the same kind (name, number, keyword), if a few tries find one. */
static piece similar_token(chooser *from, const uint8_t *bytes, size_t length, uint8_t like)
{
    piece found = any_token(from, bytes, length);
    for (int i = 0; i < 20 && found.length > 0; i++) {
        uint8_t first = bytes[found.start];
        if (first == like || (isdigit(first) && isdigit(like)) ||
            (isupper(first) && isupper(like))) {
            break;
        }
        found = any_token(from, bytes, length);
    }
    return found;
}

static size_t replace_number(chooser *from, uint8_t *bytes, size_t length, size_t capacity)
{
    static const char *const numbers[] = {"0",
                                          "1",
                                          "-1",
                                          "64",
                                          "65",
                                          "128",
                                          "65535",
                                          "4294967296",
                                          "1000",
                                          "0x7fffffffffffffff",
                                          "-0x8000000000000000",
                                          "18446744073709551616",
                                          "0777"};
    piece token = similar_token(from, bytes, length, '1');
    const char *number = numbers[choose(from, sizeof numbers / sizeof *numbers)];
    return replace(bytes, length, capacity, token, (const uint8_t *)number, strlen(number));
}

static size_t mutate_once(chooser *from, uint8_t *bytes, size_t length, size_t capacity,
                          const uint8_t *other, size_t other_length)
{
    piece token = any_token(from, bytes, length);
    piece line = any_line(from, bytes, length);
    switch (choose(from, 10)) {
    case 0: return replace(bytes, length, capacity, token, NULL, 0);
    case 1: return replace(bytes, length, capacity, line, NULL, 0);
    case 2: /* a token or a line twice */
        return replace(bytes, length, capacity, (piece){token.start, 0}, bytes + token.start,
                       token.length);
    case 3:
        return replace(bytes, length, capacity, (piece){line.start, 0}, bytes + line.start,
                       line.length);
    case 4: return swap(bytes, length, capacity, token, any_token(from, bytes, length));
    case 5: return swap(bytes, length, capacity, line, any_line(from, bytes, length));
    case 6: return replace_number(from, bytes, length, capacity);
    case 7:
    case 8: { /* a name for another name, a keyword for another keyword */
        uint8_t like = token.length > 0 ? bytes[token.start] : '@';
        piece with = similar_token(from, bytes, length, like);
        return replace(bytes, length, capacity, token, bytes + with.start, with.length);
    }
    default: { /* a line of the other text */
        piece with = any_line(from, other, other_length);
        return replace(bytes, length, capacity, (piece){line.start, 0}, other + with.start,
                       with.length);
    }
    }
}

size_t fuzz_mutate_tokens(uint8_t *bytes, size_t length, size_t capacity, const uint8_t *other,
                          size_t other_length, unsigned seed)
{
    static const uint8_t nothing[1] = {' '};
    chooser from = {seed};
    size_t times = 1 + choose(&from, 4);
    for (size_t i = 0; i < times && length > 0; i++) {
        length = mutate_once(&from, bytes, length, capacity, other ? other : nothing,
                             other ? other_length : 1);
    }
    return length;
}
