#pragma once
/* What is fuzzed, in a form that libFuzzer and the replay of corpora share. */
#include <stddef.h>
#include <stdint.h>

/* A bundle: parsed, verified with and without what is not compiled yet, printed and parsed again.
 * Frees everything. Aborts when what was accepted does not survive the round trip. */
void fuzz_bundle(const uint8_t *bytes, size_t length);

/* A script for the heap, twice, in a VM of its own that has a bundle with something of every type,
 * trusted or not; then a collection that checks the heap. Aborts when a refusal gives no reason or
 * the heap is broken. */
void fuzz_hail(const uint8_t *bytes, size_t length);

/* A script of operations on a client's context, a line each, in a VM of its own that has a thread
 * in a trap, trusted or not; collected and checked on the way. Words are names of rows, handles,
 * numbers and the bundle's names. Aborts when a refusal gives no reason or the heap is broken. */
void fuzz_context(const uint8_t *bytes, size_t length);

/* Bytes from a peer: cut into frames in several ways, each frame unpacked as either direction. The
 * first byte chooses how the stream is split. Aborts when the way of splitting changes what comes
 * out. */
void fuzz_proto(const uint8_t *bytes, size_t length);

/* Mutates bundle text by tokens, in place: at most `capacity` bytes. Returns the new length.
 *   other  a second text to take pieces from; may be empty */
size_t fuzz_mutate_tokens(uint8_t *bytes, size_t length, size_t capacity, const uint8_t *other,
                          size_t other_length, unsigned seed);
