#include "muctl_pages.h"
#include <stdlib.h>

bool muctl_pages_add(muctl_pages *pages, muclient_reply *reply)
{
    muclient_reply **replies = realloc(pages->replies, (pages->count + 1) * sizeof *pages->replies);
    if (replies == NULL) {
        muclient_reply_free(reply);
        return false;
    }
    pages->replies = replies;
    pages->replies[pages->count++] = reply;
    return true;
}

void muctl_pages_free(muctl_pages *pages)
{
    for (size_t i = 0; i < pages->count; i++) {
        muclient_reply_free(pages->replies[i]);
    }
    free(pages->replies);
    *pages = (muctl_pages){0};
}
