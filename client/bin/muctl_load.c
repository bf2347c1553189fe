/* load, and reading bundle files. */
#include "muctl.h"
#include "muctl_quantity.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What mud takes as the name of a VM. */
enum { NAME_LENGTH = 64 };

char *muctl_bundle_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash == NULL ? file : slash + 1;
    const char *dot = strrchr(base, '.');
    size_t length = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
    char *name = strndup(base, length < NAME_LENGTH ? length : NAME_LENGTH);
    for (char *at = name; at != NULL && *at != 0; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        bool is_digit = *at >= '0' && *at <= '9';
        if (!is_letter && !is_digit && *at != '-') {
            *at = '_';
        }
    }
    return name;
}

int muctl_heap(const muctl_program *muctl, uint64_t *bytes)
{
    *bytes = 0;
    const char *text = muctl->arguments.values[MUCTL_HEAP];
    if (text != NULL && !muctl_size_parse(text, bytes)) {
        return muctl_usage(muctl, "write it like 512K, 64M or 1G", "\"%s\" is not a size", text);
    }
    return 0;
}

int muctl_grant(const muctl_program *muctl, bool *native)
{
    const char *text = muctl->arguments.values[MUCTL_GRANT];
    *native = text != NULL;
    if (text != NULL && strcmp(text, "native") != 0) {
        return muctl_usage(muctl, "the one there is is native", "there is no grant \"%s\"", text);
    }
    return 0;
}

static ssize_t file_read(void *data, uint8_t *bytes, size_t capacity)
{
    const int *fd = data;
    ssize_t count;
    do {
        count = read(*fd, bytes, capacity);
    } while (count < 0 && errno == EINTR);
    return count;
}

static int file_open(const muctl_program *muctl, const char *file, int *fd)
{
    if (strcmp(file, "-") == 0) {
        *fd = STDIN_FILENO;
        return 0;
    }
    struct stat about;
    *fd = open(file, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        int reason = errno;
        return muctl_trouble(muctl, reason == ENOENT ? MUCLIENT_NOT_FOUND : MUCLIENT_UNKNOWN, "",
                             "cannot open \"%s\": %s", file, strerrordesc_np(reason));
    }
    if (fstat(*fd, &about) == 0 && S_ISDIR(about.st_mode)) {
        (void)close(*fd);
        return muctl_usage(muctl, "give a file", "\"%s\" is a folder", file);
    }
    return 0;
}

int muctl_load_file(muctl_program *muctl, const char *file, const muclient_load_spec *spec,
                    muclient_reply **reply)
{
    int fd;
    int status = file_open(muctl, file, &fd);
    if (status != 0) {
        return status;
    }
    muclient_error *error = NULL;
    if (muclient_load_stream(muctl->client, spec, file_read, &fd, reply, &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    if (fd != STDIN_FILENO) {
        (void)close(fd);
    }
    return status;
}

int muctl_loaded_print(const muctl_program *muctl, const muclient_loaded *loaded)
{
    if (muctl->is_json) {
        muctl_json json;
        muctl_document_begin(muctl, &json, "load");
        muctl_json_string(&json, "vm", loaded->vm);
        muctl_json_string(&json, "bundle", loaded->bundle);
        muctl_json_unsigned(&json, "version", loaded->version);
        muctl_json_string(&json, "digest", loaded->digest);
        muctl_json_unsigned(&json, "functions", loaded->functions);
        muctl_document_end(&json);
    } else {
        char name[256];
        char digest[128];
        (void)muclient_text_clean(name, sizeof name, loaded->bundle);
        (void)muclient_text_clean(digest, sizeof digest, loaded->digest);
        (void)fprintf(muctl->out, "%s@%u  %s\n", name, loaded->version, digest);
    }
    return muctl_written(muctl);
}

int muctl_load_command(muctl_program *muctl)
{
    const muctl_arguments *arguments = &muctl->arguments;
    const char *file = arguments->words[0];
    const char *given = arguments->values[MUCTL_NAME];
    if (given == NULL && strcmp(file, "-") == 0) {
        return muctl_usage(muctl, "add --name NAME", "standard input has no name");
    }
    muclient_load_spec spec = {.file = file, .guest = arguments->values[MUCTL_GUEST]};
    int status = muctl_heap(muctl, &spec.heap_bytes);
    if (status == 0) {
        status = muctl_grant(muctl, &spec.grant_native);
    }
    if (status != 0) {
        return status;
    }
    char *name = given == NULL ? muctl_bundle_name(file) : strdup(given);
    if (name == NULL) {
        return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    spec.bundle = name;
    spec.vm = arguments->values[MUCTL_VM] == NULL ? name : arguments->values[MUCTL_VM];
    status = muctl_connect(muctl);
    muclient_reply *reply = NULL;
    if (status == 0) {
        status = muctl_load_file(muctl, file, &spec, &reply);
    }
    if (status == 0) {
        status = muctl_loaded_print(muctl, muclient_reply_loaded(reply));
    }
    muclient_reply_free(reply);
    free(name);
    return status;
}
