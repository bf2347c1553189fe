/* A page holds the calls of the lowest numbers behind the one that was asked for. There may be many
 * more than a page holds, in no order, so that they go through a heap of a page's size whose top is
 * the highest number kept. */
#include "call_listing.h"
#include "call.h"
#include <stdlib.h>

enum { PAGE_CALLS = 1000 };

typedef struct call_page {
    const mud_call *calls[PAGE_CALLS];
    uint32_t count;
    bool is_cut;
} call_page;

static void sink(call_page *page, uint32_t at)
{
    const mud_call *moving = page->calls[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < page->count && page->calls[child + 1]->id > page->calls[child]->id) {
            child++;
        }
        if (child >= page->count || page->calls[child]->id <= moving->id) {
            break;
        }
        page->calls[at] = page->calls[child];
        at = child;
    }
    page->calls[at] = moving;
}

static void offer(call_page *page, const mud_call *call)
{
    if (page->count < PAGE_CALLS) {
        page->calls[page->count++] = call;
        return;
    }
    for (uint32_t i = page->is_cut ? 0 : PAGE_CALLS / 2; i-- > 0;) {
        sink(page, i);
    }
    page->is_cut = true;
    if (call->id < page->calls[0]->id) {
        page->calls[0] = call;
        sink(page, 0);
    }
}

static int by_number(const void *first, const void *second)
{
    const mud_call *const *a = first;
    const mud_call *const *b = second;
    return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}

static void collect(const mud_daemon *daemon, const mud_vm *vm, uint64_t after, call_page *page)
{
    uint32_t cursor = 0;
    const mud_call *call = NULL;
    if (vm == NULL) {
        while ((call = mud_id_table_next(&daemon->calls, &cursor)) != NULL) {
            if (call->id > after) {
                offer(page, call);
            }
        }
    } else {
        LIST_FOREACH(call, &vm->calls, of_vm)
        {
            if (call->id > after) {
                offer(page, call);
            }
        }
    }
    qsort(page->calls, page->count, sizeof page->calls[0], by_number);
}

static const char *state_text(const mud_call *call)
{
    mu_thread_state state = mu_thread_get_state(call->thread);
    if (call->is_killed || state == MU_THREAD_FINISHED) {
        return "ending";
    }
    switch (state) {
    case MU_THREAD_TRAPPED: return "trapped";
    case MU_THREAD_WAITING: return "waiting";
    default: return "running";
    }
}

static Mud__CallInfo *info_of(const mud_call *call, uint64_t now_ns, proto_arena *arena)
{
    const mud_session *session = mud_session_find(call->daemon, call->ticket.session);
    uint64_t age_ns = now_ns > call->started_ns ? now_ns - call->started_ns : 0;
    Mud__CallInfo *info = mud_answer_allocate(arena, sizeof *info);
    mud__call_info__init(info);
    info->call = call->id;
    info->vm = mud_answer_copy(arena, call->vm->name);
    info->function = mud_answer_copy(arena, mu_function_name(call->callee));
    info->made_by_program = call->is_thread;
    info->state = mud_answer_copy(arena, state_text(call));
    info->age_us = age_ns / 1000;
    info->has_deadline = call->timeout_ms != 0;
    uint64_t timeout_us = call->timeout_ms * 1000;
    info->deadline_left_us = timeout_us > info->age_us ? timeout_us - info->age_us : 0;
    if (session != NULL && !call->is_thread) {
        info->client_pid = (uint64_t)session->peer;
        info->client = mud_answer_copy(arena, session->client);
    }
    return info;
}

void mud_request_list_calls(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    proto_arena *arena = daemon->answer_arena;
    const Mud__ListCalls *request = frame->list_calls;
    const mud_vm *vm = NULL;
    if (request->vm[0] != '\0' && (vm = mud_vm_require(daemon, ticket, request->vm)) == NULL) {
        return;
    }
    call_page page = {.count = 0};
    Mud__ServerFrame reply;
    Mud__CallListing listing;
    mud__server_frame__init(&reply);
    mud__call_listing__init(&listing);
    collect(daemon, vm, request->after, &page);
    uint64_t now_ns = mud_now_ns();
    listing.calls = mud_answer_allocate(arena, PAGE_CALLS * sizeof *listing.calls);
    for (uint32_t i = 0; i < page.count; i++) {
        listing.calls[listing.n_calls++] = info_of(page.calls[i], now_ns, arena);
    }
    listing.more = page.is_cut;
    reply.reply_case = MUD__SERVER_FRAME__REPLY_CALL_LISTING;
    reply.call_listing = &listing;
    mud_answer_send(daemon, ticket, &reply);
}
