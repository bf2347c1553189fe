#include "hosted_vm.h"
#include "bundle_load.h"
#include "client_context.h"
#include "drain.h"
#include "guest_registry.h"
#include "guest_thread.h"
#include "thread_wait.h"
#include "vm_clearing.h"
#include "vm_profile.h"
#include <stdio.h>
#include <string.h>

/* ----------------------------------------------------------------------------------- creation */

static bool check_creation(mud_daemon *daemon, mud_ticket ticket, const char *name,
                           const mud_vm_wish *wish)
{
    if (name != NULL && mud_vm_table_find(&daemon->vms, name) != NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__ALREADY_EXISTS,
                         "take another name, or remove it with 'muctl rm'", "there is a VM %s",
                         name);
        return false;
    }
    if (name != NULL && !mud_vm_name_is_good(name)) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT,
                         "use up to 64 letters, digits, _ and -", "\"%s\" is no name for a VM",
                         name);
        return false;
    }
    if (!mud_limits_check(daemon, ticket, &wish->limits)) {
        return false;
    }
    if (wish->native && !daemon->options->allows_native) {
        mud_answer_error(daemon, ticket, MUD__CODE__PERMISSION_DENIED,
                         "start mud with --allow-native, if you trust all who can connect to it",
                         "this mud does not give the grant native");
        return false;
    }
    if (daemon->vms.vms.count + daemon->vms_going >= MUD_VMS_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "remove one first",
                         "there are %u VMs already", MUD_VMS_MOST);
        return false;
    }
    return true;
}

mud_vm *mud_vm_create(mud_daemon *daemon, mud_ticket ticket, const char *name, uint64_t owner,
                      const guest_class *guest, const mud_vm_wish *wish)
{
    if (!check_creation(daemon, ticket, name, wish)) {
        return NULL;
    }
    mu_vm_config config = {.limits = mud_limits_inner(&wish->limits),
                           .cpu_share = (uint32_t)wish->limits.cpu_share,
                           .grant_native = wish->native};
    if (config.limits.heap_bytes == 0) {
        config.limits.heap_bytes = daemon->options->heap_bytes;
    }
    guest_vm *inner = NULL;
    mu_status status = guest->vm_new(daemon->substrate, &config, &inner);
    if (status != MU_OK) {
        mud_answer_error(daemon, ticket, mud_code_of_status(status, MUD__CODE__INVALID_ARGUMENT),
                         "", "a VM could not be made: %s", mu_status_text(status));
        return NULL;
    }
    mud_vm *vm = mu_allocate(sizeof *vm);
    vm->daemon = daemon;
    vm->guest = guest;
    vm->inner = inner;
    vm->owner = owner;
    vm->has_native = wish->native;
    STAILQ_INIT(&vm->limit_changes);
    STAILQ_INIT(&vm->calm_jobs);
    vm->calls_limit = MUD_CALLS_DEFAULT;
    vm->output_limit_bytes = MUD_OUTPUT_DEFAULT_BYTES;
    mud_limits_keep(vm, &wish->limits);
    if (name == NULL) {
        mud_vm_table_make_name(&daemon->vms, vm->name);
    } else {
        snprintf(vm->name, sizeof vm->name, "%s", name);
    }
    mud_guest_threads_watch(vm);
    mud_vm_table_add(&daemon->vms, vm);
    mud_log_write(&daemon->log, MUD_LOG_DEBUG, "VM %s created", vm->name);
    return vm;
}

mud_vm *mud_vm_require(mud_daemon *daemon, mud_ticket ticket, const char *name)
{
    mud_vm *vm = mud_vm_table_find(&daemon->vms, name);
    if (vm == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, "'muctl ls' shows those there are",
                         "no VM %s", name);
    }
    return vm;
}

/* ------------------------------------------------------------------------------------ removal */

static void free_inner(uv_work_t *work)
{
    mud_vm *vm = work->data;
    vm->guest->vm_free(vm->inner);
}

static void on_freed(uv_work_t *work, int status)
{
    mud_vm *vm = work->data;
    mud_daemon *daemon = vm->daemon;
    MU_INVARIANT(status == 0, "freeing a VM was cancelled: %d", status);
    for (uint32_t i = 0; i < vm->removers.count; i++) {
        mud_answer_done(daemon, vm->removers.items[i]);
    }
    for (uint32_t i = 0; i < vm->bundles.count; i++) {
        mu_free(vm->bundles.items[i].name);
    }
    MU_ARRAY_FREE(&vm->bundles);
    MU_ARRAY_FREE(&vm->removers);
    MU_ARRAY_FREE(&vm->clearers);
    MU_ARRAY_FREE(&vm->waits);
    mu_free(vm);
    daemon->vms_going--;
    mud_drain_check(daemon);
}

static void free_when_unused(mud_vm *vm)
{
    if (vm->is_removed && vm->pins == 0) {
        vm->freeing.data = vm;
        int failed = uv_queue_work(&vm->daemon->loop, &vm->freeing, free_inner, on_freed);
        MU_INVARIANT(failed == 0, "uv_queue_work: %s", uv_strerror(failed));
    }
}

void mud_vm_remove(mud_vm *vm)
{
    mud_daemon *daemon = vm->daemon;
    if (vm->is_removed) {
        return;
    }
    mud_vm_pin(vm);
    mud_vm_table_remove(&daemon->vms, vm);
    daemon->bundles -= vm->bundles.count;
    vm->is_removed = true;
    daemon->vms_going++;
    mud_log_write(&daemon->log, MUD_LOG_DEBUG, "VM %s removed", vm->name);
    mud_load_drop_queued(vm);
    mud_vm_clear(vm);
    mud_context_doom_of_vm(vm);
    mud_thread_wait_cancel(vm);
    mud_profile_cancel(vm);
    mud_vm_unpin(vm);
}

void mud_vm_pin(mud_vm *vm)
{
    vm->pins++;
}

void mud_vm_unpin(mud_vm *vm)
{
    vm->pins--;
    free_when_unused(vm);
}

/* ------------------------------------------------------------------------------------ bundles */

static mud_bundle *find_bundle(const mud_vm *vm, const char *name)
{
    for (uint32_t i = 0; i < vm->bundles.count; i++) {
        if (strcmp(vm->bundles.items[i].name, name) == 0) {
            return &vm->bundles.items[i];
        }
    }
    return NULL;
}

bool mud_vm_can_add_bundle(const mud_vm *vm, const char *name)
{
    return vm->bundles.count < MUD_BUNDLES_MOST || find_bundle(vm, name) != NULL;
}

const mud_bundle *mud_vm_add_bundle(mud_vm *vm, const char *name, const char *digest,
                                    uint64_t size_bytes, uint32_t functions)
{
    mud_bundle *bundle = find_bundle(vm, name);
    if (bundle == NULL) {
        MU_ARRAY_PUSH(&vm->bundles, (mud_bundle){.name = mu_string_copy(name, strlen(name))});
        bundle = &vm->bundles.items[vm->bundles.count - 1];
        vm->daemon->bundles++;
    }
    bundle->version++;
    snprintf(bundle->digest, sizeof bundle->digest, "%s", digest);
    bundle->size_bytes = size_bytes;
    bundle->functions = functions;
    bundle->loaded_ns = mud_now_ns();
    return bundle;
}

/* ----------------------------------------------------------------------------------- requests */

void mud_request_create_vm(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__CreateVm *create = frame->create_vm;
    bool is_named = create->name[0] != '\0';
    const guest_class *guest =
        create->guest[0] == '\0' ? mud_guest_default() : mud_guest_named(create->guest);
    if (guest == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, "", "no guest \"%s\"",
                         create->guest);
        return;
    }
    mud_vm_wish wish = {.limits = mud_limits_of_message(create->limits),
                        .native = create->grant_native};
    if (wish.limits.heap_bytes == 0) {
        wish.limits.heap_bytes = create->heap_bytes;
    }
    session->has_owned |= !is_named;
    mud_vm *vm = mud_vm_create(daemon, ticket, is_named ? create->name : NULL,
                               is_named ? 0 : session->id, guest, &wish);
    if (vm == NULL) {
        return;
    }
    Mud__ServerFrame reply;
    Mud__VmCreated created;
    mud__server_frame__init(&reply);
    mud__vm_created__init(&created);
    created.name = mud_answer_copy(daemon->answer_arena, vm->name);
    reply.reply_case = MUD__SERVER_FRAME__REPLY_VM_CREATED;
    reply.vm_created = &created;
    mud_answer_send(daemon, ticket, &reply);
}

void mud_request_remove(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_vm *vm = mud_vm_require(daemon, ticket, frame->remove->vm);
    if (vm == NULL) {
        return;
    }
    if (vm->calls_running > 0 && !frame->remove->force) {
        mud_answer_error(daemon, ticket, MUD__CODE__FAILED_PRECONDITION,
                         "wait for them, or remove it with --force, which kills them",
                         "VM %s has %llu running call%s", vm->name,
                         (unsigned long long)vm->calls_running, vm->calls_running == 1 ? "" : "s");
        return;
    }
    MU_ARRAY_PUSH(&vm->removers, ticket);
    mud_log_write(&daemon->log, MUD_LOG_INFO, "VM %s removed by session %llu", vm->name,
                  (unsigned long long)session->id);
    mud_vm_remove(vm);
}
