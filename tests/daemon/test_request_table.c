#include "request_table.h"
#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

Test(mud_request_table, every_request_of_the_schema_has_its_row)
{
    const ProtobufCMessageDescriptor *schema = &mud__client_frame__descriptor;
    unsigned requests = 0;
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &schema->fields[i];
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) {
            continue;
        }
        char name[64] = "";
        for (size_t k = 0; field->name[k] != '\0'; k++) {
            name[k] = (char)toupper((unsigned char)field->name[k]);
        }
        const mud_request_row *row = mud_request_row_of((Mud__ClientFrame__RequestCase)field->id);
        cr_assert_not_null(row, "%s has no row", field->name);
        cr_assert_not_null(row->handle);
        cr_assert_str_eq(row->name, name);
        requests++;
    }
    cr_assert_geq(requests, 16);
}

Test(mud_request_table, what_is_not_in_the_schema_has_none)
{
    cr_assert_null(mud_request_row_of(MUD__CLIENT_FRAME__REQUEST__NOT_SET));
    cr_assert_null(mud_request_row_of((Mud__ClientFrame__RequestCase)9999));
}
