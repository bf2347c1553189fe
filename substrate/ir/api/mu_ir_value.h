#pragma once
/* Values in memory as text and back, for those outside: "{1, 2.5, {-3, null}}" is a struct of an
 * int, a double and an array or struct of two. Composites are braces around what they consist of;
 * ints are signed decimal (int<1> 0 and 1, of any width up to 128 bits), pointers hexadecimal,
 * floating point the shortest form that reads back the same, references "null" or their kind. */
#include "mu_ir.h"

/* Room for what a value's display form is cut to, the NUL included. */
#define MU_IR_VALUE_TEXT_BYTES 256u

/* Names what only the memory's owner knows: a funcref that is not NULL, or a tagref64. Writes at
 * most `bytes`, the NUL included. */
typedef void mu_ir_show_leaf_fn(void *context, const mu_ir_type *type, const void *memory,
                                char *text, size_t bytes);

/* Writes the display form of the value of `type` at `memory`, in its layout, to `text`, which has
 * room for `bytes`, at least 8. What does not fit is cut, and the text then ends with "...}" (of a
 * composite). `type` is laid out. Thread-safe. */
void mu_ir_value_show(const mu_ir_type *type, const void *memory, mu_ir_show_leaf_fn *leaf,
                      void *context, char *text, size_t bytes);

/* Reads a value of `type` from such a form into `memory`, which has room for its size; ints may be
 * hexadecimal (0xff) and any that fit signed or unsigned, and commas may be blanks. `what` comes
 * first in messages and is like "argument 2". `type` is laid out.
 *
 * Errors, with `memory` then undefined: INVALID for another text; UNSUPPORTED for a value that
 * cannot be given from outside: a reference that is not null, a tagref64 inside of a composite.
 * The report says what was expected and at which byte. Time is linear in the text and the value's
 * size. Thread-safe. */
MU_MUST_CHECK mu_status mu_ir_value_read(const mu_ir_type *type, const char *text, const char *what,
                                         mu_report *report, void *memory);
