#pragma once
/* C functions and the functions that are exposed to C. A C function runs on a host stack of its
 * own, a coroutine beside the interpreter: when it calls an exposed function, it stands still, and
 * the interpreter goes on with a frame of that function above a native frame; when that returns, C
 * goes on. So nothing of the guest's is on the interpreter's own stack, and C frames may be left,
 * dropped and come back to in any order.
 */
#include "oracle_state.h"

#include <ffi.h>
#include <ucontext.h>

/* A function exposed to C. */
typedef struct exposed {
    struct exposed *next; /* in the oracle's list */
    oracle *oracle;
    const mu_ir_func *function;
    uint64_t cookie;
    const mu_ir_expose *definition; /* NULL: the program's own */
    mu_arena *arena;
    ffi_cif cif;
    ffi_closure *closure;
    void *address; /* that C calls */
} exposed;

/* A C function that has not returned. */
typedef struct native_call {
    ucontext_t c;
    ucontext_t interpreter;
    unsigned char *memory; /* C's stack */
    mu_arena *arena;
    ffi_cif cif;
    void (*function)(void);
    void **arguments;
    void *result;
    bool is_done;
    /* What it has called, if it is not done. */
    const exposed *called;
    void **called_arguments;
    void *called_result;
} native_call;

/* ---- oracle_ffi.c */
ffi_type *native_type(mu_arena *arena, const mu_ir_type *type);
void native_prepare(mu_arena *arena, const mu_ir_sig *sig, ffi_cif *cif);
/* The image of a value that C has given, in memory where its low bits come first. */
void native_copy(uint8_t *image, const mu_ir_type *type, const void *value);

/* ---- oracle_exposed.c */
typedef void native_called_fn(ffi_cif *cif, void *result, void **arguments, void *called);
native_called_fn native_called; /* oracle_native.c: what C's calls come to */
