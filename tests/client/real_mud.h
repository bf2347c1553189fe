#pragma once
/* A mud of a test's own, in a fresh folder; it allows the grant `native`. It ends when the test
 * does, however that ends. */

typedef struct real_mud real_mud;

/* Starts the program, which logs warnings only, and waits until its socket is there. Ends the test
 * when it does not start. */
real_mud *real_mud_start(const char *program);
const char *real_mud_socket(const real_mud *mud);
/* Ends it, and frees. Returns its exit status, or 128 and the signal. */
int real_mud_stop(real_mud *mud);
