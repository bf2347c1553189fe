#pragma once
/* How a program for the Mu reference implementation gets a MuVM, by the names that it knows. The
 * build gives this header the name refimpl2-start.h as well. */
#include "muapi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Connects to mud (MUD_HOST says where, as for muctl) and makes a VM without a name, which goes
 * with the connection. It has the grant `native` if mud gives it. NULL when that fails, with the
 * reason on standard error, since there is nowhere else to say it. */
MuVM *mu_refimpl2_new(void);
/* The same, with lines KEY=VALUE: sosSize and losSize, in bytes, are the sizes of the spaces for
 * small and large objects, and their sum is the quota of mud's one heap. What has no meaning here
 * (globalSize, stackSize, staticCheck, sourceInfo, vmLog, gcLog) is passed over. A key that the
 * reference does not know, and a size that is no number, are failures. Blank lines and those that
 * begin with # are nothing. */
MuVM *mu_refimpl2_new_ex(const char *gc_conf);
/* Closes the MuVM, and with it the VM and the connection. NULL is allowed. */
void mu_refimpl2_close(MuVM *mvm);

#ifdef __cplusplus
}
#endif
