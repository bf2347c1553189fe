#include "mu_ir_lexer.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
}

static bool is_word_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '_';
}

void mu_ir_lexer_init(mu_ir_lexer *lexer, const char *text, size_t length)
{
    *lexer = (mu_ir_lexer){.at = text, .end = text + length, .line_start = text, .line = 1};
}

/* The character `ahead` places further, 0 past the end; a NUL in the input is no token either, so
 * that the two need no telling apart. */
static char peek(const mu_ir_lexer *lexer, size_t ahead)
{
    return (size_t)(lexer->end - lexer->at) > ahead ? lexer->at[ahead] : '\0';
}

static void skip_space(mu_ir_lexer *lexer)
{
    while (lexer->at < lexer->end) {
        char c = *lexer->at;
        if (c == '\n') {
            lexer->line++;
            lexer->line_start = lexer->at + 1;
        } else if (c == '/' && peek(lexer, 1) == '/') {
            while (lexer->at + 1 < lexer->end && lexer->at[1] != '\n' && lexer->at[1] != '\r') {
                lexer->at++;
            }
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
        lexer->at++;
    }
}

static void skip_digits(mu_ir_lexer *lexer)
{
    while (is_digit(peek(lexer, 0))) {
        lexer->at++;
    }
}

static void bad(mu_ir_token *token, const char *problem)
{
    token->kind = MU_IR_TOKEN_BAD;
    token->problem = problem;
}

/* The suffix may stand apart from its number, as a grammar of separate tokens allows. */
static void lex_suffix(mu_ir_lexer *lexer, mu_ir_token *token)
{
    mu_ir_lexer after = *lexer;
    while (peek(&after, 0) == ' ' || peek(&after, 0) == '\t') {
        after.at++;
    }
    char suffix = peek(&after, 0);
    if ((suffix == 'f' || suffix == 'd') && !is_word_char(peek(&after, 1))) {
        token->suffix = suffix;
        *lexer = after;
        lexer->at++;
    }
}

static void lex_fraction(mu_ir_lexer *lexer, mu_ir_token *token)
{
    token->kind = MU_IR_TOKEN_FP;
    lexer->at++;
    if (!is_digit(peek(lexer, 0))) {
        bad(token, "a number needs a digit after its point");
        return;
    }
    skip_digits(lexer);
    if (peek(lexer, 0) == 'e') {
        size_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-' ? 1 : 0;
        if (!is_digit(peek(lexer, 1 + sign))) {
            bad(token, "an exponent needs a digit");
            lexer->at++;
            return;
        }
        lexer->at += 1 + sign;
        skip_digits(lexer);
    }
    token->length = (uint32_t)(lexer->at - token->text);
    lex_suffix(lexer, token);
    if (!token->suffix) {
        bad(token, "a number with a fraction ends in f (float) or d (double)");
    }
}

static void lex_hexadecimal(mu_ir_lexer *lexer, mu_ir_token *token)
{
    lexer->at += 2;
    const char *first = lexer->at;
    while (is_digit(peek(lexer, 0)) || (peek(lexer, 0) >= 'a' && peek(lexer, 0) <= 'f') ||
           (peek(lexer, 0) >= 'A' && peek(lexer, 0) <= 'F')) {
        lexer->at++;
    }
    if (lexer->at == first) {
        bad(token, "0x needs a hexadecimal digit after it");
    }
}

static void lex_number(mu_ir_lexer *lexer, mu_ir_token *token)
{
    token->kind = MU_IR_TOKEN_INT;
    const char *first = lexer->at;
    if (*first == '0' && peek(lexer, 1) == 'x') {
        lex_hexadecimal(lexer, token);
    } else {
        skip_digits(lexer);
        if (peek(lexer, 0) == '.') {
            lex_fraction(lexer, token);
        } else if (*first == '0' && (memchr(first, '8', (size_t)(lexer->at - first)) ||
                                     memchr(first, '9', (size_t)(lexer->at - first)))) {
            bad(token, "a number that begins with 0 is octal and has no digit 8 or 9");
        }
    }
    if (token->kind != MU_IR_TOKEN_BAD && is_word_char(peek(lexer, 0))) {
        bad(token, "a number runs into a letter");
    }
    if (token->kind == MU_IR_TOKEN_BAD) {
        while (is_word_char(peek(lexer, 0))) {
            lexer->at++;
        }
    }
}

static void lex_sign(mu_ir_lexer *lexer, mu_ir_token *token)
{
    lexer->at++;
    if (is_digit(peek(lexer, 0))) {
        lex_number(lexer, token);
    } else if (*token->text == '-' && peek(lexer, 0) == '>') {
        lexer->at++;
        token->kind = MU_IR_TOKEN_ARROW;
    } else if (lexer->end - lexer->at >= 3 && memcmp(lexer->at, "inf", 3) == 0) {
        lexer->at += 3;
        token->kind = MU_IR_TOKEN_FP;
        token->length = (uint32_t)(lexer->at - token->text);
        lex_suffix(lexer, token);
        if (!token->suffix) {
            bad(token, "an infinity ends in f (float) or d (double)");
        }
    } else {
        bad(token, "a sign must stand directly before a number or 'inf'");
    }
}

static void lex_name(mu_ir_lexer *lexer, mu_ir_token *token, int kind)
{
    lexer->at++;
    const char *first = lexer->at;
    token->kind = kind;
    while (is_name_char(peek(lexer, 0))) {
        lexer->at++;
    }
    if (lexer->at == first) {
        bad(token,
            kind == MU_IR_TOKEN_GLOBAL ? "a name must follow '@'" : "a name must follow '%'");
    }
}

static void lex_flag(mu_ir_lexer *lexer, mu_ir_token *token)
{
    lexer->at++;
    const char *first = lexer->at;
    token->kind = MU_IR_TOKEN_FLAG;
    while ((peek(lexer, 0) >= 'A' && peek(lexer, 0) <= 'Z') || peek(lexer, 0) == '_') {
        lexer->at++;
    }
    if (lexer->at == first) {
        bad(token, "capital letters must follow '#'");
    }
}

static void lex_other(mu_ir_lexer *lexer, mu_ir_token *token)
{
    char c = *lexer->at++;
    token->kind = (unsigned char)c;
    switch (c) {
    case '<':
        if (peek(lexer, 0) == '[') {
            lexer->at++;
            token->kind = MU_IR_TOKEN_SIGS;
        }
        break;
    case ']':
        if (peek(lexer, 0) == '>') {
            lexer->at++;
            token->kind = MU_IR_TOKEN_SIGS_END;
        }
        break;
    case '>':
    case '(':
    case ')':
    case '[':
    case '{':
    case '}':
    case '=':
    case ':': break;
    default:
        bad(token, "a character that no Mu IR text may hold here");
        while ((unsigned char)c >= 0x80 && (unsigned char)peek(lexer, 0) >= 0x80) {
            lexer->at++;
        }
        break;
    }
}

mu_ir_token mu_ir_lexer_next(mu_ir_lexer *lexer)
{
    skip_space(lexer);
    mu_ir_token token = {
        .text = lexer->at,
        .where = {.line = lexer->line, .column = (uint32_t)(lexer->at - lexer->line_start) + 1}};
    if (lexer->at == lexer->end) {
        token.kind = MU_IR_TOKEN_END;
        return token;
    }
    char c = *lexer->at;
    if (c == '@' || c == '%') {
        lex_name(lexer, &token, c == '@' ? MU_IR_TOKEN_GLOBAL : MU_IR_TOKEN_LOCAL);
    } else if (is_letter(c) || c == '_' || c == '.') {
        token.kind = MU_IR_TOKEN_WORD;
        lexer->at++;
        while (is_word_char(peek(lexer, 0))) {
            lexer->at++;
        }
    } else if (is_digit(c)) {
        lex_number(lexer, &token);
    } else if (c == '+' || c == '-') {
        lex_sign(lexer, &token);
    } else if (c == '#') {
        lex_flag(lexer, &token);
    } else {
        lex_other(lexer, &token);
    }
    if (!token.length) {
        token.length = (uint32_t)(lexer->at - token.text);
    }
    return token;
}
