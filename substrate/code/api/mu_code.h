#pragma once
/* The code cache: executable memory under W^X, what is known about every piece of machine code in
 * it (maps for call sites and safepoints, landing pads), the lookup from an address to it, and the
 * names that perf and gdb see.
 *
 * W^X: one memory is mapped twice, once readable and writable, once readable and executable. No
 * mapping is ever writable and executable, and none changes once the cache is made.
 */
#include "mu_abi.h"

typedef struct mu_code_cache mu_code_cache; /* the process's; thread-safe */
typedef struct mu_code_object mu_code_object;

typedef enum mu_code_site_kind {
    MU_CODE_SITE_CALL, /* a call of a Mu function, or of C */
    MU_CODE_SITE_TRAP,
    MU_CODE_SITE_YIELD,    /* a yieldpoint at a loop's back edge */
    MU_CODE_SITE_ALLOCATE, /* slow path of an allocation */
    MU_CODE_SITE_ERROR,    /* raises a guest error; never returns */
    MU_CODE_SITE_HELPER,   /* a helper that is no safepoint */
    MU_CODE_SITE_STUB,     /* in a runtime stub: the bottom of a stack */
    MU_CODE_SITE_ADAPTER,  /* in a runtime stub: a frame that has not begun, see mu_jit_adapter */
    MU_CODE_SITE_NATIVE,   /* in a runtime stub: a frame of C code, see mu_jit_native_return */
} mu_code_site_kind;

/* One return address in a piece of code. */
typedef struct mu_code_site {
    uint32_t return_offset; /* from the object's start; ascending in the array */
    mu_code_site_kind kind;
    uint32_t inst;           /* instruction's index in its version; UINT32_MAX: none */
    uint32_t landing_offset; /* where an exception goes on in this frame; 0: passes through */
    uint32_t first_slot;     /* live references, in the object's `slots` */
    uint32_t slot_count;
    uint32_t first_keepalive; /* in the object's `keepalives` */
    uint32_t keepalive_count;
} mu_code_site;

/* A live reference in a frame at a site. */
typedef struct mu_code_slot {
    int32_t rbp_offset;
    mu_abi_slot_kind kind;
} mu_code_slot;

/* Where a keep-alive variable's value is. */
typedef struct mu_code_keepalive {
    uint32_t variable;  /* its number in the version */
    int32_t rbp_offset; /* of its first word (an iref: base, then offset at +8) */
} mu_code_keepalive;

/* From this offset on, up to the next, code is an instruction's; MU_CODE_LINE_OTHER: what every
 * function has, or stands apart for rare cases. Ascending. */
typedef struct mu_code_line {
    uint32_t offset;
    uint32_t inst; /* index in its version */
} mu_code_line;
#define MU_CODE_LINE_OTHER UINT32_MAX

/* What a compiler hands in and the runtime looks at. */
struct mu_code_object {
    const unsigned char *start; /* executable address; filled in when it is installed */
    uint32_t size_bytes;
    char *name;           /* "@gcd.v1"; owned */
    void *version;        /* the mu_ir_version, borrowed; NULL for stubs */
    uint32_t frame_bytes; /* from rbp down to rsp, without ALLOCA's cells */
    int32_t alloca_slot;  /* rbp offset of the head of the frame's list of alloca cells; 0: none */
    mu_code_site *sites;  /* owned arrays */
    mu_code_slot *slots;
    mu_code_keepalive *keepalives;
    mu_code_line *lines;
    uint32_t site_count, slot_count, keepalive_count, line_count;
    void *debug;    /* what perf and gdb were given; this room's */
    void *switches; /* bytes that are changed later; the compiler's, which frees it */
    uint32_t switch_count;
};

/* Where in its source an instruction of a piece of code is, or with MU_CODE_LINE_OTHER its version;
 * line 0: not known. `file` is not NULL, and is read at once. Called when the code is installed. */
typedef struct mu_code_source {
    const char *file;
    uint32_t line;
} mu_code_source;
typedef mu_code_source mu_code_locate_fn(const mu_code_object *object, uint32_t inst);

typedef struct mu_code_config {
    uint64_t size_bytes;       /* address space of the cache; memory is taken as code comes */
    bool perf_map;             /* write /tmp/perf-PID.map */
    bool jitdump;              /* write /tmp/jit-PID.dump */
    bool gdb;                  /* register every piece of code with the GDB JIT interface */
    mu_code_locate_fn *locate; /* for the dump's lines; NULL: it has none */
} mu_code_config;
/* Errors: INVALID, a size of 0 or beyond 64 GiB; SYSTEM, no memory map, perf map or dump. */
MU_MUST_CHECK mu_status mu_code_cache_new(const mu_code_config *config, mu_code_cache **cache);
/* Frees what is still installed, too. Nothing runs in it any more. */
void mu_code_cache_free(mu_code_cache *cache);

/* Copies `bytes`, position-independent code, into the cache and publishes `object`: a heap block
 * whose arrays are mu_allocate'd, taken on success. Errors: LIMIT when the cache is full.
 * Thread-safe. */
MU_MUST_CHECK mu_status mu_code_install(mu_code_cache *cache, mu_code_object *object,
                                        const unsigned char *bytes, uint32_t size_bytes);
/* Takes a piece out and frees it; no thread runs in it or will return to it. */
void mu_code_remove(mu_code_cache *cache, mu_code_object *object);
/* Host memory that the object and its arrays hold. */
uint64_t mu_code_object_bytes(const mu_code_object *object);
/* Frees an object that was never installed. */
void mu_code_object_free(mu_code_object *object);

/* Changes one byte of installed code, at an executable address, at once and for threads that run
 * there: so both instructions must be as long as each other. mu_code_synchronize: when it returns,
 * no processor runs what it has fetched before. Thread-safe. */
void mu_code_set_byte(mu_code_cache *cache, const unsigned char *at, unsigned char value);
void mu_code_synchronize(void);

/* The piece of code that holds `address`, or NULL. The end of the piece belongs to it (and some
 * padding behind that), since it is the return address of a call that is the last instruction.
 * Takes no lock and makes no call: it is what an unwinder asks for every frame, and a signal
 * handler may. Borrowed until the piece is removed. */
const mu_code_object *mu_code_find(const mu_code_cache *cache, uintptr_t address);
/* The site whose return address this is, or NULL. */
const mu_code_site *mu_code_site_at(const mu_code_object *object, uintptr_t return_address);
/* Bytes of code installed now. */
uint64_t mu_code_used_bytes(const mu_code_cache *cache);
