/* When a program's heap is collected. */
#include "vm_fixture.h"

#include <criterion/criterion.h>

enum { CELLS = 40000 };

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @ref = ref <@cell> .typedef @cell = struct <@ref @i64>\n"
    ".typedef @cells = hybrid <@ref> .typedef @all = ref <@cells> .global @kept <@all>\n"
    ".const @zero <@i64> = 0 .const @one <@i64> = 1 .funcsig @f = (@i64) -> (@i64)\n"
    /* Makes n cells, and keeps them. */
    ".funcdef @make VERSION %v1 <@f> { %entry(<@i64> %n):\n"
    "    %all = NEWHYBRID <@cells @i64> %n STORE <@all> @kept %all BRANCH %head(@zero %n)\n"
    "  %head(<@i64> %i <@i64> %n): %more = SLT <@i64> %i %n BRANCH2 %more %body(%i %n) %end(%i)\n"
    "  %body(<@i64> %i <@i64> %n): %cell = NEW <@cell> %all = LOAD <@all> @kept\n"
    "    %a = GETIREF <@cells> %all %b = GETVARPARTIREF <@cells> %a\n"
    "    %place = SHIFTIREF <@ref @i64> %b %i STORE <@ref> %place %cell\n"
    "    %next = ADD <@i64> %i @one BRANCH %head(%next %n)\n"
    "  %end(<@i64> %i): RET %i }\n"
    /* Lets each of them refer to itself, and allocates nothing. */
    ".funcdef @touch VERSION %v1 <@f> { %entry(<@i64> %n): BRANCH %head(@zero %n)\n"
    "  %head(<@i64> %i <@i64> %n): %more = SLT <@i64> %i %n BRANCH2 %more %body(%i %n) %end(%i)\n"
    "  %body(<@i64> %i <@i64> %n): %all = LOAD <@all> @kept\n"
    "    %a = GETIREF <@cells> %all %b = GETVARPARTIREF <@cells> %a\n"
    "    %place = SHIFTIREF <@ref @i64> %b %i %cell = LOAD <@ref> %place\n"
    "    %c = GETIREF <@cell> %cell %field = GETFIELDIREF <@cell 0> %c STORE <@ref> %field %cell\n"
    "    %next = ADD <@i64> %i @one BRANCH %head(%next %n)\n"
    "  %end(<@i64> %i): RET %i }\n";

static void call(vm_fixture *f, const char *function, uint32_t ended)
{
    mu_thread *thread = vm_fixture_start(f, function, CELLS);
    vm_fixture_wait(f, &f->finished, ended);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED);
    cr_assert_eq(mu_thread_result(thread, 0).integer, CELLS);
}

Test(mu_collections, stores_without_allocation_are_collected_before_the_log_is_long, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "collections", bundle);
    call(&f, "make", 1);
    mu_vm_collect(f.vm);
    uint64_t before = mu_vm_get_stats(f.vm).collections;
    call(&f, "touch", 2);
    cr_assert_geq(mu_vm_get_stats(f.vm).collections, before + 2);
    vm_fixture_close(&f);
}
