#pragma once
/* Makes a bundle piece by piece, at the granularity of Mu's IR Builder API (irbuilder.rest). The
 * text parser is its first user.
 *
 *   builder = mu_ir_builder_new(env, "name");
 *   type = mu_ir_builder_type(builder, where);             a node, empty at first, so that
 *   mu_ir_builder_set_name(builder, &type->entity, …);     definitions may refer to each other
 *   mu_ir_builder_set_type(builder, type, &form);          its content
 *   …
 *   version = mu_ir_builder_version(builder, func, where);
 *   mu_ir_builder_begin_body(builder, version);
 *       mu_ir_builder_block, _param…, _exc_param,          in the order of the text: a block, its
 *       { _inst, its lists, _result… }…                    parameters, its instructions
 *   mu_ir_builder_end_body(builder, report);
 *   mu_ir_builder_finish(builder, report, &bundle);        links
 *
 * Nodes belong to the builder, then to the bundle. Arrays handed in are copied. The builder checks
 * names and limits; everything else about the meaning is the verifier's. One thread at a time. */
#include "mu_ir.h"

typedef struct mu_ir_builder mu_ir_builder;

/* A builder of a bundle on `env`, which must outlive it; `name` is for messages. */
mu_ir_builder *mu_ir_builder_new(const mu_ir_env *env, const char *name);
/* Frees the builder and everything made with it. */
void mu_ir_builder_abort(mu_ir_builder *builder);
/* Links what was built: ids, function numbers, result types, canonical types. The builder is gone
 * in any case; the caller owns the bundle. Errors: LIMIT (too many entities, recursive types beyond
 * the limits of cyclic_types.c); NO_MEMORY, as mu_ir_builder_within_limits. */
MU_MUST_CHECK mu_status mu_ir_builder_finish(mu_ir_builder *builder, mu_report *report,
                                             mu_ir_bundle **bundle);
/* The arena that becomes the bundle's. Borrowed. */
mu_arena *mu_ir_builder_arena(mu_ir_builder *builder);
/* How large that arena may become, from now on; without this, any size. */
void mu_ir_builder_set_room(mu_ir_builder *builder, uint64_t arena_bytes);
/* OK; LIMIT once more than 4 M entities were made, NO_MEMORY once the arena is larger than it may
 * be: the caller should stop then. */
MU_MUST_CHECK mu_status mu_ir_builder_within_limits(const mu_ir_builder *builder);

/* ------------------------------------------------------------------------------------- names */

/* The entity of this name in the builder, else in its environment, else NULL. */
mu_ir_entity *mu_ir_builder_find(const mu_ir_builder *builder, const char *name, size_t length);
/* Gives a top-level entity its global name ('@' included; copied).
 * Errors: EXISTS, the name is taken here or in the environment; `report` says by what. */
MU_MUST_CHECK mu_status mu_ir_builder_set_name(mu_ir_builder *builder, mu_ir_entity *entity,
                                               const char *name, size_t length, mu_report *report);
/* "parent.local" in the builder's arena; without a parent (NULL), "local".
 * Errors: LIMIT, a name longer than 4,096 bytes, or more than 256 MiB of names in one bundle. */
MU_MUST_CHECK mu_status mu_ir_builder_local_name(mu_ir_builder *builder, const char *parent,
                                                 const char *local, size_t length,
                                                 const char **name);

/* The entity that is made next has this id, at least MU_IR_FIRST_GIVEN_ID and of nothing else in
 * the environment; entities without one get theirs at linking. */
void mu_ir_builder_next_id(mu_ir_builder *builder, uint32_t id);

/* ---------------------------------------------------------------------------------- top level */

mu_ir_type *mu_ir_builder_type(mu_ir_builder *builder, mu_location where);
mu_ir_sig *mu_ir_builder_sig(mu_ir_builder *builder, mu_location where);
mu_ir_const *mu_ir_builder_const(mu_ir_builder *builder, mu_location where);
mu_ir_global *mu_ir_builder_global(mu_ir_builder *builder, mu_location where);
mu_ir_func *mu_ir_builder_func(mu_ir_builder *builder, mu_location where);
mu_ir_expose *mu_ir_builder_expose(mu_ir_builder *builder, mu_location where);
/* A new version of `func`, which may be of the environment. */
mu_ir_version *mu_ir_builder_version(mu_ir_builder *builder, mu_ir_func *func, mu_location where);

/* Fills a node from `form`, a value of the same structure: its content, not its entity nor what
 * linking computes. `fields` and `items` are copied. The other top-level nodes have no lists; their
 * members (global->type, func->sig, expose->func …) are set directly. */
void mu_ir_builder_set_type(mu_ir_builder *builder, mu_ir_type *type, const mu_ir_type *form);
void mu_ir_builder_set_const(mu_ir_builder *builder, mu_ir_const *constant,
                             const mu_ir_const *form);
void mu_ir_builder_set_sig(mu_ir_builder *builder, mu_ir_sig *sig, const mu_ir_sig *form);

/* ------------------------------------------------------------------------------------- bodies */

/* Opens the body of a version (its `sig` may be set until `finish`). */
void mu_ir_builder_begin_body(mu_ir_builder *builder, mu_ir_version *version);
/* Closes it: its arrays are final, its named entities in the table of names.
 * Errors: EXISTS, a name of a block, variable or instruction is taken; each is in `report`. */
MU_MUST_CHECK mu_status mu_ir_builder_end_body(mu_ir_builder *builder, mu_report *report);

/* The next block; the first is the entry. Returns its number. `name` is its global name in the
 * builder's arena, or NULL; so for the following. */
uint32_t mu_ir_builder_block(mu_ir_builder *builder, const char *name, mu_location where);
/* The next parameter of the last block. Returns the variable's number. */
uint32_t mu_ir_builder_param(mu_ir_builder *builder, mu_ir_type *type, const char *name,
                             mu_location where);
/* Its exception parameter, after the others. */
uint32_t mu_ir_builder_exc_param(mu_ir_builder *builder, const char *name, mu_location where);
/* Appends an instruction to the last block. The pointer is good until the next call of this
 * function; the caller sets op, flags and numbers (is_ptr … literal) in it, and its lists with the
 * calls below. */
mu_ir_inst *mu_ir_builder_inst(mu_ir_builder *builder, const char *name, mu_location where);
/* A result of the last instruction. Returns the variable's number. */
uint32_t mu_ir_builder_result(mu_ir_builder *builder, const char *name, mu_location where);

/* Lists of the last instruction, each in its order. */
void mu_ir_builder_add_type(mu_ir_builder *builder, mu_ir_type *type);
void mu_ir_builder_add_sig(mu_ir_builder *builder, mu_ir_sig *sig);
void mu_ir_builder_add_flag(mu_ir_builder *builder, const char *flag); /* in the builder's arena */
void mu_ir_builder_add_operand(mu_ir_builder *builder, mu_ir_value value);
void mu_ir_builder_add_case(mu_ir_builder *builder, mu_ir_value value);
void mu_ir_builder_add_keepalive(mu_ir_builder *builder, mu_ir_value value);
/* A destination, then its arguments. Returns its number, by which the block can be set later: */
uint32_t mu_ir_builder_add_dest(mu_ir_builder *builder, uint32_t block, mu_location where);
void mu_ir_builder_add_dest_arg(mu_ir_builder *builder, mu_ir_value value);
void mu_ir_builder_set_dest_block(mu_ir_builder *builder, uint32_t dest, uint32_t block);

/* The operand for a parameter or result of the open body. */
mu_ir_value mu_ir_builder_local(uint32_t variable);
/* The operand for a global value. Each call makes an entry in the version's list: keep the value.
 */
mu_ir_value mu_ir_builder_global_value(mu_ir_builder *builder, mu_ir_entity *entity);
