/* tagref64: made of all kinds of things and asked for all of them, also for what is not there. */
#include "program_text.h"

#include <string.h>

/* What program_make_types adds after float and double: void, its ref, then these. */
enum { DOUBLE_TYPE = 13, VOID_REF_TYPE = 15, TAGREF_TYPE = 16, TAG_TYPE = 17 };

static const program_type *tagref_type(const program *p)
{
    return p->types.items[TAGREF_TYPE];
}

static void write_making(program *p, program_op *op)
{
    uint32_t dice = program_below(p, 4);
    op->results[0] = tagref_type(p);
    op->result_count = 1;
    if (dice == 0) {
        program_write(&op->text, "COMMINST @uvm.tr64.from_fp (%s)",
                      program_pick(p, p->types.items[DOUBLE_TYPE], 0).name);
    } else if (dice == 1) {
        program_write(&op->text, "COMMINST @uvm.tr64.from_int (%s)",
                      program_pick(p, program_int_of(p, 52), 0).name);
    } else {
        program_value ref = program_pick(p, p->types.items[VOID_REF_TYPE], 0);
        program_value tag = program_pick(p, p->types.items[TAG_TYPE], 0);
        program_write(&op->text, "COMMINST @uvm.tr64.from_ref (%s %s)", ref.name, tag.name);
    }
}

program_value program_make_tagref(program *p)
{
    program_op op = {0};
    write_making(p, &op);
    return program_emit(p, &op);
}

bool program_tagref_inst(program *p, program_op *op)
{
    static const char *const words[] = {"is_fp",  "is_int", "is_ref", "to_fp",
                                        "to_int", "to_ref", "to_tag", "to_ref"};
    const program_type *bit = program_int_of(p, 1);
    const program_type *const results[] = {
        bit,
        bit,
        bit,
        p->types.items[DOUBLE_TYPE],
        program_int_of(p, 52),
        p->types.items[VOID_REF_TYPE],
        p->types.items[TAG_TYPE],
        p->types.items[VOID_REF_TYPE],
    };
    uint32_t dice = program_below(p, 13);
    if (dice >= 8) {
        write_making(p, op);
        return true;
    }
    program_value value = program_pick(p, tagref_type(p), 0);
    program_write(&op->text, "COMMINST @uvm.tr64.%s (%s)", words[dice], value.name);
    op->results[0] = results[dice];
    op->result_count = 1;
    return true;
}
