/* disasm: a function's machine code below the instructions that it is of. */
#include "muctl.h"
#include "muctl_json.h"
#include <Zydis/Zydis.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 256, NAME_BYTES = 512 };

typedef struct machine_text {
    ZydisDecoder decoder;
    ZydisFormatter formatter;
} machine_text;

static bool machine_begin(machine_text *machine)
{
    return ZYAN_SUCCESS(ZydisDecoderInit(&machine->decoder, ZYDIS_MACHINE_MODE_LONG_64,
                                         ZYDIS_STACK_WIDTH_64)) &&
           ZYAN_SUCCESS(ZydisFormatterInit(&machine->formatter, ZYDIS_FORMATTER_STYLE_INTEL));
}

/* One instruction as text; how many bytes it has. What is none is a byte of data. */
static size_t machine_next(const machine_text *machine, const muclient_function_code *code,
                           size_t at, char text[TEXT_BYTES])
{
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&machine->decoder, code->bytes + at,
                                           code->byte_count - at, &instruction, operands)) ||
        ZYAN_FAILED(ZydisFormatterFormatInstruction(&machine->formatter, &instruction, operands,
                                                    instruction.operand_count_visible, text,
                                                    TEXT_BYTES, code->address + at, NULL))) {
        (void)snprintf(text, TEXT_BYTES, "db 0x%02x", code->bytes[at]);
        return 1;
    }
    return instruction.length;
}

static size_t line_end(const muclient_function_code *code, size_t line)
{
    size_t end = line + 1 < code->line_count ? code->lines[line + 1].offset : code->byte_count;
    return end < code->byte_count ? end : code->byte_count;
}

static void part_print(FILE *out, const machine_text *machine, const muclient_function_code *code,
                       size_t from, size_t to)
{
    char text[TEXT_BYTES];
    for (size_t at = from; at < to;) {
        size_t length = machine_next(machine, code, at, text);
        (void)fprintf(out, "    %6zx  %s\n", at, text);
        at += length;
    }
}

static void line_print(FILE *out, const muclient_function_code *code, size_t line)
{
    char clean[NAME_BYTES];
    const char *block = code->lines[line].block;
    if (block[0] == 0) {
        (void)fputs("apart, for rare cases:\n", out);
        return;
    }
    if (line == 0 || strcmp(code->lines[line - 1].block, block) != 0) {
        (void)muclient_text_clean(clean, sizeof clean, block);
        (void)fprintf(out, "%s:\n", clean);
    }
    (void)muclient_text_clean(clean, sizeof clean, code->lines[line].text);
    (void)fprintf(out, "  %s\n", clean);
}

static void code_print(FILE *out, const machine_text *machine, const muclient_function_code *code)
{
    char clean[NAME_BYTES];
    (void)muclient_text_clean(clean, sizeof clean, code->version);
    (void)fprintf(out, "%s  at 0x%llx, %zu bytes\n", clean, (unsigned long long)code->address,
                  code->byte_count);
    part_print(out, machine, code, 0,
               code->line_count == 0 ? code->byte_count : code->lines[0].offset);
    for (size_t i = 0; i < code->line_count; i++) {
        line_print(out, code, i);
        part_print(out, machine, code, code->lines[i].offset, line_end(code, i));
    }
    if (code->cut) {
        (void)fputs("… and more\n", out);
    }
}

static void machine_json(muctl_json *json, const machine_text *machine,
                         const muclient_function_code *code, size_t from, size_t to)
{
    char text[TEXT_BYTES];
    muctl_json_array_begin(json, "machine");
    for (size_t at = from; at < to;) {
        size_t length = machine_next(machine, code, at, text);
        muctl_json_object_begin(json, NULL);
        muctl_json_unsigned(json, "offset", at);
        muctl_json_string(json, "text", text);
        muctl_json_object_end(json);
        at += length;
    }
    muctl_json_array_end(json);
}

static void code_json(const muctl_program *muctl, const machine_text *machine,
                      const muclient_function_code *code)
{
    muctl_json json;
    muctl_document_begin(muctl, &json, "disasm");
    muctl_json_string(&json, "version", code->version);
    muctl_json_unsigned(&json, "address", code->address);
    muctl_json_unsigned(&json, "bytes", code->byte_count);
    muctl_json_bool(&json, "cut", code->cut);
    muctl_json_array_begin(&json, "lines");
    for (size_t i = 0; i < code->line_count; i++) {
        muctl_json_object_begin(&json, NULL);
        muctl_json_string(&json, "block", code->lines[i].block);
        muctl_json_string(&json, "instruction", code->lines[i].text);
        machine_json(&json, machine, code, code->lines[i].offset, line_end(code, i));
        muctl_json_object_end(&json);
    }
    muctl_json_array_end(&json);
    muctl_document_end(&json);
}

int muctl_disasm_command(muctl_program *muctl)
{
    machine_text machine;
    char *name = NULL;
    const char *function = NULL;
    int status = muctl_function_split(muctl, muctl->arguments.words[0], &name, &function);
    if (status == 0) {
        status = muctl_connect(muctl);
    }
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    if (status == 0 &&
        muclient_get_code(muctl->client, name, function, &reply, &error) != MUCLIENT_OK) {
        status = muctl_failed(muctl, error);
    }
    if (status == 0 && !machine_begin(&machine)) {
        status = muctl_trouble(muctl, MUCLIENT_INTERNAL, "", "the disassembler does not start");
    }
    if (status == 0 && muctl->is_json) {
        code_json(muctl, &machine, muclient_reply_code(reply));
    } else if (status == 0) {
        code_print(muctl->out, &machine, muclient_reply_code(reply));
    }
    muclient_reply_free(reply);
    free(name);
    return status == 0 ? muctl_written(muctl) : status;
}
