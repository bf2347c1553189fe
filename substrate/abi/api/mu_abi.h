#pragma once
/* What machine code and runtime must agree on, and nothing else: objects and their descriptors, the
 * thread's state as compiled code reaches it, frames, the convention of calls between compiled
 * functions. The code generator and the collector both include this, so that neither includes the
 * other. x86-64.
 *
 * Objects. A reference is the address of an object's payload. The word before it is the header: the
 * descriptor's address, or a forwarding address while the object moves. A hybrid's header has the
 * number of its elements in the word before. Objects take multiples of 8 bytes; those whose type
 * asks for an alignment of 16 get it (of the payload).
 *
 *      hybrid:  [ length ][ header ][ fixed part … elements … ]
 *      other:             [ header ][ payload … ]
 *                                   ^ reference
 *
 * An iref is two words, (base, offset): base is the reference of the object it points into, or 0
 * for memory in frames, where offset is the address itself. Its address is always base + offset. A
 * global cell has a header like an object, marked as immortal: its reference is never moved or
 * freed.
 *
 * Registers. r15 holds the thread's state; rsp and rbp the Mu stack, rbp a chained frame pointer.
 * All others are caller-saved: nothing lives in a register across a call or any other safepoint, so
 * a collection, an unwinding or a switch of stacks has only frames to look at.
 *
 * Calls. Arguments and results travel alike: integers, references and pointers in MU_ABI_GPR_ORDER,
 * floating point in xmm0..7, what does not fit (and every struct or array) in the thread's
 * `overflow` words, from the first on. r11 holds the callee's number at entry.
 *
 * Frames, growing down from rbp:
 *      [rbp + 8]  return address       [rbp]  caller's rbp
 *      [rbp - 8 … ]  slots as the function's map says; below them alloca cells
 *
 * A frame that has not begun, between others (pushed by on-stack replacement), has
 * MU_ABI_ADAPTER_WORDS words: the adapter stub's address, which is the return address of the frame
 * above; its function's number; two words that keep the alignment; then comes its own return
 * address.
 *
 * A native frame stands for C code between a function that called C and one that C called back. It
 * has MU_ABI_NATIVE_WORDS words: the address of the stub that the upper function returns to; where
 * C's registers wait (mu_jit_callback); two words that keep the alignment; then comes the return
 * address of the call of C. C's own frames are elsewhere, on the stack that belongs to this one.
 */
#include "mu_base.h"

/* ------------------------------------------------------------------------------------ objects */

typedef enum mu_abi_slot_kind {
    MU_ABI_SLOT_REF,      /* a reference (also the base of an iref) */
    MU_ABI_SLOT_WEAK,     /* a weak reference: cleared when its object dies */
    MU_ABI_SLOT_TAGREF64, /* a tagref64, which may hold a reference */
    MU_ABI_SLOT_NATIVE,   /* no reference: shown to the runtime, see mu_gc_native_fn */
    MU_ABI_SLOT_PAIR,     /* two words, of which the first keeps the second alive: first in the
                             descriptors of mu_gc_ephemerons.h, and nowhere else */
    MU_ABI_SLOT_NESTED,   /* `count` times the descriptor `nested`, `stride_bytes` apart */
} mu_abi_slot_kind;

typedef struct mu_abi_type mu_abi_type;
typedef struct mu_abi_slot {
    uint64_t offset_bytes;
    mu_abi_slot_kind kind;
    uint64_t count;        /* NESTED */
    uint64_t stride_bytes; /* NESTED */
    const mu_abi_type *nested;
} mu_abi_slot;

/* Describes a type to the collector. Immutable; lives as long as the code of its bundle. NESTED
 * goes at most 1,000 levels deep. Aligned so that a header has room for flags. */
struct __attribute__((aligned(16))) mu_abi_type {
    uint64_t size_bytes;   /* of the payload; hybrid: of the fixed part up to the first element */
    uint64_t stride_bytes; /* hybrid: of an element */
    uint32_t align_bytes;  /* 8 or 16 */
    bool is_hybrid;
    const mu_abi_slot *slots; /* references in the payload or the fixed part, ascending */
    uint32_t slot_count;
    const mu_abi_slot *element_slots; /* hybrid: references in one element */
    uint32_t element_slot_count;
    const char *name; /* for diagnostics */
    /* For checks of casts and indices: the canonical numbers of the type and of a hybrid's element
     * (0: none), and the type itself, which only the code generator and the runtime look into. */
    uint32_t canonical;
    uint32_t element_canonical;
    const void *origin;
};

#define MU_ABI_HEADER_BYTES 8u
#define MU_ABI_LENGTH_BYTES 8u

static inline uintptr_t *mu_abi_header(mu_ref ref)
{
    return (uintptr_t *)(ref.address - MU_ABI_HEADER_BYTES);
}
/* In the header of a global cell, beside its descriptor's address. */
#define MU_ABI_HEADER_IMMORTAL 4u
/* In the header of an object that has survived a collection and that nobody has stored a reference
 * into since. Whoever is about to store one tests it, and where it is set calls the thread's
 * `barrier` first. Stores into global cells and into memory of stacks need none: both are roots. */
#define MU_ABI_HEADER_UNLOGGED 8u
/* Bits of a header that are not the descriptor's address. */
#define MU_ABI_HEADER_FLAGS 15u

/* Elements that a hybrid has room for: one more than the program asked for, so that an iref one
 * past the end, or to the variable part of an empty one, still is one of memory of its type. */
static inline uint64_t *mu_abi_length(mu_ref ref)
{
    return (uint64_t *)(ref.address - MU_ABI_HEADER_BYTES - MU_ABI_LENGTH_BYTES);
}

/* tagref64: one word that is a double, a 52-bit integer or a reference with a 6-bit tag. A double
 * is itself; the others hide among the NaNs, so every NaN is stored as MU_ABI_TAGREF64_NAN.
 *
 *      bit      63      62 … 52   51 … 47     46 … 3           2       1   0
 *      integer  i51     all ones  i50 … (one field of 51 bits, 51 … 1) … i0    1
 *      ref      0       all ones  t5 … t1     address bits     t0      1   0
 *
 * Addresses are a program's own: multiples of 8 below 2 to the 47th. A NULL reference has a tag
 * too. */
#define MU_ABI_TAGREF64_INT_MASK 0x7ff0000000000001u
#define MU_ABI_TAGREF64_INT_BITS 0x7ff0000000000001u
#define MU_ABI_TAGREF64_REF_MASK 0xfff0000000000003u
#define MU_ABI_TAGREF64_REF_BITS 0x7ff0000000000002u
#define MU_ABI_TAGREF64_ADDRESS  0x00007ffffffffff8u
#define MU_ABI_TAGREF64_NAN      0x7ff8000000000000u

static inline bool mu_abi_tagref64_is_int(uint64_t word)
{
    return (word & MU_ABI_TAGREF64_INT_MASK) == MU_ABI_TAGREF64_INT_BITS;
}
static inline bool mu_abi_tagref64_is_ref(uint64_t word)
{
    return (word & MU_ABI_TAGREF64_REF_MASK) == MU_ABI_TAGREF64_REF_BITS;
}
static inline bool mu_abi_tagref64_is_double(uint64_t word)
{
    return !mu_abi_tagref64_is_int(word) && !mu_abi_tagref64_is_ref(word);
}
/* `bits` are the double's; any NaN becomes the one that is stored. */
static inline uint64_t mu_abi_tagref64_from_double(uint64_t bits)
{
    return (bits & INT64_MAX) > 0x7ff0000000000000u ? MU_ABI_TAGREF64_NAN : bits;
}
/* Takes and gives the low 52 bits of `value`. */
static inline uint64_t mu_abi_tagref64_from_int(uint64_t value)
{
    return MU_ABI_TAGREF64_INT_BITS | (value & 0x7ffffffffffffu) << 1 | (value >> 51 & 1) << 63;
}
static inline uint64_t mu_abi_tagref64_to_int(uint64_t word)
{
    return (word >> 1 & 0x7ffffffffffffu) | (word >> 63) << 51;
}
/* Takes and gives the low 6 bits of `tag`. */
static inline uint64_t mu_abi_tagref64_from_ref(uintptr_t address, uint64_t tag)
{
    return MU_ABI_TAGREF64_REF_BITS | address | (tag & 1) << 2 | (tag >> 1 & 0x1f) << 47;
}
static inline uintptr_t mu_abi_tagref64_to_address(uint64_t word)
{
    return word & MU_ABI_TAGREF64_ADDRESS;
}
static inline uint64_t mu_abi_tagref64_to_tag(uint64_t word)
{
    return (word >> 2 & 1) | (word >> 47 & 0x1f) << 1;
}

/* ----------------------------------------------------------------------------------- functions */

/* One entry of a VM's function table; entry 0 stands for the NULL funcref. */
typedef struct mu_abi_function {
    const void *code; /* where calls go; atomic */
    uint32_t sig;     /* canonical number of its signature, checked by calls through a funcref */
    uint32_t unused;
} mu_abi_function;

#define MU_ABI_ADAPTER_WORDS  4
#define MU_ABI_NATIVE_WORDS   MU_ABI_ADAPTER_WORDS /* a walk passes over both alike */
#define MU_ABI_GPR_ARGS       8
#define MU_ABI_XMM_ARGS       8
#define MU_ABI_OVERFLOW_WORDS 1024 /* room for arguments and results that registers do not hold */

/* ------------------------------------------------------------------------------------- threads */

typedef struct mu_abi_thread mu_abi_thread;
/* Notes that references are about to be stored in the `bytes` at `address`, in the object `object`.
 * No safepoint: the store follows before anything can move. */
typedef void mu_abi_barrier_fn(uintptr_t object, uintptr_t address, uint64_t bytes,
                               mu_abi_thread *thread);

/* The part of a thread that compiled code reaches through r15. Fields are in mu_thread_fields.def,
 * with the offsets that the code generator uses. */
struct mu_abi_thread {
#define MU_FIELD(type, name, text)              type name;
#define MU_FIELD_ARRAY(type, name, count, text) type name[count];
#include "mu_thread_fields.def"
#undef MU_FIELD
#undef MU_FIELD_ARRAY
};

enum {
#define MU_FIELD(type, name, text)              MU_THREAD_##name = offsetof(mu_abi_thread, name),
#define MU_FIELD_ARRAY(type, name, count, text) MU_THREAD_##name = offsetof(mu_abi_thread, name),
#include "mu_thread_fields.def"
#undef MU_FIELD
#undef MU_FIELD_ARRAY
};

/* Compiled code leaves to the runtime for everything it cannot do itself: it saves the argument
 * registers and its place, and returns from `enter`; the runtime does what the reason asks and
 * enters again. So no C frame ever lies between frames of Mu code. Arguments are in gpr[] and
 * xmm[]. */
typedef enum mu_abi_leave {
    MU_ABI_LEAVE_RETURN,   /* the bottom function returned; its results are in the registers */
    MU_ABI_LEAVE_COMPILE,  /* call of a function without code; `callee`; arguments in the registers
                            */
    MU_ABI_LEAVE_PROLOGUE, /* at a function's entry: stop wanted, or too little stack; as COMPILE */
    MU_ABI_LEAVE_YIELD,    /* at a loop's back edge */
    MU_ABI_LEAVE_TRAP,     /* results are expected in the registers */
    MU_ABI_LEAVE_ALLOCATE, /* gpr[0] descriptor, gpr[1] length; the reference goes to gpr[0] */
    MU_ABI_LEAVE_THROW,    /* gpr[0] exception */
    MU_ABI_LEAVE_ERROR,    /* gpr[0] mu_guest_error */
    MU_ABI_LEAVE_EXIT,     /* @uvm.thread_exit */
    MU_ABI_LEAVE_FMOD,     /* xmm[0] = fmod(xmm[0], xmm[1]) */
    MU_ABI_LEAVE_GROW,     /* an ALLOCA wants rsp to go down to gpr[0], below the stack limit */
    MU_ABI_LEAVE_CHECK_SHIFT, /* may an iref be moved from offset gpr[1] to gpr[2] of the object
                                 gpr[0], at type gpr[3]? */
    MU_ABI_LEAVE_CHECK_CAST,  /* is there a location of type gpr[3] at offset gpr[1] of the object
                                 gpr[0]? */
    MU_ABI_LEAVE_COMMON,    /* the common instruction at `site_inst`; operands and results travel as
                               at a call */
    MU_ABI_LEAVE_IN_MEMORY, /* the operation at `site_inst`, its result to be at the address gpr[0],
                               its operands at gpr[1] and gpr[2] */
    MU_ABI_LEAVE_NEWTHREAD, /* `site_stack`, `site_local`; what is passed travels as arguments */
    MU_ABI_LEAVE_SWAPSTACK, /* the same without `site_local`; results are expected */
    MU_ABI_LEAVE_CHECK_WATCHPOINT, /* is the watchpoint gpr[0] enabled in this VM? gpr[0] = 1 or 0
                                    */
    MU_ABI_LEAVE_CCALL,        /* the C function at `callee`; arguments and results as at a call */
    MU_ABI_LEAVE_CCALL_DONE,   /* it has returned; gpr[3] the record of the call */
    MU_ABI_LEAVE_NATIVE_STACK, /* `ccall_sp` is 0 and C is to be called; all registers survive */
    MU_ABI_LEAVE_CALLBACK,     /* C called an exposed function; gpr[3] its mu_jit_callback */
    MU_ABI_LEAVE_CALLBACK_RETURN, /* that function returned; results as at a call */
    MU_ABI_LEAVE_COUNT,
} mu_abi_leave;

/* Which watchpoints a VM has enabled: entry `id` % MU_ABI_WATCH_ENTRIES of the thread's filter is 0
 * (none of those ids), the one id that is, or MU_ABI_WATCH_SEVERAL, when only the runtime knows. */
#define MU_ABI_WATCH_ENTRIES 64u
#define MU_ABI_WATCH_SEVERAL UINT64_MAX

/* A cell that ALLOCA made, in the frame: the payload follows. The frame's `alloca_slot` heads the
 * list. */
typedef struct mu_abi_alloca {
    struct mu_abi_alloca *older;
    const mu_abi_type *type;
    uint64_t length; /* ALLOCAHYBRID */
    uint64_t unused; /* keeps the payload aligned to 16 */
} mu_abi_alloca;

/* Sets a thread's stack_limit to this to make it stop at its next yieldpoint. */
#define MU_ABI_LIMIT_STOP UINTPTR_MAX
/* Bytes below the stack limit that a prologue's slow path and small frames may use unchecked. */
#define MU_ABI_STACK_RESERVE_BYTES 16384u

/* Guest errors: exceptions of our own. They are thrown as NULL with the thread's `error` set. */
/* clang-format off */
#define MU_GUEST_ERROR_LIST(E)                                                                     \
    E(NONE,              "no error")                                                             \
    E(EXCEPTION,         "an exception object that nobody caught")                               \
    E(OUT_OF_MEMORY,     "there is no memory for it, or as many of them as a VM may have")       \
    E(STACK_OVERFLOW,    "the thread's stack is used up; is there endless recursion?")           \
    E(DIVISION_BY_ZERO,  "division by zero without an exception clause")                         \
    E(NULL_DEREFERENCE,  "access through a NULL reference without an exception clause")          \
    E(NULL_FUNCTION,     "call of a NULL function reference")                                    \
    E(WRONG_SIGNATURE,   "call of a function reference through another signature than its own")  \
    E(OUT_OF_BOUNDS,     "index outside of the array or vector")                                 \
    E(WRONG_TYPE,        "cast of a reference to a type that is not there")                      \
    E(MEMORY_FAULT,      "access to memory that is not there")                                   \
    E(STACK_STATE,       "the stack is bound, dead, or waits for other values")                  \
    E(NOT_PINNED,        "unpinning what the thread has not pinned")                                \
    E(NATIVE_FRAME,      "an exception cannot pass the frame of C code that it has reached")        \
    E(NOT_EXPOSED,       "unexposing what @uvm.native.expose has not given, or no more")            \
    E(STACK_BOTTOM,      "a function returned at the bottom of a stack that its thread did not begin on") \
    E(TRAP_HANDLER_GONE, "the trap handler went away and its session had chosen to throw")       \
    E(BUNDLE_REFUSED,    "a bundle that the program loads was refused")                          \
    E(COMPILE_FAILED,    "the function could not be compiled")                                   \
    E(CANCELLED,         "cancelled")                                                              \
    E(CPU_BUDGET,        "the call's budget of processor time is used up")                          \
    E(KILLED,            "killed")
/* clang-format on */
typedef enum mu_guest_error {
#define MU_GUEST_ERROR_ENUM(name, text) MU_GUEST_ERROR_##name,
    MU_GUEST_ERROR_LIST(MU_GUEST_ERROR_ENUM)
#undef MU_GUEST_ERROR_ENUM
} mu_guest_error;
/* "STACK_OVERFLOW", and one sentence; static storage. */
const char *mu_abi_guest_error_name(mu_guest_error error);
const char *mu_abi_guest_error_text(mu_guest_error error);
