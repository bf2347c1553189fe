#include "fake_mud.h"
#include "fake_numbers.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HELD_LIMIT = 64 };

struct fake_mud {
    fake_options options;
    char folder[64];
    char socket[96];
    int listener;
    int stop[2];
    pthread_t thread;
    atomic_size_t uploaded;
    atomic_size_t answers;
    atomic_bool is_gone;
    fake_seen seen;
};

typedef struct session {
    fake_mud *fake;
    int fd;
    proto_decoder *decoder;
    proto_arena *arena;        /* of the request at hand */
    uint64_t held[HELD_LIMIT]; /* requests whose "add" is answered later */
    size_t held_count;
    uint64_t spinning;
    uint64_t trapped;
    char vm[64];
    fake_contexts *contexts;
    bool is_over;
} session;

static void reply_send(session *s, Mud__ServerFrame *frame)
{
    proto_buffer out = {0};
    if (proto_server_frame_append(&out, frame) != PROTO_OK) {
        abort();
    }
    for (size_t sent = 0; sent < out.length;) {
        ssize_t count = send(s->fd, out.bytes + sent, out.length - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            s->is_over = true;
            break;
        }
        sent += (size_t)count;
    }
    proto_buffer_deinit(&out);
}

static void frame_send(void *data, Mud__ServerFrame *frame)
{
    reply_send(data, frame);
}

static Mud__ServerFrame frame_of(uint64_t id, Mud__ServerFrame__ReplyCase kind)
{
    Mud__ServerFrame frame;
    mud__server_frame__init(&frame);
    frame.id = id;
    frame.reply_case = kind;
    return frame;
}

static void done_send(session *s, uint64_t id)
{
    Mud__Done done;
    mud__done__init(&done);
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_DONE);
    frame.done = &done;
    reply_send(s, &frame);
}

static Mud__Error error_of(session *s, Mud__Code code, const char *message, const char *hint)
{
    Mud__Error error;
    mud__error__init(&error);
    error.code = code;
    error.message = proto_arena_copy(s->arena, message);
    error.hint = proto_arena_copy(s->arena, hint);
    return error;
}

static void error_send(session *s, uint64_t id, Mud__Error *error)
{
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_ERROR);
    frame.error = error;
    reply_send(s, &frame);
}

static Mud__Value *integer_of(session *s, const char *type, uint64_t integer)
{
    Mud__Value *value = proto_arena_allocate(s->arena, sizeof *value);
    mud__value__init(value);
    value->type = proto_arena_copy(s->arena, type);
    value->value_case = MUD__VALUE__VALUE_INTEGER;
    value->integer = integer;
    return value;
}

static void returned_send(session *s, uint64_t id, size_t count, Mud__Value **values)
{
    Mud__Returned returned;
    mud__returned__init(&returned);
    returned.call = id + 1000;
    returned.results = values;
    returned.n_results = count;
    returned.wall_us = 5;
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_RETURNED);
    frame.returned = &returned;
    reply_send(s, &frame);
}

static void started_send(session *s, uint64_t id)
{
    Mud__CallStarted started;
    mud__call_started__init(&started);
    started.request = id;
    started.call = id + 1000;
    Mud__ServerFrame frame = frame_of(0, MUD__SERVER_FRAME__REPLY_CALL_STARTED);
    frame.call_started = &started;
    reply_send(s, &frame);
}

static Mud__Frame *stack_frame(session *s, const char *function, const char *instruction)
{
    Mud__Frame *frame = proto_arena_allocate(s->arena, sizeof *frame);
    Mud__Location *location = proto_arena_allocate(s->arena, sizeof *location);
    mud__frame__init(frame);
    mud__location__init(location);
    location->file = proto_arena_copy(s->arena, "gcd.uir");
    location->line = 3;
    location->column = 5;
    frame->function = proto_arena_copy(s->arena, function);
    frame->version = proto_arena_format(s->arena, "%s.v1", function);
    frame->instruction = proto_arena_copy(s->arena, instruction);
    frame->location = location;
    return frame;
}

static void keepalives_add(session *s, Mud__Frame *frame)
{
    static const char *const names[] = {"@f.v1.e.i", "@f.v1.e.d", "@f.v1.e.r"};
    frame->n_keepalives = 3;
    frame->keepalives = proto_arena_allocate(s->arena, 3 * sizeof(void *));
    for (size_t i = 0; i < 3; i++) {
        Mud__Keepalive *keepalive = proto_arena_allocate(s->arena, sizeof *keepalive);
        mud__keepalive__init(keepalive);
        keepalive->name = proto_arena_copy(s->arena, names[i]);
        keepalive->value = integer_of(s, "int<64>", 5);
        frame->keepalives[i] = keepalive;
    }
    Mud__Value *real = frame->keepalives[1]->value;
    real->type = proto_arena_copy(s->arena, "double");
    real->value_case = MUD__VALUE__VALUE_REAL;
    real->real = 2.5;
    Mud__Value *ref = frame->keepalives[2]->value;
    Mud__Reference *reference = proto_arena_allocate(s->arena, sizeof *reference);
    mud__reference__init(reference);
    reference->null = 1;
    ref->type = proto_arena_copy(s->arena, "ref<@Node>");
    ref->value_case = MUD__VALUE__VALUE_REFERENCE;
    ref->reference = reference;
}

static void trap_send(session *s, uint64_t id, uint64_t trap, bool is_resumed, uint64_t context)
{
    char *types[] = {proto_arena_copy(s->arena, "int<64>")};
    Mud__Frame *frames[] = {stack_frame(s, "@f", "@f.v1.e.t"), stack_frame(s, "@main", "")};
    keepalives_add(s, frames[0]);
    Mud__TrapEvent event;
    mud__trap_event__init(&event);
    event.trap = trap;
    event.call = id + 1000;
    event.vm = s->vm;
    event.n_result_types = 1;
    event.result_types = types;
    event.n_frames = 2;
    event.frames = frames;
    event.resumed = is_resumed;
    event.context = context;
    Mud__ServerFrame frame = frame_of(0, MUD__SERVER_FRAME__REPLY_TRAP);
    frame.trap = &event;
    reply_send(s, &frame);
}

static void exception_send(session *s, uint64_t id)
{
    Mud__Error error = error_of(s, MUD__CODE__GUEST_EXCEPTION, "an exception was not caught", "");
    Mud__Frame *frames[] = {stack_frame(s, "@f", "@f.v1.e.x"), stack_frame(s, "@main", "")};
    keepalives_add(s, frames[0]);
    error.kind = proto_arena_copy(s->arena, "EXCEPTION");
    error.n_frames = 2;
    error.frames = frames;
    error_send(s, id, &error);
}

static void trap_call(session *s, uint64_t id)
{
    started_send(s, id);
    trap_send(s, id, 77, false, 0);
    if (!s->fake->is_gone) {
        s->trapped = id;
        return;
    }
    Mud__TrapGone gone;
    mud__trap_gone__init(&gone);
    gone.trap = 77;
    Mud__ServerFrame frame = frame_of(0, MUD__SERVER_FRAME__REPLY_TRAP_GONE);
    frame.trap_gone = &gone;
    reply_send(s, &frame);
    Mud__Error error = error_of(s, MUD__CODE__KILLED, "the call was killed", "");
    error_send(s, id, &error);
}

static void bytes_send(session *s, const void *bytes, size_t count)
{
    (void)!send(s->fd, bytes, count, MSG_NOSIGNAL);
}

static void call_serve(session *s, uint64_t id, Mud__Call *call)
{
    const char *name = call->function;
    (void)snprintf(s->vm, sizeof s->vm, "%.60s", call->vm);
    if (strcmp(name, "echo") == 0) {
        returned_send(s, id, call->n_arguments, call->arguments);
    } else if (strcmp(name, "add") == 0) {
        started_send(s, id);
        s->held[s->held_count++] = id;
    } else if (strcmp(name, "throw") == 0) {
        exception_send(s, id);
    } else if (strcmp(name, "spin") == 0) {
        s->spinning = id;
        started_send(s, id);
    } else if (strcmp(name, "trap") == 0) {
        trap_call(s, id);
    } else if (strcmp(name, "traps") == 0) {
        trap_send(s, id, 1, true, 0);
        trap_send(s, id, 2, true, 0);
        returned_send(s, id, 0, NULL);
    } else if (strcmp(name, "vanish") == 0) {
        s->is_over = true;
    } else if (strcmp(name, "cut") == 0) {
        bytes_send(s, "\x40\0\0\0\x08", 5);
        s->is_over = true;
    } else if (strcmp(name, "garbage") == 0) {
        bytes_send(s, "\x04\0\0\0\xff\xff\xff\xff", 8);
    } else if (strcmp(name, "wrong") == 0) {
        bytes_send(s, "\xff\xff\xff\xff", 4);
    } else {
        Mud__Error error = error_of(s, MUD__CODE__NOT_FOUND, "no function @x\x1b[31m", "muctl ls");
        error_send(s, id, &error);
    }
}

static void answer_serve(session *s, uint64_t id, const Mud__AnswerTrap *request)
{
    const Mud__TrapAnswer *answer = request->answer;
    s->fake->answers++;
    if (s->trapped == 0 || request->trap != 77) {
        Mud__Error error = error_of(s, MUD__CODE__NOT_FOUND, "no such trap", "");
        error_send(s, id, &error);
        return;
    }
    if (answer->n_values > 1) {
        Mud__Error error = error_of(s, MUD__CODE__INVALID_ARGUMENT, "one value is wanted", "");
        error_send(s, id, &error);
        return;
    }
    done_send(s, id);
    if (answer->action == MUD__TRAP_ANSWER__ACTION__KILL) {
        Mud__Error error = error_of(s, MUD__CODE__KILLED, "the call was killed", "");
        error_send(s, s->trapped, &error);
    } else if (answer->action == MUD__TRAP_ANSWER__ACTION__THROW) {
        exception_send(s, s->trapped);
    } else {
        Mud__Value *zero[] = {integer_of(s, "int<64>", 0)};
        returned_send(s, s->trapped, 1, answer->n_values == 1 ? answer->values : zero);
    }
    s->trapped = 0;
}

static void kill_serve(session *s, uint64_t id, const Mud__KillCall *kill)
{
    if (s->spinning == 0 || kill->call != s->spinning + 1000) {
        Mud__Error error = error_of(s, MUD__CODE__NOT_FOUND, "no such call", "");
        error_send(s, id, &error);
        return;
    }
    done_send(s, id);
    Mud__Error error = error_of(s, MUD__CODE__KILLED, "the call was killed", "");
    error_send(s, s->spinning, &error);
    s->spinning = 0;
}

static void rejection_send(session *s, uint64_t id)
{
    Mud__Error error = error_of(s, MUD__CODE__BUNDLE_REJECTED, "2 errors", "mend them");
    Mud__Diagnostic first;
    Mud__Diagnostic second;
    Mud__Location location;
    mud__diagnostic__init(&first);
    mud__diagnostic__init(&second);
    mud__location__init(&location);
    location.file = proto_arena_copy(s->arena, "bad.uir");
    location.line = 41;
    location.column = 17;
    first.kind = proto_arena_copy(s->arena, "INVALID");
    first.message = proto_arena_copy(s->arena, "an int<64> is wanted");
    first.location = &location;
    second.message = proto_arena_copy(s->arena, "no place");
    Mud__Diagnostic *both[] = {&first, &second};
    error.n_diagnostics = 2;
    error.diagnostics = both;
    error_send(s, id, &error);
}

static void load_serve(session *s, const Mud__ClientFrame *frame)
{
    if (frame->request_case == MUD__CLIENT_FRAME__REQUEST_BEGIN_LOAD) {
        (void)snprintf(s->vm, sizeof s->vm, "%.60s", frame->begin_load->vm);
        s->fake->uploaded = 0;
        return;
    }
    if (frame->request_case == MUD__CLIENT_FRAME__REQUEST_LOAD_CHUNK) {
        bool is_first = s->fake->uploaded == 0;
        s->fake->uploaded += frame->load_chunk->bytes.len;
        if (is_first && strcmp(s->vm, "full") == 0) {
            Mud__Error error = error_of(s, MUD__CODE__RESOURCE_EXHAUSTED, "too large", "");
            error_send(s, frame->id, &error);
        }
        return;
    }
    if (strcmp(s->vm, "bad") == 0) {
        rejection_send(s, frame->id);
        return;
    }
    Mud__Loaded loaded;
    mud__loaded__init(&loaded);
    loaded.vm = s->vm;
    loaded.bundle = s->vm;
    loaded.version = 1;
    loaded.digest = proto_arena_copy(s->arena, "00ff");
    loaded.functions = 2;
    Mud__ServerFrame reply = frame_of(frame->id, MUD__SERVER_FRAME__REPLY_LOADED);
    reply.loaded = &loaded;
    reply_send(s, &reply);
}

static Mud__VmInfo *vm_of(session *s)
{
    static uint64_t calls[] = {7, 8};
    Mud__VmInfo *vm = proto_arena_allocate(s->arena, sizeof *vm);
    mud__vm_info__init(vm);
    vm->name = proto_arena_copy(s->arena, "gcd");
    vm->guest = proto_arena_copy(s->arena, "mu");
    vm->heap_used_bytes = 4096;
    vm->heap_quota_bytes = 1 << 20;
    vm->n_calls = 2;
    vm->contexts = 3;
    vm->context_handles = 40;
    vm->calls = calls;
    return vm;
}

static Mud__BundleInfo *bundle_of(session *s)
{
    Mud__BundleInfo *bundle = proto_arena_allocate(s->arena, sizeof *bundle);
    mud__bundle_info__init(bundle);
    bundle->vm = proto_arena_copy(s->arena, "gcd");
    bundle->guest = proto_arena_copy(s->arena, "mu");
    bundle->bundle = proto_arena_copy(s->arena, "gcd");
    bundle->version = 3;
    bundle->digest = proto_arena_copy(s->arena, "9f2c41aa00112233");
    bundle->functions = 1;
    bundle->loaded_ms_ago = 61000;
    return bundle;
}

static void listing_serve(session *s, uint64_t id)
{
    Mud__VmInfo *vms[] = {vm_of(s)};
    Mud__BundleInfo *bundles[] = {bundle_of(s)};
    Mud__Listing listing;
    mud__listing__init(&listing);
    listing.vms = vms;
    listing.n_vms = 1;
    listing.bundles = bundles;
    listing.n_bundles = 1;
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_LISTING);
    frame.listing = &listing;
    reply_send(s, &frame);
}

static void inspection_serve(session *s, uint64_t id)
{
    Mud__BundleInfo *bundles[] = {bundle_of(s)};
    Mud__FunctionInfo function;
    mud__function_info__init(&function);
    function.name = proto_arena_copy(s->arena, "@gcd");
    function.version = proto_arena_copy(s->arena, "@gcd.v1");
    function.signature = proto_arena_copy(s->arena, "(int<64> int<64>) -> (int<64>)");
    Mud__FunctionInfo *functions[] = {&function};
    Mud__Inspection inspection;
    mud__inspection__init(&inspection);
    inspection.vm = vm_of(s);
    inspection.bundles = bundles;
    inspection.n_bundles = 1;
    inspection.functions = functions;
    inspection.n_functions = 1;
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_INSPECTION);
    frame.inspection = &inspection;
    reply_send(s, &frame);
}

static void status_serve(session *s, uint64_t id)
{
    Mud__StatusInfo status;
    mud__status_info__init(&status);
    status.version = proto_arena_copy(s->arena, "0.1.0");
    status.pid = 812;
    status.uptime_ms = 90000;
    status.socket = s->fake->socket;
    status.vms = 1;
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_STATUS);
    frame.status = &status;
    reply_send(s, &frame);
}

static void vm_serve(session *s, uint64_t id)
{
    Mud__VmCreated created;
    mud__vm_created__init(&created);
    created.name = proto_arena_copy(s->arena, "anonymous-1");
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_VM_CREATED);
    frame.vm_created = &created;
    reply_send(s, &frame);
}

static void hello_serve(session *s, uint64_t id)
{
    if (s->fake->options.is_rude) {
        Mud__Error error = error_of(s, MUD__CODE__RESOURCE_EXHAUSTED, "too many sessions", "wait");
        error_send(s, id, &error);
        s->is_over = true;
        return;
    }
    Mud__Welcome welcome;
    mud__welcome__init(&welcome);
    welcome.version = s->fake->options.version == 0 ? PROTO_VERSION : s->fake->options.version;
    welcome.server = proto_arena_copy(s->arena, "mud 0.1.0");
    welcome.pid = 812;
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_WELCOME);
    frame.welcome = &welcome;
    reply_send(s, &frame);
}

static void request_serve(session *s, Mud__ClientFrame *frame)
{
    if (fake_contexts_serve(s->contexts, s->arena, frame) ||
        fake_numbers_serve(s, frame_send, frame)) {
        return;
    }
    switch (frame->request_case) {
    case MUD__CLIENT_FRAME__REQUEST_HELLO: hello_serve(s, frame->id); break;
    case MUD__CLIENT_FRAME__REQUEST_CALL: call_serve(s, frame->id, frame->call); break;
    case MUD__CLIENT_FRAME__REQUEST_KILL_CALL: kill_serve(s, frame->id, frame->kill_call); break;
    case MUD__CLIENT_FRAME__REQUEST_BEGIN_LOAD:
    case MUD__CLIENT_FRAME__REQUEST_LOAD_CHUNK:
    case MUD__CLIENT_FRAME__REQUEST_END_LOAD: load_serve(s, frame); break;
    case MUD__CLIENT_FRAME__REQUEST_LIST: listing_serve(s, frame->id); break;
    case MUD__CLIENT_FRAME__REQUEST_INSPECT: inspection_serve(s, frame->id); break;
    case MUD__CLIENT_FRAME__REQUEST_STATUS: status_serve(s, frame->id); break;
    case MUD__CLIENT_FRAME__REQUEST_CREATE_VM: vm_serve(s, frame->id); break;
    case MUD__CLIENT_FRAME__REQUEST_ANSWER_TRAP:
        answer_serve(s, frame->id, frame->answer_trap);
        break;
    case MUD__CLIENT_FRAME__REQUEST_ATTACH_TRAPS:
        done_send(s, frame->id);
        (void)snprintf(s->vm, sizeof s->vm, "%.60s", frame->attach_traps->vm);
        s->trapped = 900; /* a call of somebody else traps at once */
        trap_send(s, 900, 77, false,
                  frame->attach_traps->with_frames ? fake_contexts_open(s->contexts) : 0);
        break;
    default: done_send(s, frame->id); break;
    }
}

/* Answers the held calls, the last first, once no more bytes wait. */
static void held_answer(session *s)
{
    struct pollfd polled = {.fd = s->fd, .events = POLLIN};
    if (s->held_count == 0 || poll(&polled, 1, 20) > 0) {
        return;
    }
    s->arena = proto_arena_new();
    while (s->held_count > 0) {
        uint64_t id = s->held[--s->held_count];
        Mud__Value *results[] = {integer_of(s, "int<64>", 42 + id)};
        returned_send(s, id, 1, results);
    }
    proto_arena_free(s->arena);
}

static void bytes_serve(session *s)
{
    uint8_t bytes[4096];
    ssize_t count = recv(s->fd, bytes, sizeof bytes, 0);
    if (count <= 0 || proto_decoder_feed(s->decoder, bytes, (size_t)count) != PROTO_OK) {
        s->is_over = true;
        return;
    }
    const uint8_t *frame_bytes;
    size_t length;
    while (!s->is_over && !s->fake->options.is_silent &&
           proto_decoder_next(s->decoder, &frame_bytes, &length) == PROTO_OK) {
        Mud__ClientFrame *frame = NULL;
        s->arena = proto_arena_new();
        if (proto_client_frame_unpack(frame_bytes, length, s->arena, &frame) == PROTO_OK) {
            request_serve(s, frame);
        } else {
            s->is_over = true;
        }
        proto_arena_free(s->arena);
    }
    held_answer(s);
}

static void *fake_run(void *data)
{
    fake_mud *fake = data;
    for (;;) {
        struct pollfd polled[2] = {{.fd = fake->listener, .events = POLLIN},
                                   {.fd = fake->stop[0], .events = POLLIN}};
        (void)poll(polled, 2, -1);
        if (polled[1].revents != 0) {
            return NULL;
        }
        session s = {.fake = fake, .decoder = proto_decoder_new()};
        s.fd = accept(fake->listener, NULL, NULL);
        s.contexts = fake_contexts_new(&fake->seen, frame_send, &s);
        polled[0].fd = s.fd;
        while (s.fd >= 0 && !s.is_over) {
            (void)poll(polled, 2, -1);
            if (polled[1].revents != 0) {
                s.is_over = true;
            } else {
                bytes_serve(&s);
            }
        }
        (void)close(s.fd);
        proto_decoder_free(s.decoder);
        fake_contexts_free(s.contexts);
    }
}

fake_mud *fake_mud_start(const fake_options *options)
{
    fake_mud *fake = calloc(1, sizeof *fake);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (options != NULL) {
        fake->options = *options;
    }
    (void)snprintf(fake->folder, sizeof fake->folder, "/tmp/fake-mud-XXXXXX");
    if (mkdtemp(fake->folder) == NULL || pipe(fake->stop) != 0) {
        abort();
    }
    (void)snprintf(fake->socket, sizeof fake->socket, "%s/mud.sock", fake->folder);
    (void)strcpy(address.sun_path, fake->socket);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fake->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fake->listener, 16) != 0 ||
        pthread_create(&fake->thread, NULL, fake_run, fake) != 0) {
        abort();
    }
    return fake;
}

const char *fake_mud_socket(const fake_mud *fake)
{
    return fake->socket;
}

void fake_mud_stop(fake_mud *fake)
{
    (void)!write(fake->stop[1], "x", 1);
    (void)pthread_join(fake->thread, NULL);
    (void)close(fake->stop[0]);
    (void)close(fake->stop[1]);
    (void)close(fake->listener);
    (void)unlink(fake->socket);
    (void)rmdir(fake->folder);
    free(fake);
}

size_t fake_mud_uploaded_bytes(fake_mud *fake)
{
    return fake->uploaded;
}

size_t fake_mud_answers(fake_mud *fake)
{
    return fake->answers;
}

void fake_mud_gone_set(fake_mud *fake)
{
    fake->is_gone = true;
}

fake_seen *fake_mud_seen(fake_mud *fake)
{
    return &fake->seen;
}
