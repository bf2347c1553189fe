#pragma once
/* What the lowerings of vectors share: operands in the frame, and walks over their lanes or over
 * pieces of 16 bytes. A vector's value is its image in memory, in frame slots like a struct's; its
 * size is rounded up to a power of two, so a value is one word or a whole number of pieces. What is
 * behind the last lane is arbitrary and may be computed with. */
#include "quick.h"
#include "x64_assembler_vector.h"

typedef struct quick_vector {
    x64_mem mem; /* its lowest byte */
    const mu_ir_type *type;
    const mu_ir_type *lane;
    uint32_t lane_bytes;
    uint32_t words;
} quick_vector;

/* The operand's value: in the frame, or a constant behind the function's code, whose address is in
 * a register that is taken here. */
quick_vector quick_vector_operand(quick *q, uint32_t index);
/* The value at a place in the frame. */
quick_vector quick_vector_at(const mu_ir_type *type, x64_mem mem);
/* Defines the present instruction's result; its bytes are the caller's to write. */
quick_vector quick_vector_result(quick *q);

/* A walk over `limit` units in steps: emitted step by step when they are few, else as a loop.
 *
 *   walk = quick_walk_open(q, limit, step);      takes a register, perhaps
 *   …                                            whatever takes registers or makes edges
 *   for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
 *       … quick_walk_mem(&walk, mem, bytes) …    `mem` + the present unit * bytes (1, 2, 4, 8)
 *   }
 */
typedef struct quick_walk {
    quick *q;
    uint64_t limit;
    uint64_t at;
    uint32_t step;
    bool loops;
    x64_gpr index;
    x64_label again;
} quick_walk;
quick_walk quick_walk_open(quick *q, uint64_t limit, uint32_t step);
void quick_walk_start(quick_walk *walk);
bool quick_walk_more(const quick_walk *walk);
void quick_walk_next(quick_walk *walk);
x64_mem quick_walk_mem(const quick_walk *walk, x64_mem mem, uint32_t unit_bytes);

/* `mem` + the present unit * 16, which a loop makes in `scratch`. */
x64_mem quick_walk_pairs(const quick_walk *walk, x64_mem mem, x64_gpr scratch);

/* A walk over the vector's words, a piece at a time. */
quick_walk quick_walk_pieces(quick *q, const quick_vector *vector);
/* The bytes of a piece: 8 when the vector is one word, else 16. */
uint32_t quick_piece_bytes(const quick_vector *vector);
/* 2, 4, 8 or 16 bytes between memory and the low part of a register; 1 and 2 use r11. */
void quick_vector_load(quick *q, uint32_t bytes, x64_xmm to, x64_mem from);
void quick_vector_store(quick *q, uint32_t bytes, x64_mem to, x64_xmm from);
/* Both halves of the register = `word`. Uses r11. */
void quick_vector_fill(quick *q, x64_xmm to, uint64_t word);

/* The lanes of a constant operand, ints zero-extended, those beyond 64 bits as UINT64_MAX; false
 * when it is a variable. */
bool quick_vector_constant(quick *q, mu_ir_value value, const mu_ir_type *type, uint64_t *lanes);

/* quick_vector_packed.c */
void quick_vector_lower_binary(quick *q, const mu_ir_inst *inst);
void quick_vector_lower_convert(quick *q, const mu_ir_inst *inst);
/* quick_vector_compare.c */
void quick_vector_lower_compare(quick *q, const mu_ir_inst *inst);
/* quick_vector_lanes.c: what has no packed instruction, by scalar code on each lane. */
void quick_vector_lanes_binary(quick *q, const mu_ir_inst *inst);
void quick_vector_lanes_convert(quick *q, const mu_ir_inst *inst);
