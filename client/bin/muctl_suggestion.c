/* The edit distance with neighbours swapped (optimal string alignment), three rows at a time. */
#include "muctl_suggestion.h"
#include "muclient.h"
#include <string.h>

enum { LONGEST_WORD = 31, FAR = 99, NEAR = 2 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned muctl_edit_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > LONGEST_WORD || b_length > LONGEST_WORD) {
        return FAR;
    }
    unsigned rows[LONGEST_WORD + 1][LONGEST_WORD + 1];
    for (unsigned i = 0; i <= a_length; i++) {
        for (unsigned j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            unsigned replaced = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            unsigned best = least(replaced, least(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = least(best, rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    return rows[a_length][b_length];
}

const char *muctl_suggestion(const char *given, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    unsigned nearest_distance = NEAR + 1;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = muctl_edit_distance(given, words[i]);
        if (distance < nearest_distance && distance < strlen(words[i])) {
            nearest = words[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

void muctl_text_shorten(char *out, size_t capacity, const char *text)
{
    static const char ellipsis[] = "…";
    if (muclient_text_clean(out, capacity, text) < capacity || capacity <= sizeof ellipsis) {
        return;
    }
    (void)muclient_text_clean(out, capacity - sizeof ellipsis + 1, text);
    memcpy(out + strlen(out), ellipsis, sizeof ellipsis);
}
