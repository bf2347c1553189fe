#pragma once
/* The parser's inside. A function that returns bool parses a part: false after a syntax error,
 * which it has reported, with the parser standing at the offending token. Anything else that is
 * wrong is reported and the part skipped, and parsing goes on. */
#include "hail_script.h"
#include "mu_abi.h"
#include "mu_ir_lexer.h"

/* Beside the kinds of mu_ir_lexer.h, '&' and '*'. */
enum { HAIL_TOKEN_NAME = 1024 /* $name */ };

typedef struct hail_parser {
    const mu_ir_env *env;
    const mu_hail_options *options;
    mu_report *report;
    mu_hail_script *script;
    mu_map *objects;  /* "$name" → a number, 1 + index of the object */
    mu_map *globals;  /* "@name" → its entity, or `undefined` */
    mu_map *cells;    /* a cell's id → a number, 1 + index in script->cells */
    mu_map *prefixes; /* pairs of types of which it is known whether one begins with the other */
    mu_arena *arena;  /* their keys */
    mu_ir_entity undefined;
    locale_t c_locale;
    mu_status status; /* OK, LIMIT or UNSUPPORTED, INVALID */
    bool is_full;     /* a limit has been reported: nothing is added any more */
    uint64_t copied_bytes;
    mu_ir_lexer lexer;
    mu_ir_token token;
} hail_parser;

/* A location, or a whole variable part; not known after an error. */
typedef struct hail_place {
    bool is_known;
    bool is_variable_part; /* of `length` elements of `type` */
    hail_base base;
    const mu_ir_type *type;
    uint64_t offset;
    uint64_t length; /* HYBRID and its variable part */
} hail_place;

/* ---------------------------------------------------------------------------------- tokens, errors
 * (hail_parser.c) */

void hail_advance(hail_parser *parser);
bool hail_accept(hail_parser *parser, int kind);
bool hail_expect(hail_parser *parser, int kind, const char *what);
/* "expected <what>, found …" at the present token. Returns false. */
bool hail_expected(hail_parser *parser, const char *what);
void hail_error(hail_parser *parser, mu_status status, mu_location where, const char *format, ...)
    MU_PRINTF(4, 5);
bool hail_at_definition(const hail_parser *parser);

typedef struct hail_text {
    char text[96];
} hail_text;
/* Display form of a type, of as much as fits. */
hail_text hail_type_text(const hail_parser *parser, const mu_ir_type *type);
/* Of a token. */
hail_text hail_token_text(const mu_ir_token *token);

/* ------------------------------------------------------------------------------ names
 * (hail_names.c)
 */

/* The entity of the present token, a global name, or NULL. */
mu_ir_entity *hail_look_up(hail_parser *parser);
/* The same; takes the token, and reports if there is none. */
mu_ir_entity *hail_global(hail_parser *parser, const char *wanted);
/* Reports that the entity is not what is wanted here. */
void hail_wrong_entity(hail_parser *parser, const mu_ir_token *name, const char *wanted,
                       const mu_ir_entity *entity);
/* The object of the present token, a HAIL name; false after an error. Takes the token. */
bool hail_object(hail_parser *parser, hail_base *base);
/* Declares one. */
void hail_declare(hail_parser *parser, const mu_ir_token *name, const mu_hail_object *object);
hail_base hail_cell_base(hail_parser *parser, const mu_ir_global *global);

/* -------------------------------------------------------------------------- places (hail_place.c)
 */

/* An integer literal or the name of an int constant, as an unsigned number of 64 bits; `is_known`
 * is false after an error. */
bool hail_parse_count(hail_parser *parser, const char *what, bool *is_known, uint64_t *count);
/* A name and its indices. */
bool hail_parse_place(hail_parser *parser, hail_place *place);
bool hail_is_composite(const hail_place *place);
/* How many members it has, and one of them. */
uint64_t hail_member_count(const hail_place *place);
hail_place hail_member(const hail_place *place, uint64_t index);
/* Size of all that is at the place. */
uint64_t hail_place_bytes(const hail_place *place);

/* -------------------------------------------------------------------------- values (hail_value.c)
 */

/* An RValue, which is stored to `to`. */
bool hail_parse_value(hail_parser *parser, const hail_place *to);
/* Does `type` begin with `prefix`? Comparing long structs takes its time, so each pair is compared
 * once (hail_load.c). */
bool hail_begins_with(hail_parser *parser, const mu_ir_type *type, const mu_ir_type *prefix);
/* `*` and what follows (hail_load.c). */
bool hail_parse_load(hail_parser *parser, const hail_place *to);
/* An integer, literal or constant, for `bits` bits (hail_number.c). */
bool hail_parse_int(hail_parser *parser, const hail_place *to);
/* FLOAT, DOUBLE; a TAGREF64 takes a double too (hail_number.c). */
bool hail_parse_fp(hail_parser *parser, const hail_place *to);
/* "<type> wants <wanted>, found …", then goes behind the value. */
bool hail_refuse_value(hail_parser *parser, const hail_place *to, const char *wanted);
/* Goes behind a value. */
bool hail_skip_value(hail_parser *parser);
/* Adds a store of the script's own bytes. */
void hail_store_bytes(hail_parser *parser, const hail_place *to, const void *bytes, uint64_t count);
void hail_store(hail_parser *parser, const hail_op *op);
/* Is there no room for `count` more of what the script has `used` of `most`? Reports it, once. */
bool hail_is_full(hail_parser *parser, uint64_t used, uint64_t count, uint64_t most,
                  const char *what);
