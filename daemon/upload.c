#include "upload.h"
#include "bundle_load.h"
#include "guest_registry.h"
#include <string.h>

static char *copy_text(const char *text)
{
    return mu_string_copy(text, strlen(text));
}

static mud_upload *find_upload(mud_session *session, uint32_t number)
{
    for (uint32_t i = 0; i < MUD_UPLOADS_MOST; i++) {
        if (session->uploads[i].is_open && session->uploads[i].number == number) {
            return &session->uploads[i];
        }
    }
    return NULL;
}

void mud_upload_drop(mud_daemon *daemon, mud_upload *upload)
{
    daemon->upload_bytes -= upload->capacity;
    mu_free(upload->vm);
    mu_free(upload->bundle);
    mu_free(upload->file);
    mu_free(upload->guest);
    mu_free(upload->bytes);
    *upload = (mud_upload){0};
}

/* Frees what has arrived; the entry stays, so that the rest of the upload is known for what it is.
 */
static void fail_upload(mud_daemon *daemon, mud_upload *upload)
{
    uint32_t number = upload->number;
    mud_upload_drop(daemon, upload);
    *upload = (mud_upload){.is_open = true, .has_failed = true, .number = number};
}

/* ------------------------------------------------------------------------------------- begin */

/* Sends an error and returns false when the request cannot become a load. */
static bool check_begin(mud_session *session, mud_ticket ticket, const Mud__BeginLoad *begin)
{
    mud_daemon *daemon = session->daemon;
    if (!mud_vm_name_is_good(begin->vm) && mud_vm_table_find(&daemon->vms, begin->vm) == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT,
                         "use up to 64 letters, digits, _ and -", "\"%s\" is no name for a VM",
                         begin->vm);
        return false;
    }
    if (begin->bundle[0] != '\0' && !mud_bundle_name_is_good(begin->bundle)) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT,
                         "use up to 64 letters, digits, _, - and .",
                         "\"%s\" is no name for a bundle", begin->bundle);
        return false;
    }
    if (begin->guest[0] != '\0' && mud_guest_named(begin->guest) == NULL) {
        char *guests = mud_guest_list();
        char *hint = mud_answer_text(daemon->answer_arena, "there is: %s", guests);
        mu_free(guests);
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, hint, "no guest \"%s\"",
                         begin->guest);
        return false;
    }
    return true;
}

void mud_upload_begin(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__BeginLoad *begin = frame->begin_load;
    mud_upload *upload = find_upload(session, begin->upload);
    if (upload != NULL && !upload->has_failed) {
        mud_answer_error(daemon, ticket, MUD__CODE__ALREADY_EXISTS, "end it first",
                         "upload %u has begun already", begin->upload);
        return;
    }
    for (uint32_t i = 0; i < MUD_UPLOADS_MOST && upload == NULL; i++) {
        /* A client need not send the rest of an upload that has failed. */
        bool is_free = !session->uploads[i].is_open || session->uploads[i].has_failed;
        upload = is_free ? &session->uploads[i] : NULL;
    }
    if (upload == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "end one first",
                         "%u uploads are under way in this session", MUD_UPLOADS_MOST);
        return;
    }
    *upload = (mud_upload){.is_open = true, .number = begin->upload};
    if (!check_begin(session, ticket, begin)) {
        upload->has_failed = true;
        return;
    }
    upload->vm = copy_text(begin->vm);
    upload->bundle = copy_text(begin->bundle[0] == '\0' ? begin->vm : begin->bundle);
    upload->file = copy_text(begin->file);
    upload->guest = copy_text(begin->guest);
    upload->heap_bytes = begin->heap_bytes;
    upload->grant_native = begin->grant_native;
}

/* ------------------------------------------------------------------------------------ chunks */

/* Doubles, so that copying takes time in proportion to the bytes. */
static mu_status make_room(mud_daemon *daemon, mud_upload *upload, size_t count)
{
    size_t needed = upload->length + count;
    if (needed <= upload->capacity) {
        return MU_OK;
    }
    size_t capacity = upload->capacity < PROTO_CHUNK_BYTES ? PROTO_CHUNK_BYTES : upload->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    if (daemon->upload_bytes - upload->capacity + capacity > MUD_UPLOADS_MOST_BYTES) {
        return MU_LIMIT;
    }
    void *larger = NULL;
    mu_status status = mu_try_allocate(capacity, &larger);
    if (status != MU_OK) {
        return status;
    }
    if (upload->length > 0) {
        memcpy(larger, upload->bytes, upload->length);
    }
    mu_free(upload->bytes);
    daemon->upload_bytes += capacity - upload->capacity;
    upload->bytes = larger;
    upload->capacity = capacity;
    return MU_OK;
}

void mud_upload_chunk(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const ProtobufCBinaryData *chunk = &frame->load_chunk->bytes;
    mud_upload *upload = find_upload(session, frame->load_chunk->upload);
    if (upload == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, "", "no upload %u has begun",
                         frame->load_chunk->upload);
        return;
    }
    if (upload->has_failed || chunk->len == 0) {
        return;
    }
    if (upload->length + chunk->len > MUD_UPLOAD_MOST_BYTES) {
        fail_upload(daemon, upload);
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "split it",
                         "a bundle holds at most 64 MiB");
        return;
    }
    if (make_room(daemon, upload, chunk->len) != MU_OK) {
        fail_upload(daemon, upload);
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "try again later",
                         "no memory is left for uploads");
        return;
    }
    memcpy(upload->bytes + upload->length, chunk->data, chunk->len);
    upload->length += chunk->len;
}

/* --------------------------------------------------------------------------------------- end */

/* The VM to load into: the one there is, or a new one. NULL after an answer. */
static mud_vm *target_of(mud_daemon *daemon, mud_ticket ticket, const mud_upload *upload)
{
    mud_vm *vm = mud_vm_table_find(&daemon->vms, upload->vm);
    if (vm != NULL) {
        if (upload->guest[0] != '\0' && strcmp(upload->guest, vm->guest->name) != 0) {
            mud_answer_error(daemon, ticket, MUD__CODE__FAILED_PRECONDITION,
                             "load it into another VM", "VM %s is of guest %s, not %s", vm->name,
                             vm->guest->name, upload->guest);
            return NULL;
        }
        if (upload->grant_native && !vm->has_native) {
            mud_answer_error(daemon, ticket, MUD__CODE__FAILED_PRECONDITION,
                             "load it into another VM; a grant is given when a VM is made",
                             "VM %s was made without the grant native", vm->name);
            return NULL;
        }
        if (!mud_vm_can_add_bundle(vm, upload->bundle)) {
            mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "",
                             "VM %s has %u bundles already", vm->name, MUD_BUNDLES_MOST);
            return NULL;
        }
        if (vm->loads == MUD_LOADS_MOST) {
            mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "wait for one to end",
                             "%u loads into VM %s are under way", MUD_LOADS_MOST, vm->name);
            return NULL;
        }
        return vm;
    }
    const guest_class *guest =
        upload->guest[0] != '\0'
            ? mud_guest_named(upload->guest)
            : mud_guest_for(upload->file, (const char *)upload->bytes, upload->length);
    if (guest == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "name its guest",
                         "no guest knows what %s is", upload->file);
        return NULL;
    }
    mud_vm_wish wish = {.limits = {.heap_bytes = upload->heap_bytes},
                        .native = upload->grant_native};
    vm = mud_vm_create(daemon, ticket, upload->vm, 0, guest, &wish);
    if (vm != NULL) {
        vm->made_for_load = true;
    }
    return vm;
}

void mud_upload_end(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_upload *upload = find_upload(session, frame->end_load->upload);
    if (upload == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, "", "no upload %u has begun",
                         frame->end_load->upload);
        return;
    }
    if (upload->has_failed) {
        mud_answer_error(daemon, ticket, MUD__CODE__FAILED_PRECONDITION,
                         "see the error that came before", "upload %u has failed", upload->number);
        mud_upload_drop(daemon, upload);
        return;
    }
    mud_vm *vm = target_of(daemon, ticket, upload);
    if (vm != NULL) {
        mud_load_begin(vm, ticket, upload);
    }
    mud_upload_drop(daemon, upload);
}
