#pragma once
/* Listings that come in several replies. */
#include "muctl.h"

typedef struct muctl_pages {
    muclient_reply **replies;
    size_t count;
} muctl_pages;

/* Takes the reply. False when memory is out; the reply is then freed. */
bool muctl_pages_add(muctl_pages *pages, muclient_reply *reply);
void muctl_pages_free(muctl_pages *pages);
