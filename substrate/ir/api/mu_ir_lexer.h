#pragma once
/* Tokens of the text form, and of what is written like it (HAIL). The lexer is a small value:
 * copying it is how the parser looks far ahead. Any byte is allowed in the input; what is no token
 * comes out as MU_IR_TOKEN_BAD with a reason. */
#include "mu_base.h"

#include <locale.h>

/* A token's kind: a single character for itself, or one of these. */
enum {
    MU_IR_TOKEN_END = 256,
    MU_IR_TOKEN_BAD,
    MU_IR_TOKEN_WORD,   /* keywords: ADD, int, .typedef, nanf */
    MU_IR_TOKEN_GLOBAL, /* @name */
    MU_IR_TOKEN_LOCAL,  /* %name */
    MU_IR_TOKEN_FLAG,   /* #DEFAULT */
    MU_IR_TOKEN_INT,
    MU_IR_TOKEN_FP,       /* a number with a fraction, or ±inf; `suffix` says f or d */
    MU_IR_TOKEN_ARROW,    /* -> */
    MU_IR_TOKEN_SIGS,     /* <[ */
    MU_IR_TOKEN_SIGS_END, /* ]> */
};

typedef struct mu_ir_token {
    int kind;
    char suffix; /* FP: 'f', 'd', or 0 when it is missing */
    uint32_t length;
    const char *text;    /* in the input */
    const char *problem; /* BAD: what is wrong; static */
    mu_location where;
} mu_ir_token;

typedef struct mu_ir_lexer {
    const char *at;
    const char *end;
    const char *line_start;
    uint32_t line;
} mu_ir_lexer;

void mu_ir_lexer_init(mu_ir_lexer *lexer, const char *text, size_t length);
mu_ir_token mu_ir_lexer_next(mu_ir_lexer *lexer);

static inline bool mu_ir_token_is(const mu_ir_token *token, const char *word)
{
    return token->kind == MU_IR_TOKEN_WORD && token->length == __builtin_strlen(word) &&
           __builtin_memcmp(token->text, word, token->length) == 0;
}

/* An INT token's value, in two's complement of 128 bits. `too_large`: it has more bits than that.
 */
typedef struct mu_ir_int_literal {
    uint64_t low, high;
    bool negative;
    bool too_large;
} mu_ir_int_literal;
mu_ir_int_literal mu_ir_int_value(const mu_ir_token *token);

/* An FP token's value, rounded once, to nearest. `c_locale` is the "C" locale.
 * Errors: INVALID, the number is too large for the format; LIMIT, too many characters. */
MU_MUST_CHECK mu_status mu_ir_float_value(const mu_ir_token *token, locale_t c_locale,
                                          float *value);
MU_MUST_CHECK mu_status mu_ir_double_value(const mu_ir_token *token, locale_t c_locale,
                                           double *value);
