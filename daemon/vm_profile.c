#include "vm_profile.h"
#include "mu_profile.h"
#include <string.h>

/* What a reply has, well below a frame: so many functions, whose names and files are cut to so many
 * bytes. Samples in further ones are told under one name. */
enum { FUNCTIONS_MOST = 4096, NAME_BYTES_MOST = 255 };
#define FURTHER_FUNCTIONS "[further functions]"

struct mud_profile {
    mud_daemon *daemon;
    mud_vm *vm;
    mud_ticket ticket;
    mu_profile *inner;
    uint64_t started_ns;
    uv_timer_t timer;
    LIST_ENTRY(mud_profile) of_daemon;
};

/* -------------------------------------------------------------------------------------- the end */

static void on_timer_closed(uv_handle_t *handle)
{
    mu_free(handle->data);
}

static void end(struct mud_profile *profile)
{
    mu_profile_free(profile->inner);
    profile->vm->profile = NULL;
    LIST_REMOVE(profile, of_daemon);
    profile->daemon->profile_count--;
    uv_close((uv_handle_t *)&profile->timer, on_timer_closed);
}

void mud_profile_cancel(mud_vm *vm)
{
    if (vm->profile != NULL) {
        mud_ticket ticket = vm->profile->ticket;
        end(vm->profile);
        mud_answer_error(vm->daemon, ticket, MUD__CODE__CANCELLED, "",
                         "VM %s was removed while it was profiled", vm->name);
    }
}

void mud_profile_forget(mud_daemon *daemon, uint64_t session)
{
    struct mud_profile *next = NULL;
    for (struct mud_profile *profile = LIST_FIRST(&daemon->profiles); profile != NULL;
         profile = next) {
        next = LIST_NEXT(profile, of_daemon);
        if (profile->ticket.session == session) {
            end(profile);
        }
    }
}

/* ------------------------------------------------------------------------------------ the reply */

/* The functions of the reply, with a way from a name to its number + 1. */
typedef struct function_list {
    Mud__Profiled *reply;
    mu_map *numbers;
    proto_arena *arena;
} function_list;

static char *cut_copy(proto_arena *arena, const char *text)
{
    char *copy = mud_answer_copy(arena, text);
    size_t length = strnlen(copy, NAME_BYTES_MOST + 1);
    if (length > NAME_BYTES_MOST) {
        length = NAME_BYTES_MOST;
        while (length > 0 && ((unsigned char)copy[length] & 0xc0) == 0x80) {
            length--; /* not in the middle of a UTF-8 character */
        }
        copy[length] = '\0';
    }
    return copy;
}

static uint64_t function_number(function_list *list, const char *function, const char *file)
{
    Mud__Profiled *reply = list->reply;
    uintptr_t number = (uintptr_t)mu_map_get(list->numbers, function, strlen(function));
    if (number == 0 && reply->n_functions + 1 >= FUNCTIONS_MOST &&
        strcmp(function, FURTHER_FUNCTIONS) != 0) {
        return function_number(list, FURTHER_FUNCTIONS, "");
    }
    if (number == 0) {
        reply->functions[reply->n_functions++] = cut_copy(list->arena, function);
        reply->files[reply->n_files++] = cut_copy(list->arena, file);
        number = reply->n_functions;
        mu_map_put(list->numbers, function, strlen(function), (void *)number);
    }
    return number - 1;
}

static void fill_tree(Mud__Profiled *reply, const mu_profile *profile, proto_arena *arena)
{
    uint32_t nodes = mu_profile_get_totals(profile).nodes;
    function_list list = {.reply = reply, .numbers = mu_map_new(), .arena = arena};
    size_t bytes = (nodes + 1) * sizeof(uint64_t);
    reply->functions = mud_answer_allocate(arena, FUNCTIONS_MOST * sizeof(char *));
    reply->files = mud_answer_allocate(arena, FUNCTIONS_MOST * sizeof(char *));
    reply->parents = mud_answer_allocate(arena, bytes);
    reply->nodes = mud_answer_allocate(arena, bytes);
    reply->lines = mud_answer_allocate(arena, bytes);
    reply->counts = mud_answer_allocate(arena, bytes);
    for (uint32_t i = 0; i < nodes; i++) {
        mu_profile_node node = mu_profile_node_at(profile, i);
        reply->parents[i] = node.parent;
        reply->nodes[i] = function_number(&list, node.function, node.file);
        reply->lines[i] = node.line;
        reply->counts[i] = node.samples;
    }
    reply->n_parents = reply->n_nodes = reply->n_lines = reply->n_counts = nodes;
    mu_map_free(list.numbers);
}

/* Ends the profile, and tells what came of it. */
static void answer_profile(struct mud_profile *profile)
{
    mud_daemon *daemon = profile->daemon;
    proto_arena *arena = daemon->answer_arena;
    Mud__ServerFrame frame;
    Mud__Profiled reply;
    mud__server_frame__init(&frame);
    mud__profiled__init(&reply);
    mu_profile_stop(profile->inner);
    mu_profile_totals totals = mu_profile_get_totals(profile->inner);
    reply.vm = mud_answer_copy(arena, profile->vm->name);
    reply.samples = totals.samples;
    reply.others = totals.others;
    reply.ticks = totals.ticks;
    reply.stopped_ticks = totals.stopped_ticks;
    reply.wall_us = (mud_now_ns() - profile->started_ns) / 1000;
    fill_tree(&reply, profile->inner, arena);
    frame.reply_case = MUD__SERVER_FRAME__REPLY_PROFILED;
    frame.profiled = &reply;
    mud_ticket ticket = profile->ticket;
    end(profile);
    mud_answer_send(daemon, ticket, &frame);
}

static void on_time_over(uv_timer_t *timer)
{
    answer_profile(timer->data);
}

/* ------------------------------------------------------------------------------------- requests */

static bool check_profile(mud_daemon *daemon, mud_ticket ticket, const Mud__Profile *request,
                          const mud_vm *vm)
{
    if (request->hz < 1 || request->hz > MU_PROFILE_MAX_HZ) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "",
                         "a profile takes from 1 to %u samples a second, not %u", MU_PROFILE_MAX_HZ,
                         request->hz);
        return false;
    }
    if (request->duration_ms < 1 || request->duration_ms > MUD_PROFILE_LONGEST_S * UINT64_C(1000)) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "",
                         "a profile takes from 1 to %u milliseconds, not %llu",
                         MUD_PROFILE_LONGEST_S * 1000, (unsigned long long)request->duration_ms);
        return false;
    }
    if (vm->profile != NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__FAILED_PRECONDITION, "wait for it to end",
                         "VM %s is being profiled already", vm->name);
        return false;
    }
    if (daemon->profile_count == MUD_PROFILES_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "wait for one to end",
                         "%u VMs are being profiled already", MUD_PROFILES_MOST);
        return false;
    }
    return true;
}

void mud_request_profile(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__Profile *request = frame->profile;
    mud_vm *vm = mud_vm_require(daemon, ticket, request->vm);
    if (vm == NULL || !check_profile(daemon, ticket, request, vm)) {
        return;
    }
    struct mud_profile *profile = mu_allocate(sizeof *profile);
    *profile = (struct mud_profile){
        .daemon = daemon, .vm = vm, .ticket = ticket, .started_ns = mud_now_ns()};
    mu_profile_config config = {.hz = request->hz, .with_lines = request->lines != 0};
    mu_status status =
        mu_profile_start(vm->guest->substrate_vm(vm->inner), &config, &profile->inner);
    if (status != MU_OK) {
        mu_free(profile);
        mud_answer_error(daemon, ticket, mud_code_of_status(status, MUD__CODE__INTERNAL), "",
                         "VM %s cannot be profiled: %s", vm->name, mu_status_text(status));
        return;
    }
    vm->profile = profile;
    LIST_INSERT_HEAD(&daemon->profiles, profile, of_daemon);
    daemon->profile_count++;
    profile->timer.data = profile;
    uv_timer_init(&daemon->loop, &profile->timer);
    uv_update_time(&daemon->loop);
    uv_timer_start(&profile->timer, on_time_over, request->duration_ms, 0);
}

void mud_request_end_profile(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const mud_vm *vm = mud_vm_require(daemon, ticket, frame->end_profile->vm);
    if (vm == NULL) {
        return;
    }
    if (vm->profile == NULL || vm->profile->ticket.session != session->id) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, "",
                         "this session is not profiling VM %s", vm->name);
        return;
    }
    answer_profile(vm->profile);
    mud_answer_done(daemon, ticket);
}
