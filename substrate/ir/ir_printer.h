#pragma once
/* Printing a bundle: top level in ir_printer.c, instructions in inst_printer.c. */
#include "mu_ir.h"
#include "text_buffer.h"

/* An entity's name; for one without, a name made of its id. */
void mu_ir_print_name(mu_ir_buffer *buffer, const mu_ir_entity *entity);
/* One instruction with its results, without indentation and line end. */
void mu_ir_print_inst(mu_ir_buffer *buffer, const mu_ir_version *version, const mu_ir_inst *inst);
