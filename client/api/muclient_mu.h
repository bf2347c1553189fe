#pragma once
/* The Mu specification's C interface (muapi.h) over a connection of libmuclient. Programs for the
 * reference implementation begin with refimpl2-start.h instead, and need nothing of this but
 * muclient_mu_error. */
#include "muapi.h"
#include "muclient.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a VM of a connection. The MuVM is the caller's, for muclient_mu_close, and must be closed
 * before the connection; until then the connection may be used for other things as well, by the
 * same thread. Several MuVMs of one connection, also of one VM, are independent, but for the trap
 * handler, which a VM has one of. NULL and an error: NOT_FOUND, no such VM; RESOURCE_EXHAUSTED, it
 * has too many contexts; UNAVAILABLE. */
MuVM *muclient_mu_open(muclient *client, const char *vm, muclient_error **error);
/* Sends what is queued, closes the contexts, gives up the traps and frees. The VM stays. NULL is
 * allowed. Not from a trap handler, where it does nothing but note an error. */
void muclient_mu_close(MuVM *mvm);
/* What went wrong first since the client last wrote 0 to *get_mu_error_ptr: the function, a colon,
 * what mud or the library says about it. Empty when nothing has. Valid until the next error. */
const char *muclient_mu_error(const MuVM *mvm);
/* Sends what is queued and waits until it is performed. Of use where other programs should see it,
 * or to find out at once whether something failed. */
void muclient_mu_send(MuVM *mvm);
/* The VM's name, which muctl and other connections know it by. Valid until the MuVM is closed. */
const char *muclient_mu_vm_name(const MuVM *mvm);
/* The connection below. */
muclient *muclient_mu_connection(const MuVM *mvm);

#ifdef __cplusplus
}
#endif
