#pragma once
/* What the loop does with the threads of a VM, while its world cannot be stopped: so it never waits
 * for one. Nearly always that is at once. While the world is stopped, work is put off, and done in
 * its order as soon as the world runs again; other VMs are served meanwhile. */
#include "hosted_vm.h"

/* Calls `work(context)` on the loop's thread with the VM kept calm, at once or later. Until then
 * the VM does not go; whatever else `context` is must know when it has gone. */
void mud_calm_work(mud_vm *vm, mud_letter_fn *work, void *context);
/* Is there work of the VM that was put off? */
bool mud_calm_is_waiting(const mud_vm *vm);

/* A request about a VM: handled by `handle` at once, or put off with a copy of its frame and then
 * dispatched again from the start. */
typedef void mud_calm_request_fn(mud_session *session, const Mud__ClientFrame *frame, mud_vm *vm);
void mud_calm_request(mud_session *session, const Mud__ClientFrame *frame, mud_vm *vm,
                      mud_calm_request_fn *handle);
