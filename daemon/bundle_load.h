#pragma once
/* Loading a bundle that has arrived: on a worker, because parsing and verifying take their time.
 * Loads into one VM run one after the other, in the order in which they ended arriving. */
#include "hosted_vm.h"

/* Takes the upload's memory. The reply comes when it is loaded. */
void mud_load_begin(mud_vm *vm, mud_ticket ticket, mud_upload *upload);
/* Refuses the loads that wait behind the running one. */
void mud_load_drop_queued(mud_vm *vm);
