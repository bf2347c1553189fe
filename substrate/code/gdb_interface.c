/* The object file is the least that makes `bt` work: a .text without contents where the code is,
 * one function symbol, and an .eh_frame saying that frames hang on rbp:
 *
 *      header | 5 section headers | 2 symbols | .eh_frame | strings
 *
 * It is an executable rather than a relocatable file, so that addresses in it are final.
 */
#include "gdb_interface.h"

#include <elf.h>
#include <pthread.h>
#include <string.h>

mu_code_gdb_descriptor __jit_debug_descriptor = {1, MU_CODE_GDB_NOTHING, NULL, NULL};
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

/* The debugger's breakpoint is here; the barrier keeps calls from being optimised away. */
__attribute__((noinline, used)) void __jit_debug_register_code(void)
{
    __asm__ volatile("" ::: "memory");
}

/* ------------------------------------------------------------------------------- unwind table */

enum {                          /* DWARF 4, sections 6.4 and 7.23; x86-64 psABI, figure 3.36 */
       CFA_ADVANCE = 0x40,      /* + distance */
       CFA_OFFSET = 0x80,       /* + register; then the factor */
       CFA_DEF = 0x0c,          /* register, offset */
       CFA_DEF_REGISTER = 0x0d, /* register */
       CFA_DEF_OFFSET = 0x0e,   /* offset */
       REG_RBP = 6,
       REG_RSP = 7,
       REG_RETURN = 16,
};

#define CIE_LENGTH 20u
#define FDE_LENGTH 36u

typedef struct __attribute__((packed)) unwind_table {
    uint32_t cie_length; /* of what follows it */
    uint32_t cie_id;
    unsigned char cie[CIE_LENGTH - 4];
    uint32_t fde_length;
    uint32_t fde_cie_distance; /* from this field back to the CIE */
    uint64_t start;
    uint64_t size;
    unsigned char fde[FDE_LENGTH - 20];
    uint32_t end;
} unwind_table;

static void fill_unwind_table(unwind_table *table, const mu_code_object *object)
{
    /* Version, no augmentation, factors 1 and -8; then the state at a call: the return address is
     * at CFA - 8. */
    static const unsigned char common[] = {
        1, 0, 1, 0x78, REG_RETURN, CFA_DEF, REG_RSP, 8, CFA_OFFSET + REG_RETURN, 1,
    };
    /* push rbp; mov rbp, rsp: each takes effect behind its last byte. */
    static const unsigned char prologue_code[] = {0x55, 0x48, 0x89, 0xe5};
    static const unsigned char prologue[] = {
        CFA_ADVANCE + 1, CFA_DEF_OFFSET,   16,      CFA_OFFSET + REG_RBP, 2,
        CFA_ADVANCE + 3, CFA_DEF_REGISTER, REG_RBP,
    };
    /* Code that begins otherwise is taken to have its frame from the start. */
    static const unsigned char framed[] = {CFA_DEF, REG_RBP, 16, CFA_OFFSET + REG_RBP, 2};

    *table = (unwind_table){
        .cie_length = CIE_LENGTH,
        .fde_length = FDE_LENGTH,
        .fde_cie_distance = offsetof(unwind_table, fde_cie_distance),
        .start = (uintptr_t)object->start,
        .size = object->size_bytes,
    };
    memcpy(table->cie, common, sizeof common); /* the rest is 0: DW_CFA_nop */
    if (object->size_bytes >= sizeof prologue_code &&
        memcmp(object->start, prologue_code, sizeof prologue_code) == 0) {
        memcpy(table->fde, prologue, sizeof prologue);
    } else {
        memcpy(table->fde, framed, sizeof framed);
    }
}

/* -------------------------------------------------------------------------------- object file */

enum {
    SECTION_NULL,
    SECTION_TEXT,
    SECTION_FRAMES,
    SECTION_SYMBOLS,
    SECTION_STRINGS,
    SECTION_COUNT
};

static const char section_names[] = "\0.text\0.eh_frame\0.symtab\0.strtab";

typedef struct object_file {
    Elf64_Ehdr header;
    Elf64_Shdr sections[SECTION_COUNT];
    Elf64_Sym symbols[2];
    unwind_table frames;
    char strings[]; /* section_names, then the function's name */
} object_file;

typedef struct registration {
    mu_code_gdb_entry entry; /* first, so that a pointer to it is one to the whole */
    object_file file;
} registration;

static void fill_header(Elf64_Ehdr *header)
{
    *header = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_shoff = offsetof(object_file, sections),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = SECTION_COUNT,
        .e_shstrndx = SECTION_STRINGS,
    };
}

static void fill_sections(object_file *file, const mu_code_object *object, size_t strings_bytes)
{
    Elf64_Shdr *sections = file->sections;
    sections[SECTION_TEXT] = (Elf64_Shdr){
        .sh_name = 1,
        .sh_type = SHT_NOBITS,
        .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
        .sh_addr = (uintptr_t)object->start,
        .sh_size = object->size_bytes,
        .sh_addralign = 16,
    };
    sections[SECTION_FRAMES] = (Elf64_Shdr){
        .sh_name = 7,
        .sh_type = SHT_PROGBITS,
        .sh_flags = SHF_ALLOC,
        .sh_addr = (uintptr_t)&file->frames,
        .sh_offset = offsetof(object_file, frames),
        .sh_size = sizeof(unwind_table),
        .sh_addralign = 8,
    };
    sections[SECTION_SYMBOLS] = (Elf64_Shdr){
        .sh_name = 17,
        .sh_type = SHT_SYMTAB,
        .sh_offset = offsetof(object_file, symbols),
        .sh_size = sizeof file->symbols,
        .sh_link = SECTION_STRINGS,
        .sh_info = 1, /* the first symbol that is not local */
        .sh_addralign = 8,
        .sh_entsize = sizeof(Elf64_Sym),
    };
    sections[SECTION_STRINGS] = (Elf64_Shdr){
        .sh_name = 25,
        .sh_type = SHT_STRTAB,
        .sh_offset = offsetof(object_file, strings),
        .sh_size = strings_bytes,
        .sh_addralign = 1,
    };
}

static registration *registration_new(const mu_code_object *object)
{
    const char *name = object->name ? object->name : "?";
    size_t strings_bytes = sizeof section_names + strlen(name) + 1;
    size_t file_bytes = offsetof(object_file, strings) + strings_bytes;
    registration *made = mu_allocate(offsetof(registration, file) + file_bytes);
    object_file *file = &made->file;
    fill_header(&file->header);
    fill_sections(file, object, strings_bytes);
    file->symbols[1] = (Elf64_Sym){
        .st_name = sizeof section_names,
        .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
        .st_shndx = SECTION_TEXT,
        .st_value = (uintptr_t)object->start,
        .st_size = object->size_bytes,
    };
    fill_unwind_table(&file->frames, object);
    memcpy(file->strings, section_names, sizeof section_names);
    memcpy(file->strings + sizeof section_names, name, strlen(name) + 1);
    made->entry.symbol_file = file;
    made->entry.symbol_file_bytes = file_bytes;
    return made;
}

/* ----------------------------------------------------------------------------------- the list */

static void announce(mu_code_gdb_entry *entry, mu_code_gdb_action action)
{
    __jit_debug_descriptor.relevant = entry;
    __jit_debug_descriptor.action = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.relevant = NULL;
    __jit_debug_descriptor.action = MU_CODE_GDB_NOTHING;
}

mu_code_gdb_entry *mu_code_gdb_register(const mu_code_object *object)
{
    mu_code_gdb_entry *entry = &registration_new(object)->entry;
    pthread_mutex_lock(&list_lock);
    entry->next = __jit_debug_descriptor.first;
    if (entry->next) {
        entry->next->previous = entry;
    }
    __jit_debug_descriptor.first = entry;
    announce(entry, MU_CODE_GDB_REGISTER);
    pthread_mutex_unlock(&list_lock);
    return entry;
}

void mu_code_gdb_unregister(mu_code_gdb_entry *entry)
{
    if (!entry) {
        return;
    }
    pthread_mutex_lock(&list_lock);
    if (entry->previous) {
        entry->previous->next = entry->next;
    } else {
        __jit_debug_descriptor.first = entry->next;
    }
    if (entry->next) {
        entry->next->previous = entry->previous;
    }
    announce(entry, MU_CODE_GDB_UNREGISTER);
    pthread_mutex_unlock(&list_lock);
    mu_free(entry); /* the first member of its registration */
}
