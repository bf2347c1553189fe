/* Keeping a VM's world from being stopped, for one who must not wait while it is. Whoever wants to
 * stop it waits for those who keep it running, and none begins to while somebody does: so a stop
 * waits for one of them at most, and one who asked in vain is served before the next stop. */
#include "vm_internal.h"

bool mu_vm_try_calm(mu_vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    bool is_calm = !vm->stopping && !vm->stops_wanted;
    vm->calms += is_calm;
    pthread_mutex_unlock(&vm->lock);
    return is_calm;
}

void mu_vm_end_calm(mu_vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    MU_INVARIANT(vm->calms > 0, "a calm ends that has not begun");
    if (--vm->calms == 0) {
        pthread_cond_broadcast(&vm->changed);
    }
    pthread_mutex_unlock(&vm->lock);
}

mu_vm_calm_fn *vm_take_calm(mu_vm *vm, void **context)
{
    mu_vm_calm_fn *granted = vm->calm_wanted;
    if (granted) {
        vm->calms++;
        vm->calm_wanted = NULL;
        *context = vm->calm_context;
    }
    return granted;
}

void mu_vm_calm_later(mu_vm *vm, mu_vm_calm_fn *granted, void *context)
{
    mu_vm_calm_fn *now = NULL;
    pthread_mutex_lock(&vm->lock);
    MU_INVARIANT(!vm->calm_wanted, "two wait for a VM's calm");
    vm->calm_wanted = granted;
    vm->calm_context = context;
    if (!vm->stopping && !vm->stops_wanted) {
        now = vm_take_calm(vm, &context);
    }
    pthread_mutex_unlock(&vm->lock);
    if (now) {
        now(context);
    }
}
