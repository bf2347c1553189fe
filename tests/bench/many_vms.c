/* What a VM costs: makes many, each of which loads the same small bundle and is called once, and
 * frees them all; prints resident memory for each, the time for each, and what stays. Then loads,
 * calls and unloads in turn, the same bundle and different ones, and prints what has grown. */
#include "bench_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* After that idle VMs have given back what they do not need. */
#define REST_SECONDS 4

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @box = ref<@i64> .global @kept <@box>\n"
    ".const @n0 <@i64> = 0 .const @n1 <@i64> = 1 .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @fib VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): %z = SLT <@i64> %n @n1 BRANCH2 %z %done(@n0) %loop(%n @n0 @n1)\n"
    "  %loop(<@i64> %n <@i64> %a <@i64> %b):\n"
    "    %c = ADD <@i64> %a %b %m = SUB <@i64> %n @n1 %z = EQ <@i64> %m @n0\n"
    "    BRANCH2 %z %done(%b) %loop(%m %b %c)\n"
    "  %done(<@i64> %r):\n"
    "    %o = NEW <@i64> %i = GETIREF <@i64> %o STORE <@i64> %i %r\n"
    "    STORE SEQ_CST <@box> @kept %o RET %r }\n";

/* Of this process, from the kernel. */
static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0;
    long pages = 0;
    if (!file || fscanf(file, "%ld %ld", &total, &pages) != 2) {
        perror("/proc/self/statm");
        exit(1);
    }
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static mu_vm *make_vm(mu_substrate *substrate, const char *text)
{
    mu_vm_config config = {.limits.heap_bytes = 16ull << 20};
    mu_report *report = mu_report_new();
    mu_vm *vm;
    if (mu_vm_new(substrate, &config, &vm) != MU_OK ||
        mu_vm_load(vm, "many_vms", text, strlen(text), report, NULL) != MU_OK) {
        fprintf(stderr, "%s\n", mu_report_text(report));
        exit(1);
    }
    mu_report_free(report);
    return vm;
}

static void call(mu_vm *vm)
{
    if (bench_call(vm, "fib", (int64_t[]){30}, 1) != 832040) {
        fprintf(stderr, "fib(30) is wrong\n");
        exit(1);
    }
}

static void have_many(mu_substrate *substrate, int count)
{
    mu_vm **vms = mu_allocate((size_t)count * sizeof *vms);
    double made = 0;
    double called = 0;
    double before = resident_bytes();
    uint64_t code = mu_substrate_code_bytes(substrate);
    for (int i = 0; i < count; i++) {
        double start = bench_now();
        vms[i] = make_vm(substrate, bundle);
        made += bench_now() - start;
        start = bench_now();
        call(vms[i]);
        called += bench_now() - start;
    }
    sleep(REST_SECONDS);
    double with = resident_bytes();
    mu_vm_stats stats = mu_vm_get_stats(vms[0]);
    uint64_t code_made = mu_substrate_code_bytes(substrate) - code;
    double start = bench_now();
    for (int i = 0; i < count; i++) {
        mu_vm_free(vms[i]);
    }
    double freed = bench_now() - start;
    mu_free(vms);
    sleep(REST_SECONDS);
    double after = resident_bytes();
    printf(
        "%6d VMs: %.1f KiB each, made and loaded in %.4f ms, first call %.4f ms, freed in %.4f ms; "
        "metadata %.1f KiB by its own account; code made %llu bytes; resident %.1f MiB before, "
        "%.1f with them, "
        "%.1f after (%+.1f %%)\n",
        count, (with - before) / count / 1024, made / count * 1e3, called / count * 1e3,
        freed / count * 1e3, (double)stats.metadata_bytes / 1024, (unsigned long long)code_made,
        before / (1 << 20), with / (1 << 20), after / (1 << 20), (after - before) / before * 100);
}

/* The bundle with a number in it, so that nobody has loaded it before. */
static char *nth_bundle(int n)
{
    char *text = mu_allocate(sizeof bundle + 64);
    snprintf(text, sizeof bundle + 64, "%s.const @number <@i64> = %d\n", bundle, n);
    return text;
}

static void cycle(mu_substrate *substrate, int cycles, bool differ)
{
    double middle = 0;
    double start = bench_now();
    for (int i = 0; i < cycles; i++) {
        char *text = nth_bundle(differ ? i : 0);
        mu_vm *vm = make_vm(substrate, text);
        call(vm);
        mu_vm_free(vm);
        mu_free(text);
        if (i == cycles / 10) {
            middle = resident_bytes();
        }
    }
    double spent = bench_now() - start;
    double end = resident_bytes();
    printf("%6d cycles of %s: %.4f ms each; resident %.2f MiB after a tenth, %.2f at the end "
           "(%+.2f %%); heaps %llu, code "
           "%llu bytes left\n",
           cycles, differ ? "different bundles" : "one bundle", spent / cycles * 1e3,
           middle / (1 << 20), end / (1 << 20), (end - middle) / middle * 100,
           (unsigned long long)mu_substrate_heap_bytes(substrate),
           (unsigned long long)mu_substrate_code_bytes(substrate));
}

int main(int argc, char **argv)
{
    int vms = argc > 1 ? atoi(argv[1]) : 10000;
    int cycles = argc > 2 ? atoi(argv[2]) : 10000;
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_substrate *substrate;
    if (mu_substrate_new(&config, NULL, &substrate) != MU_OK) {
        return 1;
    }
    have_many(substrate, vms / 10 ? vms / 10 : 1);
    have_many(substrate, vms);
    have_many(substrate, vms);
    cycle(substrate, cycles, false);
    cycle(substrate, cycles, true);
    mu_substrate_free(substrate);
    return 0;
}
