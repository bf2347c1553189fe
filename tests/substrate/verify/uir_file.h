#pragma once
/* Text bundles of this folder, split where a file holds several that load one after another. */
#include "mu_base.h"

typedef struct uir_file {
    char path[512];
    char *text; /* NUL-terminated; owned */
    size_t length;
} uir_file;

/* Calls `visit` for every .uir file in `folder`, by name. Returns how many there were. */
typedef void uir_visit_fn(const uir_file *file, void *context);
unsigned uir_file_each(const char *folder, uir_visit_fn *visit, void *context);

/* The bundle number `index` of the file, from 0: its text with all that belongs to other bundles
 * blanked out, so that lines keep their numbers. NULL past the last. The caller frees it with
 * mu_free. Bundles are parted by lines that begin with "//// next bundle". */
char *uir_file_bundle(const uir_file *file, unsigned index);
