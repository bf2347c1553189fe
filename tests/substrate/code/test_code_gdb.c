/* What a debugger finds in the list that GDB's interface prescribes. */
#include "code_fixture.h"
#include "gdb_interface.h"

#include <criterion/criterion.h>
#include <elf.h>

static mu_code_cache *cache;
static void setup(void)
{
    mu_code_config config = {.size_bytes = 1u << 20, .gdb = true};
    cr_assert_eq(mu_code_cache_new(&config, &cache), MU_OK);
}
static void teardown(void)
{
    mu_code_cache_free(cache);
}
TestSuite(mu_code_gdb, .init = setup, .fini = teardown, .timeout = 60);

static mu_code_object *install(uint32_t number)
{
    mu_status status;
    mu_code_object *object = fixture_install(cache, 40, number, &status);
    cr_assert_eq(status, MU_OK);
    return object;
}

/* The number of entries, after checking that both directions of the list agree. */
static uint32_t list_length(void)
{
    uint32_t length = 0;
    const mu_code_gdb_entry *previous = NULL;
    for (const mu_code_gdb_entry *entry = __jit_debug_descriptor.first; entry;
         entry = entry->next) {
        cr_assert_eq(entry->previous, previous);
        previous = entry;
        length++;
    }
    return length;
}

static const Elf64_Shdr *section(const mu_code_gdb_entry *entry, const char *name)
{
    const char *file = entry->symbol_file;
    const Elf64_Ehdr *header = entry->symbol_file;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + header->e_shoff);
    const char *names = file + sections[header->e_shstrndx].sh_offset;
    for (uint32_t i = 0; i < header->e_shnum; i++) {
        if (strcmp(names + sections[i].sh_name, name) == 0) {
            return &sections[i];
        }
    }
    cr_assert_fail("no section %s", name);
    return NULL;
}

static const mu_code_gdb_entry *entry_of(const mu_code_object *object)
{
    for (const mu_code_gdb_entry *entry = __jit_debug_descriptor.first; entry;
         entry = entry->next) {
        if (section(entry, ".text")->sh_addr == (uintptr_t)object->start) {
            return entry;
        }
    }
    cr_assert_fail("%s is not in the list", object->name);
    return NULL;
}

Test(mu_code_gdb, each_piece_has_an_object_file_with_its_symbol)
{
    cr_assert_eq(__jit_debug_descriptor.version, 1);
    for (uint32_t i = 0; i < 10; i++) {
        mu_code_object *object = install(i);
        cr_assert_eq(list_length(), i + 1);
        const mu_code_gdb_entry *entry = entry_of(object);
        const char *file = entry->symbol_file;
        cr_assert_eq(memcmp(file, ELFMAG, SELFMAG), 0);
        const Elf64_Shdr *text = section(entry, ".text");
        cr_assert_eq(text->sh_type, SHT_NOBITS);
        cr_assert_eq(text->sh_size, 40);
        const Elf64_Shdr *symbols = section(entry, ".symtab");
        cr_assert_eq(symbols->sh_size, 2 * sizeof(Elf64_Sym));
        const Elf64_Sym *symbol = (const Elf64_Sym *)(file + symbols->sh_offset) + 1;
        const Elf64_Shdr *strings = section(entry, ".strtab");
        cr_assert_str_eq(file + strings->sh_offset + symbol->st_name, object->name);
        cr_assert_eq(symbol->st_value, (uintptr_t)object->start);
        cr_assert_eq(symbol->st_size, 40);
        cr_assert_eq(ELF64_ST_TYPE(symbol->st_info), STT_FUNC);
        cr_assert_leq(strings->sh_offset + strings->sh_size, entry->symbol_file_bytes);
    }
}

Test(mu_code_gdb, the_unwind_table_is_well_formed)
{
    mu_code_object *object = install(1);
    const mu_code_gdb_entry *entry = entry_of(object);
    const Elf64_Shdr *frames = section(entry, ".eh_frame");
    const unsigned char *at = (const unsigned char *)entry->symbol_file + frames->sh_offset;
    const unsigned char *end = at + frames->sh_size;
    uint32_t lengths[3];
    for (int i = 0; i < 3; i++) {
        memcpy(&lengths[i], at, 4);
        if (i == 1) {
            uint32_t distance;
            uint64_t range[2];
            memcpy(&distance, at + 4, 4);
            memcpy(range, at + 8, 16);
            cr_assert_eq(distance, lengths[0] + 8, "leads back to the first record");
            cr_assert_eq(range[0], (uintptr_t)object->start);
            cr_assert_eq(range[1], 40);
        }
        at += 4 + lengths[i];
    }
    cr_assert_eq(lengths[2], 0, "the end mark");
    cr_assert_eq(at, end);
}

Test(mu_code_gdb, removed_code_leaves_the_list)
{
    mu_code_object *objects[5];
    for (uint32_t i = 0; i < 5; i++) {
        objects[i] = install(i);
    }
    mu_code_remove(cache, objects[2]);
    mu_code_remove(cache, objects[0]);
    mu_code_remove(cache, objects[4]);
    cr_assert_eq(list_length(), 2);
    entry_of(objects[1]);
    entry_of(objects[3]);
    mu_code_cache_free(cache);
    cache = NULL;
    cr_assert_eq(list_length(), 0);
}
