/* MuVMs by the names that programs for the reference implementation know. */
#include "refimpl2_start.h"
#include "muapi_face.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds a size in bytes; false when the text is none. */
static bool size_add(const char *text, uint64_t *bytes)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || errno != 0 || number > UINT64_MAX - *bytes) {
        return false;
    }
    *bytes += number;
    return true;
}

static bool is_ignored(const char *key)
{
    static const char *const keys[] = {"globalSize", "stackSize", "staticCheck",
                                       "sourceInfo", "vmLog",     "gcLog"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

static char *trimmed(char *text)
{
    static const char blank[] = " \t\r";
    text += strspn(text, blank);
    size_t length = strlen(text);
    while (length > 0 && strchr(blank, text[length - 1]) != NULL) {
        text[--length] = 0;
    }
    return text;
}

/* One line of the settings. */
static muclient_code line_read(char *line, uint64_t *heap_bytes, muclient_error **error)
{
    char *key = trimmed(line);
    if (key[0] == 0 || key[0] == '#') {
        return MUCLIENT_OK;
    }
    char *value = strchr(key, '=');
    if (value == NULL) {
        return muclient_fail(error, MUCLIENT_INVALID_ARGUMENT, "settings are lines KEY=VALUE",
                             "the setting \"%s\" has no value", key);
    }
    *value++ = 0;
    if (strcmp(key, "sosSize") == 0 || strcmp(key, "losSize") == 0) {
        return size_add(value, heap_bytes)
                   ? MUCLIENT_OK
                   : muclient_fail(error, MUCLIENT_INVALID_ARGUMENT, "sizes are numbers of bytes",
                                   "\"%s\" is no size, in the setting %s", value, key);
    }
    return is_ignored(key)
               ? MUCLIENT_OK
               : muclient_fail(error, MUCLIENT_INVALID_ARGUMENT, "refimpl2-start.h has the list",
                               "there is no setting \"%s\"", key);
}

static muclient_code settings_read(const char *settings, uint64_t *heap_bytes,
                                   muclient_error **error)
{
    char *copy = strdup(settings == NULL ? "" : settings);
    char *rest = NULL;
    muclient_code code = copy == NULL ? muclient_fail_memory(error) : MUCLIENT_OK;
    for (char *line = copy == NULL ? NULL : strtok_r(copy, "\n", &rest);
         line != NULL && code == MUCLIENT_OK; line = strtok_r(NULL, "\n", &rest)) {
        code = line_read(line, heap_bytes, error);
    }
    free(copy);
    return code;
}

/* With the grant `native` where mud gives it. */
static muclient_code vm_make(muclient *client, uint64_t heap_bytes, muclient_reply **reply,
                             muclient_error **error)
{
    muclient_vm_spec spec = {
        .guest = "mu", .grant_native = true, .limits = {.heap_bytes = heap_bytes}};
    muclient_code code = muclient_vm_create(client, &spec, reply, NULL);
    spec.grant_native = false;
    return code == MUCLIENT_OK ? code : muclient_vm_create(client, &spec, reply, error);
}

static MuVM *machine_make(const char *settings, muclient_error **error)
{
    uint64_t heap_bytes = 0;
    muclient *client = NULL;
    muclient_reply *reply = NULL;
    MuVM *mvm = NULL;
    if (settings_read(settings, &heap_bytes, error) == MUCLIENT_OK &&
        muclient_connect(NULL, &client, error) == MUCLIENT_OK &&
        vm_make(client, heap_bytes, &reply, error) == MUCLIENT_OK) {
        mvm = muclient_mu_open(client, muclient_reply_vm_name(reply), error);
    }
    muclient_reply_free(reply);
    if (mvm == NULL) {
        muclient_close(client);
        return NULL;
    }
    muclient_mu *mu = mvm->header;
    mu->owns_client = true;
    return mvm;
}

MuVM *mu_refimpl2_new_ex(const char *gc_conf)
{
    muclient_error *error = NULL;
    MuVM *mvm = machine_make(gc_conf, &error);
    if (mvm == NULL && error != NULL) {
        const char *hint = muclient_error_hint(error);
        (void)fprintf(stderr, "mu_refimpl2_new: %s%s%s\n", muclient_error_message(error),
                      hint[0] == 0 ? "" : "; ", hint);
    }
    muclient_error_free(error);
    return mvm;
}

MuVM *mu_refimpl2_new(void)
{
    return mu_refimpl2_new_ex(NULL);
}

void mu_refimpl2_close(MuVM *mvm)
{
    if (mvm == NULL) {
        return;
    }
    muclient_mu *mu = mvm->header;
    muclient *client = mu->owns_client ? mu->client : NULL;
    bool is_handling = mu->client->is_handling;
    muclient_mu_close(mvm);
    if (!is_handling) {
        muclient_close(client);
    }
}
