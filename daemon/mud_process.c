/* The process: start, the loop, the end. The loop's thread does nothing that waits: parsing,
 * loading and collecting run on the substrate's workers, freeing a VM on libuv's pool. */
#include "mud_process.h"
#include "drain.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_DESCRIPTORS = 65536, LOOP_SLICE_NS = 100000 };

uint64_t mud_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------------------- reasons to stop */

static void on_signal(uv_signal_t *handle, int number)
{
    mud_daemon *daemon = handle->data;
    bool again = daemon->drain_stage != MUD_SERVING;
    mud_log_write(&daemon->log, MUD_LOG_INFO, "signal %d%s", number, again ? " again" : "");
    mud_drain_begin(daemon, again);
}

static void input_ended(mud_daemon *daemon)
{
    mud_log_write(&daemon->log, MUD_LOG_INFO, "standard input has ended");
    mud_drain_begin(daemon, true);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    mud_daemon *daemon = poll->data;
    char ignored[256];
    (void)events;
    if (status == 0 && read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
        return;
    }
    uv_poll_stop(poll);
    input_ended(daemon);
}

static void watch_input(mud_daemon *daemon)
{
    /* What cannot be polled, such as a file, has no end to wait for. */
    if (uv_poll_init(&daemon->loop, &daemon->input, STDIN_FILENO) != 0) {
        input_ended(daemon);
        return;
    }
    daemon->input.data = daemon;
    daemon->input_is_open = true;
    uv_poll_start(&daemon->input, UV_READABLE | UV_DISCONNECT, on_input);
}

/* -------------------------------------------------------------------------------------- start */

static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < MOST_DESCRIPTORS) {
        limit.rlim_cur = limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
        /* Without it fewer clients fit, and accepting pauses when they are too many. */
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The loop does little at a time for who waits for an answer, while workers compute. Since
 * Linux 6.12 a thread may ask for slices so short that it need not wait for another's to end when
 * it wakes up; older kernels take no notice. */
static void ask_for_short_slices(void)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t slice_ns, deadline_ns, period_ns;
    } request = {.size = sizeof request, .policy = SCHED_OTHER, .slice_ns = LOOP_SLICE_NS};
    errno = 0;
    request.nice = getpriority(PRIO_PROCESS, 0);
    if (errno == 0) {
        (void)syscall(SYS_sched_setattr, 0, &request, 0);
    }
}

static mu_status start_substrate(mud_daemon *daemon, mu_report *report)
{
    mu_substrate_config config = mu_substrate_config_from_environment();
    if (daemon->options->workers != 0) {
        config.workers = daemon->options->workers;
    }
    return mu_substrate_new(&config, report, &daemon->substrate);
}

static void start_loop(mud_daemon *daemon)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int failed = uv_loop_init(&daemon->loop);
    MU_INVARIANT(failed == 0, "uv_loop_init: %s", uv_strerror(failed));
    mud_mailbox_init(&daemon->mailbox, &daemon->loop);
    uv_timer_init(&daemon->loop, &daemon->drain_timer);
    daemon->drain_timer.data = daemon;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
    mud_listener_open(daemon);
    mud_log_write(&daemon->log, MUD_LOG_INFO, "mud " MUD_VERSION " listens on %s, pid %d",
                  daemon->options->socket_path, (int)getpid());
    if (daemon->options->is_private) {
        watch_input(daemon);
    }
}

static void serve(mud_daemon *daemon)
{
    start_loop(daemon);
    ask_for_short_slices();
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    int failed = uv_loop_close(&daemon->loop);
    MU_INVARIANT(failed == 0, "the loop has ended with open handles");
    mud_mailbox_deinit(&daemon->mailbox);
    mud_log_write(&daemon->log, MUD_LOG_INFO, "stopped");
}

static void free_daemon(mud_daemon *daemon)
{
    mud_socket_claim_release(&daemon->listener.claim);
    proto_arena_free(daemon->request_arena);
    proto_arena_free(daemon->answer_arena);
    mud_id_table_deinit(&daemon->sessions);
    mud_id_table_deinit(&daemon->calls);
    mud_id_table_deinit(&daemon->traps);
    mud_id_table_deinit(&daemon->contexts);
    mud_vm_table_deinit(&daemon->vms);
    mu_free(daemon);
}

int mud_daemon_run(const mud_options *options)
{
    mud_daemon *daemon = mu_allocate(sizeof *daemon);
    mu_report *report = mu_report_new();
    mu_status status = MU_OK;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    daemon->options = options;
    daemon->log = (mud_log){.level = options->log_level, .descriptor = STDERR_FILENO};
    daemon->started_ns = mud_now_ns();
    daemon->request_arena = proto_arena_new();
    daemon->answer_arena = proto_arena_new();
    MU_INVARIANT(daemon->request_arena != NULL && daemon->answer_arena != NULL, "out of memory");
    sigaction(SIGPIPE, &ignore, NULL);
    allow_descriptors();
    MU_INVARIANT(sodium_init() >= 0, "libsodium cannot start");
    MU_TRY(mud_socket_claim_make(options->socket_path, report, &daemon->listener.claim));
    MU_TRY(start_substrate(daemon, report));
    serve(daemon);
    mu_substrate_free(daemon->substrate);
done:
    if (status != MU_OK) {
        const char *message =
            mu_report_count(report) > 0 ? mu_report_at(report, 0)->message : mu_status_text(status);
        mud_log_write(&daemon->log, MUD_LOG_ERROR, "%s", message);
    }
    mu_report_free(report);
    free_daemon(daemon);
    return status == MU_OK ? 0 : 1;
}
