#pragma once
/* Text that grows as it is printed to. */
#include "mu_base.h"

typedef MU_ARRAY(char) mu_ir_buffer;

void mu_ir_buffer_add(mu_ir_buffer *buffer, const char *text);
void mu_ir_buffer_format(mu_ir_buffer *buffer, const char *format, ...) MU_PRINTF(2, 3);
/* The text, NUL-terminated, now the caller's to free with mu_free. */
char *mu_ir_buffer_take(mu_ir_buffer *buffer);
