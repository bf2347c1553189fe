#pragma once
/* Words that a user may have meant, and words of a user as they are shown back. */
#include <stddef.h>

/* How many characters must be inserted, removed, replaced or swapped with their neighbour to make
 * one text of the other; texts over 31 characters count as far apart (99). */
unsigned muctl_edit_distance(const char *a, const char *b);
/* The word nearest to `given` with a distance of at most 2 that is less than its length, or NULL.
 */
const char *muctl_suggestion(const char *given, const char *const *words, size_t count);
/* `text` made printable and cut with … where it is too long for `capacity`. */
void muctl_text_shorten(char *out, size_t capacity, const char *text);
