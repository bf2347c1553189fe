/* tagref64 values that a trap handler passes on, and those it cannot make. */
#include "mu.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

/* Gives the tag of what the trap is resumed with, and the number in the object it refers to. */
static const char program[] =
    ".typedef @i64 = int<64> .typedef @i6 = int<6> .typedef @t = tagref64 .typedef @void = void\n"
    ".typedef @r = ref<@i64> .typedef @rv = ref<@void>\n"
    ".const @5 <@i64> = 5 .const @9 <@i6> = 9\n"
    ".funcsig @.ii = () -> (@i6 @i64) .funcsig @t. = (@t) -> ()\n"
    ".funcdef @f VERSION %v1 <@.ii> {\n"
    "  %entry():\n"
    "    %o = NEW <@i64> %i = GETIREF <@i64> %o STORE <@i64> %i @5\n"
    "    %p = REFCAST <@r @rv> %o %t = COMMINST @uvm.tr64.from_ref (%p @9)\n"
    "    %n = ADD <@i64> @5 @5\n"
    "    %x = [%trap] TRAP <@t> KEEPALIVE(%o %t %n)\n"
    "    %g = COMMINST @uvm.tr64.to_tag (%x) %q = COMMINST @uvm.tr64.to_ref (%x)\n"
    "    %s = REFCAST <@rv @r> %q %j = GETIREF <@i64> %s %m = LOAD <@i64> %j\n"
    "    RET (%g %m)\n"
    "}\n"
    ".funcdef @takes VERSION %v1 <@t.> { %entry(<@t> %t): RET () }\n";

typedef struct fixture {
    mu_substrate *substrate;
    mu_vm *vm;
    mu_value answer;
    mu_status refusal; /* of the wrong answer before */
    mu_value wrong;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_finished;
} fixture;

static void on_trapped(mu_thread *thread, void *context)
{
    fixture *f = context;
    mu_vm_collect(f->vm);
    f->refusal = mu_thread_resume(thread, &f->wrong, 1, NULL);
    cr_assert_eq(mu_thread_resume(thread, &f->answer, 1, NULL), MU_OK);
}

static void on_finished(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    pthread_mutex_lock(&f->lock);
    f->is_finished = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void open_vm(fixture *f)
{
    mu_substrate_config config = {.workers = 1, .gc_verify = true};
    mu_vm_config vm_config = {.limits.heap_bytes = 4u << 20};
    *f = (fixture){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(&config, NULL, &f->substrate), MU_OK);
    cr_assert_eq(mu_vm_new(f->substrate, &vm_config, &f->vm), MU_OK);
    cr_assert_eq(mu_vm_load(f->vm, "tagref64", program, strlen(program), NULL, NULL), MU_OK);
}

/* Runs @f with the answer, after a wrong one; the tag and the number must be these. */
static void expect(mu_value answer, mu_value wrong, uint64_t tag)
{
    fixture f;
    open_vm(&f);
    f.answer = answer;
    f.wrong = wrong;
    mu_thread *thread;
    cr_assert_eq(mu_thread_new(f.vm, mu_vm_find_function(f.vm, "f"), NULL, 0, NULL, &thread),
                 MU_OK);
    mu_thread_start(thread, on_trapped, on_finished, &f);
    pthread_mutex_lock(&f.lock);
    while (!f.is_finished) {
        pthread_cond_wait(&f.changed, &f.lock);
    }
    pthread_mutex_unlock(&f.lock);
    cr_assert_eq(f.refusal, MU_INVALID);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED);
    cr_assert_eq(mu_thread_result(thread, 0).integer, tag);
    cr_assert_eq(mu_thread_result(thread, 1).integer, 5);
    mu_thread_free(thread);
    mu_vm_free(f.vm);
    mu_substrate_free(f.substrate);
}

static const mu_value kept_ref = {.kind = MU_VALUE_REF, .handle = {0, 0}};
static const mu_value kept_tagref = {.kind = MU_VALUE_TAGREF64, .handle = {0, 1}};

Test(mu_vm_tagref64, kept_reference_is_passed_with_the_tag_0, .timeout = 60)
{
    /* A number is no reference, whatever the handler says. */
    expect(kept_ref, (mu_value){.kind = MU_VALUE_REF, .handle = {0, 2}}, 0);
}

Test(mu_vm_tagref64, kept_tagref64_is_passed_as_it_is, .timeout = 60)
{
    expect(kept_tagref, (mu_value){.kind = MU_VALUE_TAGREF64, .handle = {0, 0}}, 9);
}

Test(mu_vm_tagref64, kept_tagref64_is_no_reference, .timeout = 60)
{
    expect(kept_ref, (mu_value){.kind = MU_VALUE_REF, .handle = {0, 1}}, 0);
    expect(kept_ref, (mu_value){.kind = MU_VALUE_INT, .bits = 64, .integer = 1ull << 53}, 0);
    expect(kept_ref, (mu_value){.kind = MU_VALUE_FLOAT}, 0);
    expect(kept_ref, (mu_value){.kind = MU_VALUE_TAGREF64, .handle = {0, 7}}, 0);
}

Test(mu_vm_tagref64, argument_holds_no_reference, .timeout = 60)
{
    fixture f;
    open_vm(&f);
    const mu_function *takes = mu_vm_find_function(f.vm, "takes");
    mu_thread *thread = NULL;
    cr_assert_eq(mu_thread_new(f.vm, takes, &kept_ref, 1, NULL, &thread), MU_INVALID);
    cr_assert_eq(mu_thread_new(f.vm, takes, &kept_tagref, 1, NULL, &thread), MU_INVALID);
    mu_value null = {.kind = MU_VALUE_REF, .is_null = true};
    cr_assert_eq(mu_thread_new(f.vm, takes, &null, 1, NULL, &thread), MU_OK);
    mu_thread_free(thread);
    mu_vm_free(f.vm);
    mu_substrate_free(f.substrate);
}
