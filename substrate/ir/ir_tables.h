#pragma once
/* Words of the text form, and the syntax of each instruction as a string that the parser follows
 * and the printer follows back. One character is one step: < >  themselves            T  a type S
 * a signature I    an integer literal    v  an operand          n  an operand, for INSERTVALUE and
 * INSERTELEMENT d    a destination         C  a SWITCH's cases    a  ( arguments ) r    RET's
 * values          e  EXC(…), optional    k  KEEPALIVE(…), optional P    PTR, optional         W
 * WEAK, optional      o  an order, optional O    an order              f  the order on failure   M
 * an operator of ATOMICRMW L    < types >             X  WPEXC(…), optional  F  a calling
 * convention H    THREADLOCAL(…), optional   B  what becomes of the current stack N    what the new
 * stack receives   c  a common instruction's name and lists */
#include "mu_ir.h"

const char *mu_ir_syntax_of(mu_ir_op op);

/* "int", "float"; static. */
const char *mu_ir_type_word(mu_ir_type_kind kind);
/* "a type", "a constant"; static. */
const char *mu_ir_kind_name(mu_ir_kind kind);

/* The row with this word; false: none. */
bool mu_ir_comminst_find(const char *name, size_t length, mu_ir_comminst *comminst);
bool mu_ir_order_find(const char *text, size_t length, uint32_t *order);
bool mu_ir_rmw_find(const char *text, size_t length, uint32_t *rmw);
bool mu_ir_type_find(const char *text, size_t length, uint32_t *kind);
