/* Counts what generated programs are made of, as parsed; what has a defined result must be made. */
#include "coverage.h"

#include "generate.h"
#include "mu_ir.h"

#include <stdio.h>
#include <string.h>

enum { TYPE_KINDS = MU_IR_IRNODEREF + 1, RMW_KINDS = MU_RMW_UMIN + 1 };

typedef struct coverage {
    uint64_t programs;
    uint64_t types[TYPE_KINDS];
    uint64_t lanes[TYPE_KINDS];
    uint64_t ops[MU_OP_COUNT];
    uint64_t comminsts[MU_COMMINST_COUNT];
    uint64_t pointer_ops[MU_OP_COUNT]; /* with PTR */
    uint64_t rmws[RMW_KINDS];
    uint64_t exposes;
    uint64_t clauses[MU_OP_COUNT]; /* with an exception clause */
} coverage;

/* What no program has, and why not. A row ends in '*' that stands for all that begin so. */
static const struct {
    const char *name;
    const char *reason;
} excused[] = {
    {"lane void", "no value"},
    {"lane struct", "lanes are scalars"},
    {"lane array", "lanes are scalars"},
    {"lane hybrid", "lanes are scalars"},
    {"lane vector", "lanes are scalars"},
    {"lane weakref", "refused in vectors"},
    {"@uvm.meta.load_bundle", "what is loaded would need a generator of its own: text/meta_load"},
    {"@uvm.meta.load_hail", "the oracle has no scripts: text/hail, text/meta_hail"},
    {"@mud.ephemeron.*", "when a key is found dead is the collector's to say: text/ephemerons"},
    {"@mud.queue.*", "the same, of what comes to a queue: text/finalizers"},
    {"@mud.finalizer.*", "the same: text/finalizers"},
    {"@uvm.irbuilder.*", "bundles made by calls: text_rebuilt, the fuzzer irbuilder_target"},
};

static const char *excuse_for(const char *name)
{
    for (size_t i = 0; i < sizeof excused / sizeof *excused; i++) {
        size_t length = strcspn(excused[i].name, "*");
        bool is_pattern = excused[i].name[length] == '*';
        if (is_pattern ? strncmp(name, excused[i].name, length) == 0
                       : strcmp(name, excused[i].name) == 0) {
            return excused[i].reason;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------ counting */

static void count_version(coverage *seen, const mu_ir_version *version)
{
    for (uint32_t i = 0; i < version->inst_count; i++) {
        const mu_ir_inst *inst = &version->insts[i];
        seen->ops[inst->op]++;
        seen->pointer_ops[inst->op] += inst->is_ptr;
        seen->clauses[inst->op] += inst->has_exc;
        if (inst->op == MU_OP_COMMINST) {
            seen->comminsts[inst->comminst]++;
        } else if (inst->op == MU_OP_ATOMICRMW) {
            seen->rmws[inst->rmw]++;
        }
    }
}

static void count_program(coverage *seen, const mu_ir_env *root, const char *program)
{
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(root, "program", program, strlen(program), report, &bundle);
    MU_INVARIANT(status == MU_OK, "a program does not parse: %s", mu_status_name(status));
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        const mu_ir_type *type = bundle->types[i];
        seen->types[type->kind]++;
        if (type->kind == MU_IR_VECTOR) {
            seen->lanes[type->element->kind]++;
        }
    }
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        count_version(seen, bundle->versions[i]);
    }
    seen->exposes += bundle->expose_count;
    seen->programs++;
    mu_ir_bundle_free(bundle);
    mu_report_free(report);
}

/* ----------------------------------------------------------------------------------- the check */

/* Told of each thing that may be counted; false: it should be made and is not, or the reverse. */
static bool judge(const char *name, uint64_t count, bool prints_all)
{
    const char *excuse = excuse_for(name);
    if (prints_all) {
        printf("%12llu  %s\n", (unsigned long long)count, name);
    }
    if (!count && !excuse) {
        printf("never made: %s\n", name);
    } else if (count && excuse) {
        printf("made, though excused (%s): %s\n", excuse, name);
    }
    return (count > 0) != (excuse != NULL);
}

static bool judge_named(const char *what, const char *word, uint64_t count, bool prints_all)
{
    char name[64];
    snprintf(name, sizeof name, "%s %s", what, word);
    return judge(name, count, prints_all);
}

static bool has_pointer_form(mu_ir_op op)
{
    return op == MU_OP_LOAD || op == MU_OP_STORE || op == MU_OP_CMPXCHG || op == MU_OP_ATOMICRMW ||
           op == MU_OP_GETFIELDIREF || op == MU_OP_GETELEMIREF || op == MU_OP_SHIFTIREF ||
           op == MU_OP_GETVARPARTIREF;
}

static bool judge_all(const coverage *seen, bool prints_all)
{
    static const char *const kinds[] = {
#define KIND_WORD(name, word) word,
        MU_IR_TYPE_LIST(KIND_WORD)
#undef KIND_WORD
    };
    bool is_whole = true;
    for (uint32_t i = 0; i < TYPE_KINDS; i++) {
        is_whole = judge_named("type", kinds[i], seen->types[i], prints_all) && is_whole;
        is_whole = judge_named("lane", kinds[i], seen->lanes[i], prints_all) && is_whole;
    }
    for (uint32_t i = 0; i < MU_OP_COUNT; i++) {
        const mu_ir_op_info *info = mu_ir_op_info_of((mu_ir_op)i);
        is_whole = judge(info->word, seen->ops[i], prints_all) && is_whole;
        if (has_pointer_form((mu_ir_op)i)) {
            is_whole = judge_named(info->word, "PTR", seen->pointer_ops[i], prints_all) && is_whole;
        }
        if (info->flags & MU_OP_FLAG_EXC) {
            is_whole = judge_named(info->word, "EXC", seen->clauses[i], prints_all) && is_whole;
        }
    }
    for (uint32_t i = 0; i < MU_COMMINST_COUNT; i++) {
        const char *name = mu_ir_comminst_name((mu_ir_comminst)i);
        is_whole = judge(name, seen->comminsts[i], prints_all) && is_whole;
    }
    for (uint32_t i = 0; i < RMW_KINDS; i++) {
        is_whole =
            judge_named("ATOMICRMW", mu_ir_rmw_name((mu_ir_rmw)i), seen->rmws[i], prints_all) &&
            is_whole;
    }
    return judge(".expose", seen->exposes, prints_all) && is_whole;
}

bool coverage_check(uint64_t seed, uint64_t count, bool prints_all)
{
    coverage seen = {0};
    mu_ir_env *root = mu_ir_env_new_root();
    for (uint64_t i = 0; i < 2 * count; i++) {
        char *program = generate_program(seed + i / 2, i % 2 == 1);
        count_program(&seen, root, program);
        mu_free(program);
    }
    mu_ir_env_release(root, NULL);
    bool is_whole = judge_all(&seen, prints_all);
    printf("%llu programs: %s\n", (unsigned long long)seen.programs,
           is_whole ? "made of everything" : "something is amiss");
    return is_whole;
}
