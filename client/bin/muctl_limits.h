#pragma once
/* The limits of a VM as options, as a table and as JSON. */
#include "muctl.h"

/* Reads the options of limits; those not given are 0. 0, or the exit status. */
int muctl_limits_read(const muctl_program *muctl, muclient_vm_limits *limits);
/* A table with a row for each. False when memory was out. */
bool muctl_limits_print(FILE *out, const muclient_vm_limits *limits);
void muctl_limits_json(muctl_json *json, const char *key, const muclient_vm_limits *limits);
