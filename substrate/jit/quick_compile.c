/* The quick tier's walk: prologue, blocks in reverse postorder, then what was deferred; and the
 * making of the code object with its maps. One pass: nothing is built between the IR and the bytes
 * but the state of the present block. */
#include "hot.h"

#include <stdlib.h>
#include <string.h>

/* Prologues of frames up to this size compare rsp itself with the limit; the reserve below it holds
 * them. */
#define SMALL_FRAME_BYTES 8192u
/* Beyond these a function is refused: its code and maps would cost out of proportion to its text.
 */
#define CODE_MAX_BYTES     (64u << 20)
#define MAP_MAX_SLOTS      (4u << 20)
#define FRAME_MAX_SLOTS    (1u << 20)
#define ARENA_MAX_BYTES    (1ull << 30)
#define WORK_MAX           100000000u
#define DEFERRED_MAX_WORDS (4u << 20)
/* Of the parameters of one block: what one edge moves is made before anybody asks how much it was.
 */
#define EDGE_MAX_WORDS (64u << 10)
#define PATCHED        0x7fffff00

void quick_emit_prologue(quick *q, x64_label slow, x64_label cont)
{
    if (q->large_frame) {
        x64_lea(q->a, 8, QUICK_TEMP2, x64_at(RSP, -PATCHED));
        q->frame_patches[2] = x64_offset(q->a) - 4;
        x64_alu_rm(q->a, X64_CMP, 8, QUICK_TEMP2, x64_at(QUICK_THREAD, MU_THREAD_stack_limit));
    } else {
        x64_alu_rm(q->a, X64_CMP, 8, RSP, x64_at(QUICK_THREAD, MU_THREAD_stack_limit));
    }
    x64_jcc(q->a, X64_B, slow);
    x64_bind(q->a, cont);
    x64_push(q->a, RBP);
    x64_mov_rr(q->a, 8, RBP, RSP);
    x64_alu_ri(q->a, X64_SUB, 8, RSP, PATCHED);
    q->frame_patches[0] = x64_offset(q->a) - 4;
    if (q->uses_alloca) {
        x64_store_i(q->a, 8, quick_slot_mem(q->alloca_slot), 0);
    }
}

/* Leaves before the frame exists: the stack still ends with the caller's return address. */
void quick_emit_prologue_slow(quick *q, x64_label slow, x64_label cont)
{
    x64_bind(q->a, slow);
    x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_callee), R11);
    x64_lea_label(q->a, R11, cont);
    x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_continuation), R11);
    x64_store_i(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_frame_bytes), PATCHED);
    q->frame_patches[1] = x64_offset(q->a) - 4;
    x64_mov_ri(q->a, R11, (uintptr_t)quick_leave_stub(q, MU_ABI_LEAVE_PROLOGUE));
    x64_jmp_r(q->a, R11);
}

static void settle_values(quick *q, mu_ir_range range)
{
    for (uint32_t i = 0; i < range.count; i++) {
        quick_settle_path(q, q->version->operands[range.first + i]);
    }
}

static void lower_by_shape(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_dest *dests = &q->version->dests[inst->dests.first];
    if (quick_is_on_vectors(q, inst)) {
        quick_lower_vector(q, inst);
        return;
    }
    if (quick_is_on_wide_ints(q, inst)) {
        quick_lower_wide_int(q, inst);
        return;
    }
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_BINARY:
        if (inst->op >= MU_OP_FADD) {
            quick_lower_binary_fp(q, inst);
        } else {
            quick_lower_binary_int(q, inst);
        }
        break;
    case MU_SHAPE_COMPARE: quick_lower_compare(q, inst); break;
    case MU_SHAPE_CONVERT: quick_lower_convert(q, inst); break;
    case MU_SHAPE_SELECT: quick_lower_select(q, inst); break;
    case MU_SHAPE_BRANCH: quick_goto(q, dests, (quick_operand){.kind = QUICK_IMMEDIATE}); break;
    case MU_SHAPE_BRANCH2: quick_lower_branch2(q, inst); break;
    case MU_SHAPE_SWITCH: quick_lower_switch(q, inst); break;
    case MU_SHAPE_CALL: quick_lower_call(q, inst); break;
    case MU_SHAPE_TAILCALL: quick_lower_tailcall(q, inst); break;
    case MU_SHAPE_RET: quick_lower_ret(q, inst); break;
    case MU_SHAPE_THROW: quick_lower_throw(q, inst); break;
    case MU_SHAPE_FIELD:
    case MU_SHAPE_ELEMENT: quick_lower_aggregate(q, inst); break;
    case MU_SHAPE_NEW:
    case MU_SHAPE_NEWHYBRID:
        if (inst->op == MU_OP_ALLOCA || inst->op == MU_OP_ALLOCAHYBRID) {
            quick_lower_alloca(q, inst);
        } else {
            quick_lower_new(q, inst);
        }
        break;
    case MU_SHAPE_GETIREF:
    case MU_SHAPE_GETFIELD:
    case MU_SHAPE_GETELEM:
    case MU_SHAPE_GETVARPART: quick_lower_address(q, inst); break;
    case MU_SHAPE_LOAD: quick_lower_load(q, inst); break;
    case MU_SHAPE_STORE: quick_lower_store(q, inst); break;
    case MU_SHAPE_CMPXCHG: quick_lower_cmpxchg(q, inst); break;
    case MU_SHAPE_ATOMICRMW: quick_lower_atomicrmw(q, inst); break;
    case MU_SHAPE_FENCE:
        if (inst->order == MU_ORDER_SEQ_CST) {
            x64_mfence(q->a);
        }
        break;
    case MU_SHAPE_TRAP: quick_lower_trap(q, inst); break;
    case MU_SHAPE_COMMINST: quick_lower_comminst(q, inst); break;
    case MU_SHAPE_NEWTHREAD: quick_lower_newthread(q, inst); break;
    case MU_SHAPE_SWAPSTACK: quick_lower_swapstack(q, inst); break;
    case MU_SHAPE_WATCHPOINT:
    case MU_SHAPE_WPBRANCH: quick_lower_watch(q, inst); break;
    case MU_SHAPE_CCALL: quick_lower_ccall(q, inst); break;
    case MU_SHAPE_SHUFFLE:
        MU_INVARIANT(false, "%s reached the code generator", mu_ir_op_info_of(inst->op)->word);
    }
}

static void lower_inst(quick *q, const mu_ir_inst *inst)
{
    for (uint32_t i = 0; i < inst->dests.count; i++) {
        quick_settle_dest(q, &q->version->dests[inst->dests.first + i]);
    }
    settle_values(q, inst->keepalives);
    lower_by_shape(q, inst);
    bool ends_block = (mu_ir_op_info_of(inst->op)->flags & MU_OP_FLAG_TERM) != 0;
    if (inst->has_exc && !ends_block) {
        q->gpr_pinned = 0;
        /* A poll on the way keeps the results too. */
        q->results_defined = true;
        quick_goto(q, &q->version->dests[inst->dests.first],
                   (quick_operand){.kind = QUICK_IMMEDIATE});
        q->results_defined = false;
    }
}

/* A comparison and the branch or selection that it decides, as one. */
static void lower_pair(quick *q, const mu_ir_inst *compare)
{
    const mu_ir_inst *user = compare + 1;
    uint32_t compare_inst = q->inst;
    q->inst++;
    q->position += 2;
    for (uint32_t i = 0; i < user->dests.count; i++) {
        quick_settle_dest(q, &q->version->dests[user->dests.first + i]);
    }
    quick_lower_fused(q, compare, user);
    q->inst = compare_inst;
    quick_finish_instruction(q);
    q->inst++;
    quick_finish_instruction(q);
}

bool quick_is_too_large(const quick *q)
{
    return x64_offset(q->a) > CODE_MAX_BYTES || q->map_slots.count > MAP_MAX_SLOTS ||
           q->slot_count > FRAME_MAX_SLOTS || q->work > WORK_MAX ||
           q->deferred_words > DEFERRED_MAX_WORDS || mu_arena_bytes(q->arena) > ARENA_MAX_BYTES;
}

void quick_begin_line(quick *q, uint32_t inst)
{
    mu_code_line line = {x64_offset(q->a), inst};
    MU_ARRAY_PUSH(&q->lines, line);
}

static bool emit_block(quick *q, uint32_t block)
{
    const mu_ir_block *ir = &q->version->blocks[block];
    q->block = block;
    q->fresh_cell = QUICK_NONE;
    for (int reg = 0; reg < QUICK_GPR_COUNT; reg++) {
        q->gpr_cell[reg] = QUICK_NONE;
        q->xmm_cell[reg] = QUICK_NONE;
    }
    q->live.count = 0;
    q->work += q->slot_words;
    if (q->slot_words) {
        memset(q->slots_used, 0, q->slot_words * sizeof *q->slots_used);
    }
    if (q->uses_alloca) {
        quick_slot_reserve(q, q->alloca_slot, 1);
    }
    quick_find_last_uses(q);
    x64_bind(q->a, q->blocks[block].label);
    quick_begin_params(q);
    for (uint32_t i = 0; i < ir->insts.count; i++) {
        const mu_ir_inst *inst = &q->version->insts[ir->insts.first + i];
        q->inst = ir->insts.first + i;
        q->position = 2 * (i + 1);
        quick_begin_line(q, q->inst);
        bool is_compare = mu_ir_op_info_of(inst->op)->shape == MU_SHAPE_COMPARE;
        if (is_compare && quick_fuses(q, inst)) {
            quick_begin_line(q, q->inst + 1);
            lower_pair(q, inst);
            i++;
        } else {
            lower_inst(q, inst);
            quick_finish_instruction(q);
        }
        if (quick_is_too_large(q)) {
            return false;
        }
    }
    q->blocks[block].emitted = true;
    return true;
}

static void open_function(quick *q)
{
    const mu_ir_version *version = q->version;
    q->a = x64_assembler_new();
    q->arena = mu_arena_new();
    q->cells = MU_ARENA_ARRAY(q->arena, quick_cell, (size_t)version->variable_count * 2);
    q->variables = MU_ARENA_ARRAY(q->arena, quick_variable, version->variable_count);
    q->blocks = MU_ARENA_ARRAY(q->arena, quick_block, version->block_count);
    q->dying = MU_ARENA_ARRAY(q->arena, uint32_t, version->inst_count);
    for (uint32_t i = 0; i < version->block_count; i++) {
        q->blocks[i].label = x64_label_new(q->a);
    }
    q->checked = !(version->bundle ? version->bundle : version->func->bundle)->trusted;
    for (uint32_t i = 0; i < version->inst_count && !q->checked; i++) {
        mu_ir_op op = version->insts[i].op;
        q->uses_alloca |= op == MU_OP_ALLOCA || op == MU_OP_ALLOCAHYBRID;
    }
    if (q->uses_alloca) {
        q->alloca_slot = quick_slot_take(q, 1);
    }
    quick_order_blocks(q);
}

void quick_close(quick *q)
{
    for (uint32_t i = 0; i < q->deferred.count; i++) {
        MU_ARRAY_FREE(&q->deferred.items[i].moves);
        MU_ARRAY_FREE(&q->deferred.items[i].saves);
    }
    MU_ARRAY_FREE(&q->deferred);
    MU_ARRAY_FREE(&q->literals);
    MU_ARRAY_FREE(&q->temporaries);
    MU_ARRAY_FREE(&q->live);
    MU_ARRAY_FREE(&q->slot_stamps);
    MU_ARRAY_FREE(&q->lines);
    MU_ARRAY_FREE(&q->sites);
    MU_ARRAY_FREE(&q->site_landings);
    MU_ARRAY_FREE(&q->map_slots);
    MU_ARRAY_FREE(&q->map_keepalives);
    MU_ARRAY_FREE(&q->watches);
    x64_assembler_free(q->a);
    mu_arena_free(q->arena);
}

static bool has_too_wide_block(const quick *q)
{
    for (uint32_t i = 0; i < q->version->block_count; i++) {
        mu_ir_range params = q->version->blocks[i].params;
        uint64_t words = 0;
        for (uint32_t p = 0; p < params.count; p++) {
            words += quick_words_of(q->version->variables[params.first + p].type);
        }
        if (words > EDGE_MAX_WORDS) {
            return true;
        }
    }
    return false;
}

static bool emit_function(quick *q)
{
    if (has_too_wide_block(q)) {
        return false;
    }
    x64_label slow = x64_label_new(q->a);
    x64_label cont = x64_label_new(q->a);
    quick_emit_prologue(q, slow, cont);
    q->position = 0;
    quick_place_entry(q);
    for (uint32_t i = 0; i < q->order_count; i++) {
        if (!emit_block(q, q->order[i])) {
            return false;
        }
    }
    quick_begin_line(q, MU_CODE_LINE_OTHER);
    quick_emit_deferred(q);
    quick_emit_prologue_slow(q, slow, cont);
    quick_emit_literals(q);
    return !quick_is_too_large(q);
}

static int order_sites(const void *left, const void *right)
{
    const mu_code_site *a = left;
    const mu_code_site *b = right;
    return a->return_offset < b->return_offset ? -1 : a->return_offset > b->return_offset;
}

static void *copy_items(const void *items, size_t bytes)
{
    void *copy = mu_allocate(bytes);
    if (bytes) {
        memcpy(copy, items, bytes);
    }
    return copy;
}

static mu_code_object *make_object(quick *q)
{
    for (uint32_t i = 0; i < q->sites.count; i++) {
        uint32_t landing = q->site_landings.items[i];
        if (landing != QUICK_NONE) {
            q->sites.items[i].landing_offset =
                x64_label_offset(q->a, q->deferred.items[landing].label);
        }
    }
    if (q->sites.count) {
        qsort(q->sites.items, q->sites.count, sizeof *q->sites.items, order_sites);
    }
    const char *name =
        q->version->hidden ? q->version->func->entity.label : q->version->entity.label;
    mu_code_object *object = mu_allocate(sizeof *object);
    object->name = mu_string_copy(name, strlen(name));
    object->version = q->version;
    object->frame_bytes = q->slot_count * 8;
    object->alloca_slot = q->uses_alloca ? quick_slot_offset(q->alloca_slot) : 0;
    object->site_count = q->sites.count;
    object->line_count = q->lines.count;
    object->lines = copy_items(q->lines.items, q->lines.count * sizeof *q->lines.items);
    object->slot_count = q->map_slots.count;
    object->keepalive_count = q->map_keepalives.count;
    object->sites = copy_items(q->sites.items, q->sites.count * sizeof *q->sites.items);
    object->slots = copy_items(q->map_slots.items, q->map_slots.count * sizeof *q->map_slots.items);
    object->keepalives = copy_items(q->map_keepalives.items,
                                    q->map_keepalives.count * sizeof *q->map_keepalives.items);
    return object;
}

static void patch(unsigned char *code, uint32_t offset, int32_t value)
{
    if (offset) {
        memcpy(code + offset, &value, sizeof value);
    }
}

static mu_jit_room bytes_of(const mu_ir_version *version, const mu_code_object *object,
                            uint32_t code_bytes, uint32_t watch_count)
{
    return (mu_jit_room){.code_bytes = code_bytes,
                         .metadata_bytes = mu_code_object_bytes(object) +
                                           quick_watches_bytes(watch_count) +
                                           mu_ir_hidden_bytes(version)};
}

mu_jit_room mu_jit_optimised_bytes(const mu_ir_version *version)
{
    const mu_code_object *object = mu_jit_optimised(version);
    return (mu_jit_room){.code_bytes = object->size_bytes,
                         .metadata_bytes = mu_code_object_bytes(object)};
}

mu_jit_room mu_jit_version_bytes(const mu_ir_version *version)
{
    const mu_code_object *object = mu_jit_object(version);
    return bytes_of(version, object, object->size_bytes, object->switch_count);
}

mu_status quick_install(quick *q, void **into, mu_jit_room *room)
{
    const unsigned char *bytes;
    uint32_t size;
    x64_assembler_finish(q->a, &bytes, &size);
    unsigned char *code = copy_items(bytes, size);
    int32_t frame = (int32_t)(q->slot_count * 8);
    patch(code, q->frame_patches[0], frame);
    patch(code, q->frame_patches[1], frame);
    patch(code, q->frame_patches[2], -frame);
    mu_code_object *object = make_object(q);
    mu_jit_room taken = bytes_of(q->version, object, size, q->watches.count);
    mu_status status = MU_NO_MEMORY;
    if (taken.code_bytes <= room->code_bytes && taken.metadata_bytes <= room->metadata_bytes) {
        status = mu_code_install(q->jit->cache, object, code, size);
    } else {
        *room = taken;
    }
    mu_free(code);
    if (status == MU_OK) {
        object->switch_count = q->watches.count;
        quick_watches_add(&q->jit->watches, object, q->watches.items, q->watches.count);
        __atomic_store_n(into, object, __ATOMIC_RELEASE);
    } else {
        mu_code_object_free(object);
    }
    return status;
}

/* Compiles; a frame that turns out large is compiled again with the prologue that large frames
 * need. */
static mu_status compile(mu_jit *jit, mu_ir_version *version, bool large_frame, mu_jit_room *room,
                         bool *again)
{
    quick q = {.jit = jit, .version = version, .large_frame = large_frame};
    mu_status status = MU_LIMIT;
    open_function(&q);
    if (emit_function(&q)) {
        *again = !large_frame && q.slot_count * 8 > SMALL_FRAME_BYTES;
        status = *again ? MU_OK : quick_install(&q, &version->code, room);
    }
    quick_close(&q);
    return status;
}

mu_status mu_jit_compile(mu_jit *jit, mu_ir_version *version, mu_jit_room *room, const void **entry)
{
    mu_code_object *object = __atomic_load_n(&version->code, __ATOMIC_ACQUIRE);
    mu_status status = MU_OK;
    if (!object) {
        bool again = false;
        pthread_mutex_lock(&jit->lock);
        if (!version->code) {
            status = jit->optimises_all ? hot_compile(jit, version, &version->code, room)
                                        : MU_UNSUPPORTED;
            if (status == MU_UNSUPPORTED) {
                status = compile(jit, version, false, room, &again);
            }
            if (status == MU_OK && again) {
                status = compile(jit, version, true, room, &again);
            }
        }
        object = version->code;
        pthread_mutex_unlock(&jit->lock);
    }
    if (status == MU_OK) {
        *entry = object->start;
    }
    return status;
}
