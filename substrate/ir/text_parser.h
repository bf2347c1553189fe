#pragma once
/* The parser's inside. It looks at two tokens at a time, farther only by copying the lexer. A
 * function that returns bool parses a part: false after a syntax error, which it has reported, with
 * the parser standing at the offending token. An undefined name is reported but is no syntax error:
 * parsing goes on with NULL in its place. */
#include "mu_ir_builder.h"
#include "mu_ir_lexer.h"

/* What a spelling means. `…_serial` say for which version or block the numbers beside them hold. */
typedef struct mu_ir_symbol {
    mu_ir_entity *entity; /* top-level meaning, once `resolved` */
    bool resolved;
    uint32_t reported;       /* as undefined in this version (0: not): once is enough */
    uint32_t version_serial; /* of the following three */
    uint32_t block_serial;   /* 0: no variable of this name */
    uint32_t variable;
    uint32_t label_serial; /* a version's serial: it has a block of this name, `block` */
    uint32_t block;
    uint32_t global_serial; /* a version's serial: its list of globals has it, `global` */
    mu_ir_value global;
} mu_ir_symbol;

/* A top-level definition that the first pass saw, in order. */
typedef struct mu_ir_declaration {
    const char *text; /* of the keyword's token */
    mu_ir_entity *entity;
    mu_ir_entity *version; /* of a .funcdef */
} mu_ir_declaration;

/* A destination whose block's name comes later in the body. */
typedef struct mu_ir_pending_dest {
    uint32_t dest;
    mu_ir_symbol *symbol;
    mu_ir_token name;
} mu_ir_pending_dest;

typedef struct mu_ir_parser {
    const mu_ir_env *env;
    mu_ir_builder *builder;
    mu_report *report;
    mu_arena *scratch;
    mu_map *symbols; /* spelling → mu_ir_symbol; in the scratch arena */
    mu_map *words;   /* keyword of an instruction → its row */
    mu_map *defined; /* name of a function with a version in this bundle */
    locale_t c_locale;
    mu_status status; /* OK, INVALID, LIMIT */

    mu_ir_lexer lexer; /* behind `ahead` */
    uint64_t tokens;   /* taken so far */
    mu_ir_token token;
    mu_ir_token ahead;

    MU_ARRAY(mu_ir_declaration) declarations;
    uint32_t next_declaration;

    /* Of the body being parsed. */
    mu_ir_version *version;
    const char *version_name;
    const char *block_name;
    uint32_t version_serial;
    uint32_t block_serial;
    bool block_damaged; /* its label was in error: its names are not all known */
    bool in_operands;   /* results of the instruction are not there yet */
    bool in_cases;      /* inside the braces of a SWITCH */
    uint32_t inst_first_result;
    MU_ARRAY(mu_ir_pending_dest) pending;
    MU_ARRAY(mu_ir_token) results;
    MU_ARRAY(mu_ir_type *) types; /* scratch lists of one definition */
    MU_ARRAY(mu_ir_entity *) items;
} mu_ir_parser;

#define MU_IR_TEXT_MAX (64u << 20)
#define MU_IR_LIST_MAX (1u << 20)

/* ------------------------------------------------------------------- tokens and errors
 * (text_parser.c) */

void mu_ir_parser_start(mu_ir_parser *parser, const char *text, size_t length);
void mu_ir_parser_advance(mu_ir_parser *parser);
/* The token behind `ahead`. */
mu_ir_token mu_ir_parser_third(const mu_ir_parser *parser);
/* Reports at the place; sets the status. Returns false. */
bool mu_ir_parser_error(mu_ir_parser *parser, mu_location where, const char *format, ...)
    MU_PRINTF(3, 4);
bool mu_ir_parser_limit(mu_ir_parser *parser, mu_location where, const char *what);
/* "expected <what>, found …" at the present token. Returns false. */
bool mu_ir_parser_expected(mu_ir_parser *parser, const char *what);
/* Takes a token of this kind. */
bool mu_ir_parser_accept(mu_ir_parser *parser, int kind);
bool mu_ir_parser_accept_word(mu_ir_parser *parser, const char *word);
bool mu_ir_parser_expect(mu_ir_parser *parser, int kind, const char *what);
/* An integer literal from 0 to `most`. */
bool mu_ir_parser_number(mu_ir_parser *parser, const char *what, uint64_t most, uint64_t *number);
/* One of .typedef, .funcsig, … */
bool mu_ir_is_top_level(const mu_ir_token *token);

/* --------------------------------------------------------------------------- names (text_parser.c)
 */

/* The symbol of a name. A global name below `parent` ("@f.v1.entry") is the same symbol as the
 * local name that expands to it; NULL: no parent. */
mu_ir_symbol *mu_ir_parser_symbol(mu_ir_parser *parser, const mu_ir_token *name,
                                  const char *parent);
/* The global name of a token in `parent`; NULL after LIMIT. */
const char *mu_ir_parser_global_name(mu_ir_parser *parser, const mu_ir_token *name,
                                     const char *parent);
/* A reference to a top-level entity of `kind`; `*entity` is NULL when it is in error. */
bool mu_ir_parser_reference(mu_ir_parser *parser, mu_ir_kind kind, mu_ir_entity **entity);
/* A reference to something that has a value: constant, cell, function, exposed function. */
bool mu_ir_parser_global_reference(mu_ir_parser *parser, mu_ir_entity **entity);
mu_ir_entity *mu_ir_parser_resolve(mu_ir_parser *parser, mu_ir_symbol *symbol,
                                   const mu_ir_token *name);
/* "expected <wanted>, but @x is a type (defined at 3:4)". */
void mu_ir_parser_wrong_kind(mu_ir_parser *parser, const mu_ir_token *name, const char *wanted,
                             const mu_ir_entity *entity);
/* "undefined name %x: expected <wanted>", once for each name and version. */
void mu_ir_parser_undefined(mu_ir_parser *parser, mu_ir_symbol *symbol, const mu_ir_token *name,
                            const char *wanted);
bool mu_ir_is_global_value(const mu_ir_entity *entity);
/* Types up to `end`, into parser->types. */
bool mu_ir_parser_types(mu_ir_parser *parser, int end, const char *end_text);

/* ---------------------------------------------------------------------------------------- parts */

/* One definition, from its keyword (text_toplevel.c). */
bool mu_ir_parse_definition(mu_ir_parser *parser, const mu_ir_declaration *declaration);
/* `{` blocks `}` (text_body.c). */
bool mu_ir_parse_body(mu_ir_parser *parser, mu_ir_version *version);
/* Stands the parser at what looks like the start of an instruction, a label or the body's end. */
void mu_ir_parser_recover(mu_ir_parser *parser);
/* An operand: a variable of this block or a global value. The code is 0 when it is in error. */
bool mu_ir_parser_operand(mu_ir_parser *parser, mu_ir_value *value);
/* An instruction behind its results and name (text_inst.c). */
bool mu_ir_parse_inst(mu_ir_parser *parser, mu_ir_inst *inst);
/* The row of a keyword, or NULL. */
const mu_ir_op_info *mu_ir_parser_op(const mu_ir_parser *parser, const mu_ir_token *token);
