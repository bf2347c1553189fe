#pragma once
/* Writes one JSON document on one line. Commas are the writer's work; `key` is NULL in an array and
 * for the document itself. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct muctl_json {
    FILE *out;
    bool needs_comma;
} muctl_json;

void muctl_json_begin(muctl_json *json, FILE *out);
/* Ends the line. */
void muctl_json_end(muctl_json *json);
void muctl_json_object_begin(muctl_json *json, const char *key);
void muctl_json_object_end(muctl_json *json);
void muctl_json_array_begin(muctl_json *json, const char *key);
void muctl_json_array_end(muctl_json *json);
/* Control characters and those that turn the direction of writing are escaped; bytes that are not
 * UTF-8 become U+FFFD. NULL is written as null. */
void muctl_json_string(muctl_json *json, const char *key, const char *text);
void muctl_json_unsigned(muctl_json *json, const char *key, uint64_t number);
void muctl_json_signed(muctl_json *json, const char *key, int64_t number);
/* Writes the shortest text that reads back as the number; NaN and infinities, which JSON lacks, as
 * strings. */
void muctl_json_real(muctl_json *json, const char *key, double number);
void muctl_json_float(muctl_json *json, const char *key, float number);
void muctl_json_bool(muctl_json *json, const char *key, bool truth);
