#pragma once
/* Functions for the register allocator, built block by block, and a checker of what it answers. */
#include "alloc.h"

typedef struct program_edge {
    uint32_t from, to;
    uint32_t args[8];
    uint32_t arg_count;
} program_edge;

typedef struct program {
    mu_arena *arena;
    MU_ARRAY(alloc_value) values;
    MU_ARRAY(alloc_block) blocks;
    MU_ARRAY(alloc_inst) insts;
    MU_ARRAY(alloc_operand) operands;
    MU_ARRAY(program_edge) edges;
    alloc a;
} program;

typedef struct program_costs {
    uint32_t loop_moves; /* in blocks of a loop */
    uint32_t moves;
} program_costs;

void program_init(program *p, uint32_t gprs, uint32_t xmms); /* masks of available registers */
void program_deinit(program *p);

uint32_t program_value(program *p, alloc_class class);
uint32_t program_constant(program *p, alloc_class class);
/* Blocks are begun in order; instructions and parameters go to the newest. */
uint32_t program_block(program *p, uint32_t loop_depth);
uint32_t program_param(program *p, alloc_class class);
uint32_t program_inst(program *p, alloc_safety safety);
/* These add to the newest instruction. */
alloc_operand *program_use(program *p, alloc_kind kind, uint32_t value, int reg);
uint32_t program_def(program *p, alloc_kind kind, alloc_class class, int reg);
void program_temp(program *p, alloc_class class);
/* Returns the edge's number, for program_arg. */
uint32_t program_edge_add(program *p, uint32_t from, uint32_t to);
void program_arg(program *p, uint32_t edge, uint32_t value);

/* Builds the arrays and allocates. */
void program_allocate(program *p);
/* Follows values through registers and slots over all paths; NULL, or what is wrong. */
const char *program_check(const program *p);
void program_print(const program *p);
program_costs program_count(const program *p);
/* Moves in front of the block's instructions. */
uint32_t program_block_moves(const program *p, uint32_t block);
