#pragma once
/* Private to hail: what parsing makes of a script and performing does. */
#include "mu_hail.h"

/* Where a store goes or a load comes from: an object's index, a cell's, or the scratch words. */
typedef struct hail_base {
    uint32_t code;
} hail_base;
#define HAIL_BASE_CELL_BIT 0x80000000u
/* Two words in which a tagref64's reference and tag come together. */
#define HAIL_BASE_SCRATCH 0xffffffffu
#define HAIL_SCRATCH_TAG  8u /* offset of the tag; the reference is at 0 */

typedef enum hail_op_kind {
    HAIL_OP_BYTES,  /* bytes of the script's own, at `from_offset` of them */
    HAIL_OP_REFS,   /* references of objects: `references` from `from_offset` on, one a word */
    HAIL_OP_IREF,   /* (the reference of `from`, from_offset) */
    HAIL_OP_COPY,   /* what is at `from_offset` of `from` */
    HAIL_OP_TAGREF, /* the scratch words, as one tagref64 */
} hail_op_kind;

typedef struct hail_op {
    hail_op_kind kind;
    hail_base to;
    hail_base from;
    uint32_t check; /* COPY: 1 + index in `checks`; 0: none */
    uint64_t to_offset;
    uint64_t from_offset;
    uint64_t bytes; /* BYTES, REFS, COPY */
} hail_op;

/* A reference or iref that is loaded must be one of what it becomes one of. */
typedef struct hail_check {
    const mu_ir_type *wanted; /* the referent's type */
    bool is_iref;
    mu_location where;
} hail_check;

typedef struct hail_cell {
    const mu_ir_global *global;
    bool is_written;
} hail_cell;

struct mu_hail_script {
    MU_ARRAY(mu_hail_object) objects;
    MU_ARRAY(hail_cell) cells;
    MU_ARRAY(hail_op) ops;
    MU_ARRAY(hail_check) checks;
    MU_ARRAY(uint8_t) bytes;
    MU_ARRAY(uint32_t) references;
};
