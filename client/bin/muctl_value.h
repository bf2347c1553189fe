#pragma once
/* How values are written. */
#include "muclient.h"
#include "muctl_json.h"
#include <stdio.h>

enum { MUCTL_REAL_BYTES = 32 };

/* The shortest text that reads back as the same number; "nan", "inf", "-inf". */
void muctl_float_print(char out[MUCTL_REAL_BYTES], float number);
void muctl_double_print(char out[MUCTL_REAL_BYTES], double number);

/* "21", "-1", "2.5", "null", "ref<@Node>": without the type, made printable. An integer of two bits
 * or more is signed, one of a single bit is 0 or 1. */
void muctl_value_print(FILE *out, const muclient_value *value);
/* "int64:5", "double:2.5", "ref:null", "ref:obj", "iref:set": what a log of traps holds. */
void muctl_value_tag(char *out, size_t capacity, const muclient_value *value);
/* {"type":"int<64>","value":21} */
void muctl_value_json(muctl_json *json, const char *key, const muclient_value *value);
