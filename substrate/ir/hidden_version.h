#pragma once
#include "mu_ir.h"

/* Frees what mu_ir_func_hidden made; NULL is allowed. */
void mu_ir_hidden_free(mu_ir_version *version);
