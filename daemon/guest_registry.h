#pragma once
/* The guests that this daemon hosts. */
#include "guest.h"

/* By its name; NULL when there is none. */
const guest_class *mud_guest_named(const char *name);
/* The first that would load such a file; NULL when none would. */
const guest_class *mud_guest_for(const char *file, const char *bytes, size_t length);
/* For a VM whose guest nobody named. */
const guest_class *mud_guest_default(void);
/* "mu, js": for messages; the caller frees with mu_free. */
char *mud_guest_list(void);
