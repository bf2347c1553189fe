#include "uir_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SEPARATOR[] = "//// next bundle";

static int is_uir(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".uir") == 0;
}

static bool read_file(uir_file *file)
{
    FILE *stream = fopen(file->path, "rb");
    if (!stream) {
        return false;
    }
    fseek(stream, 0, SEEK_END);
    long size = ftell(stream);
    rewind(stream);
    file->text = mu_allocate((size_t)size + 1);
    file->length = fread(file->text, 1, (size_t)size, stream);
    fclose(stream);
    return true;
}

unsigned uir_file_each(const char *folder, uir_visit_fn *visit, void *context)
{
    struct dirent **entries = NULL;
    int found = scandir(folder, &entries, is_uir, alphasort);
    for (int i = 0; i < found; i++) {
        uir_file file = {.text = NULL};
        snprintf(file.path, sizeof file.path, "%s/%s", folder, entries[i]->d_name);
        if (read_file(&file)) {
            visit(&file, context);
            mu_free(file.text);
        }
        free(entries[i]);
    }
    free((void *)entries);
    return found < 0 ? 0 : (unsigned)found;
}

char *uir_file_bundle(const uir_file *file, unsigned index)
{
    const char *begin = file->text;
    const char *next = strstr(begin, SEPARATOR);
    for (unsigned i = 0; i < index; i++) {
        if (!next) {
            return NULL;
        }
        begin = next + strlen(SEPARATOR);
        next = strstr(begin, SEPARATOR);
    }
    const char *end = next ? next : file->text + file->length;
    char *text = mu_string_copy(file->text, file->length);
    for (char *at = text; *at; at++) {
        bool is_ours = at - text >= begin - file->text && at - text < end - file->text;
        if (!is_ours && *at != '\n') {
            *at = ' ';
        }
    }
    return text;
}
