#include "muctl_json.h"
#include "muclient.h"
#include "muctl_value.h"
#include <inttypes.h>
#include <math.h>

static uint32_t code_point(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    switch (length) {
    case 1: return s[0];
    case 2: return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
    case 3: return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
    default: return 0x10000; /* whatever it is: nothing above U+FFFF is escaped */
    }
}

static bool is_escaped(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

static void text_write(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const char *at = text; *at != 0;) {
        size_t length = muclient_utf8_length(at);
        uint32_t point = length == 0 ? 0xfffd : code_point(at, length);
        if (length == 0) {
            (void)fputs("\\ufffd", out);
            length = 1;
        } else if (point == '"' || point == '\\') {
            (void)fprintf(out, "\\%c", (char)point);
        } else if (point == '\n') {
            (void)fputs("\\n", out);
        } else if (is_escaped(point)) {
            (void)fprintf(out, "\\u%04" PRIx32, point);
        } else {
            (void)fwrite(at, 1, length, out);
        }
        at += length;
    }
    (void)fputc('"', out);
}

/* What comes before every member and element. */
static void lead(muctl_json *json, const char *key)
{
    if (json->needs_comma) {
        (void)fputc(',', json->out);
    }
    if (key != NULL) {
        text_write(json->out, key);
        (void)fputc(':', json->out);
    }
    json->needs_comma = true;
}

void muctl_json_begin(muctl_json *json, FILE *out)
{
    *json = (muctl_json){.out = out};
}

void muctl_json_end(muctl_json *json)
{
    (void)fputc('\n', json->out);
}

static void open_write(muctl_json *json, const char *key, char bracket)
{
    lead(json, key);
    (void)fputc(bracket, json->out);
    json->needs_comma = false;
}

static void close_write(muctl_json *json, char bracket)
{
    (void)fputc(bracket, json->out);
    json->needs_comma = true;
}

void muctl_json_object_begin(muctl_json *json, const char *key)
{
    open_write(json, key, '{');
}

void muctl_json_object_end(muctl_json *json)
{
    close_write(json, '}');
}

void muctl_json_array_begin(muctl_json *json, const char *key)
{
    open_write(json, key, '[');
}

void muctl_json_array_end(muctl_json *json)
{
    close_write(json, ']');
}

void muctl_json_string(muctl_json *json, const char *key, const char *text)
{
    lead(json, key);
    if (text == NULL) {
        (void)fputs("null", json->out);
    } else {
        text_write(json->out, text);
    }
}

void muctl_json_unsigned(muctl_json *json, const char *key, uint64_t number)
{
    lead(json, key);
    (void)fprintf(json->out, "%" PRIu64, number);
}

void muctl_json_signed(muctl_json *json, const char *key, int64_t number)
{
    lead(json, key);
    (void)fprintf(json->out, "%" PRId64, number);
}

void muctl_json_real(muctl_json *json, const char *key, double number)
{
    char text[MUCTL_REAL_BYTES];
    lead(json, key);
    muctl_double_print(text, number);
    (void)fprintf(json->out, isfinite(number) ? "%s" : "\"%s\"", text);
}

void muctl_json_float(muctl_json *json, const char *key, float number)
{
    char text[MUCTL_REAL_BYTES];
    lead(json, key);
    muctl_float_print(text, number);
    (void)fprintf(json->out, isfinite(number) ? "%s" : "\"%s\"", text);
}

void muctl_json_bool(muctl_json *json, const char *key, bool truth)
{
    lead(json, key);
    (void)fputs(truth ? "true" : "false", json->out);
}
