#pragma once
/* Where the time of a VM goes: its running threads are sampled, and the samples added up by stack.
 *
 * At each tick of the profile's clock every thread of the VM that a worker runs is asked to leave
 * at its next yieldpoint, where it notes its own frames: what a sample shows is exact, and nothing
 * is stopped or read from outside. Work between two yieldpoints therefore counts for the second.
 * Ticks that pass before a thread gets there (in C code, say) count for the same stack, so the
 * numbers are in proportion to time. Threads that wait, are trapped or are queued are not sampled,
 * nor is anybody while the VM's world is stopped. Without a profile nothing is paid: compiled code
 * is the same.
 *
 * The samples are a tree: a node is a function called by its parent's, and counts the samples in
 * which it was the innermost.
 *
 * Threads. Any thread may call; none of these waits for guest code, nor for a stopped world. A
 * profile belongs to one caller at a time. It is freed before its VM.
 */
#include "mu.h"

typedef struct mu_profile mu_profile;

#define MU_PROFILE_MAX_HZ 10000u
/* Of the tree; samples of stacks that need more are counted as others. With these a profile holds
 * 1.5 MiB at most. It is not on the VM's account. */
#define MU_PROFILE_MAX_NODES 32768u
/* Of one stack: of a deeper one the innermost so many, below a node MU_PROFILE_DEEPER. */
#define MU_PROFILE_MAX_FRAMES 512u
#define MU_PROFILE_DEEPER     "[deeper]"

typedef struct mu_profile_config {
    uint32_t hz;     /* samples a second of a thread that runs all the time */
    bool with_lines; /* tell lines of a function apart */
    uint32_t nodes;  /* of the tree at most; 0: MU_PROFILE_MAX_NODES, and so is more */
} mu_profile_config;
/* Begins to sample. The caller ends it with mu_profile_free. Errors: INVALID, hz is 0 or beyond
 * MU_PROFILE_MAX_HZ; EXISTS, the VM is being profiled. */
MU_MUST_CHECK mu_status mu_profile_start(mu_vm *vm, const mu_profile_config *config,
                                         mu_profile **profile);
/* Takes no more samples; the VM may be profiled anew. Later calls do nothing. */
void mu_profile_stop(mu_profile *profile);
void mu_profile_free(mu_profile *profile); /* stops it; NULL is allowed */

/* What follows is asked of a profile that was stopped. */
typedef struct mu_profile_totals {
    uint64_t samples;       /* in all; with `others` */
    uint64_t others;        /* of stacks for which there was no room in the tree */
    uint64_t ticks;         /* of its clock */
    uint64_t stopped_ticks; /* of these, while the VM's world was stopped, as for collections */
    uint32_t nodes;
} mu_profile_totals;
mu_profile_totals mu_profile_get_totals(const mu_profile *profile);

typedef struct mu_profile_node {
    uint32_t parent;      /* 1 + the index of its caller's node, which is smaller; 0: the bottom */
    const char *function; /* its version's name, "@gcd.v1"; else MU_FRAME_NATIVE, … */
    const char *file;     /* the name of its bundle; "" where there is none */
    uint32_t line;        /* in that; 0: not known or not told apart */
    uint64_t samples;     /* in which it was the innermost */
} mu_profile_node;
/* `index` below the totals' nodes. Its texts are borrowed from the VM. */
mu_profile_node mu_profile_node_at(const mu_profile *profile, uint32_t index);
