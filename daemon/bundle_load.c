#include "bundle_load.h"
#include "drain.h"
#include <sodium.h>
#include <string.h>

/* While the job runs, the worker owns `status` to `digest`, and the rest does not change. */
typedef struct mud_load {
    mud_vm *vm;
    mud_ticket ticket;
    char *bundle, *file;
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    struct mud_load *next;
    mu_status status;
    mu_report *report;
    mu_load_info info;
    char digest[MUD_DIGEST_BYTES];
} mud_load;

static void free_load(mud_load *load)
{
    mud_daemon *daemon = load->vm->daemon;
    daemon->upload_bytes -= load->capacity;
    daemon->jobs_pending--;
    load->vm->loads--;
    mu_report_free(load->report);
    mu_free(load->bundle);
    mu_free(load->file);
    mu_free(load->bytes);
    mu_free(load);
}

static void digest_text(const mud_load *load, char digest[MUD_DIGEST_BYTES])
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(sum, load->bytes, load->length);
    sodium_bin2hex(digest, MUD_DIGEST_BYTES, sum, sizeof sum);
}

static void start_first(mud_vm *vm);

static void answer_loaded(mud_load *load)
{
    mud_vm *vm = load->vm;
    mud_daemon *daemon = vm->daemon;
    const mud_bundle *bundle = mud_vm_add_bundle(vm, load->bundle, load->digest, load->length,
                                                 load->info.functions_defined);
    mud_log_write(&daemon->log, MUD_LOG_INFO, "loaded %s@%u into VM %s: %u functions", bundle->name,
                  bundle->version, vm->name, bundle->functions);
    Mud__ServerFrame frame;
    Mud__Loaded loaded;
    mud__server_frame__init(&frame);
    mud__loaded__init(&loaded);
    loaded.vm = mud_answer_copy(daemon->answer_arena, vm->name);
    loaded.bundle = mud_answer_copy(daemon->answer_arena, bundle->name);
    loaded.version = bundle->version;
    loaded.digest = mud_answer_copy(daemon->answer_arena, bundle->digest);
    loaded.functions = bundle->functions;
    frame.reply_case = MUD__SERVER_FRAME__REPLY_LOADED;
    frame.loaded = &loaded;
    mud_answer_send(daemon, load->ticket, &frame);
}

static void answer_refused(mud_load *load)
{
    mud_daemon *daemon = load->vm->daemon;
    Mud__Code code = mud_code_of_status(load->status, MUD__CODE__BUNDLE_REJECTED);
    uint32_t total = mu_report_total(load->report);
    const char *hint = load->status == MU_NOT_ALLOWED ? "the VM was created without that grant"
                       : code == MUD__CODE__RESOURCE_EXHAUSTED
                           ? mud_limits_hint(load->vm)
                           : "nothing was changed; mend the text and load it again";
    char *message = mud_answer_text(
        daemon->answer_arena, "%s was refused: %s%s", load->file,
        mud_report_message(load->report, load->status),
        total > 1 ? mud_answer_text(daemon->answer_arena, " (and %u more)", total - 1) : "");
    mud_log_write(&daemon->log, MUD_LOG_INFO, "VM %s: %s", load->vm->name, message);
    mud_answer_report(daemon, load->ticket, code, hint, message, load->report);
}

/* On the loop's thread: the first load of the queue has ended. */
static void on_ended(void *context)
{
    mud_load *load = context;
    mud_vm *vm = load->vm;
    mud_daemon *daemon = vm->daemon;
    if (vm->is_removed) {
        mud_answer_error(daemon, load->ticket, MUD__CODE__CANCELLED, "",
                         "VM %s was removed while the bundle was being loaded", vm->name);
    } else if (load->status == MU_OK) {
        vm->made_for_load = false;
        answer_loaded(load);
    } else {
        answer_refused(load);
    }
    vm->first_load = load->next;
    if (vm->first_load == NULL) {
        vm->last_load = NULL;
    }
    free_load(load);
    if (vm->first_load != NULL) {
        start_first(vm);
    } else if (vm->made_for_load && !vm->is_removed && vm->pins == 1) {
        mud_vm_remove(vm);
    }
    mud_vm_unpin(vm);
    mud_drain_check(daemon);
}

static void run_load(void *context)
{
    mud_load *load = context;
    digest_text(load, load->digest);
    load->status = load->vm->guest->load(load->vm->inner, load->file, (const char *)load->bytes,
                                         load->length, load->report, &load->info);
    mud_mailbox_post(&load->vm->daemon->mailbox, on_ended, load);
}

static void start_first(mud_vm *vm)
{
    mu_substrate_submit(vm->daemon->substrate, run_load, vm->first_load);
}

static char *take_text(char **text)
{
    char *taken = *text;
    *text = NULL;
    return taken;
}

void mud_load_begin(mud_vm *vm, mud_ticket ticket, mud_upload *upload)
{
    mud_load *load = mu_allocate(sizeof *load);
    load->vm = vm;
    load->ticket = ticket;
    load->bundle = take_text(&upload->bundle);
    load->file = take_text(&upload->file);
    load->bytes = upload->bytes;
    load->length = upload->length;
    load->capacity = upload->capacity;
    upload->bytes = NULL;
    upload->capacity = 0;
    if (load->bytes == NULL) {
        load->bytes = mu_allocate(1);
    }
    load->report = mu_report_new();
    mu_report_set_file(load->report, load->file);
    vm->daemon->jobs_pending++;
    vm->loads++;
    mud_vm_pin(vm);
    if (vm->last_load != NULL) {
        vm->last_load->next = load;
        vm->last_load = load;
        return;
    }
    vm->first_load = vm->last_load = load;
    start_first(vm);
}

void mud_load_drop_queued(mud_vm *vm)
{
    mud_load *load = vm->first_load == NULL ? NULL : vm->first_load->next;
    if (load == NULL) {
        return;
    }
    vm->first_load->next = NULL;
    vm->last_load = vm->first_load;
    while (load != NULL) {
        mud_load *next = load->next;
        mud_answer_error(vm->daemon, load->ticket, MUD__CODE__CANCELLED, "",
                         "VM %s was removed before the bundle was loaded", vm->name);
        free_load(load);
        mud_vm_unpin(vm); /* not the last: the running load has its own */
        load = next;
    }
}
