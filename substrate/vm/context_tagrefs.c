/* tagref64 (uvm-client-interface.rest, Tagged reference operations). */
#include "context_internal.h"

#define INT_BITS 52u
#define TAG_BITS 6u

static mu_status is_held(context_call *call, bool (*holds)(uint64_t word))
{
    mu_status status = context_expect(call, 1, MU_IR_TAGREF64);
    return status == MU_OK ? context_answer(call, holds(context_value_at(call, 1)->words[0]))
                           : status;
}

/* The word of operand 1, which holds what is asked for. */
static mu_status expect_held(context_call *call, bool (*holds)(uint64_t word), const char *what,
                             uint64_t *word)
{
    mu_status status = context_expect(call, 1, MU_IR_TAGREF64);
    if (status == MU_OK && !holds(context_value_at(call, 1)->words[0])) {
        status = context_refuse(call, MU_INVALID, 1, "the tagref64 does not hold %s", what);
    }
    if (status == MU_OK) {
        *word = context_value_at(call, 1)->words[0];
    }
    return status;
}

mu_status context_tr64_is_fp(context_call *call)
{
    return is_held(call, mu_abi_tagref64_is_double);
}

mu_status context_tr64_is_int(context_call *call)
{
    return is_held(call, mu_abi_tagref64_is_int);
}

mu_status context_tr64_is_ref(context_call *call)
{
    return is_held(call, mu_abi_tagref64_is_ref);
}

mu_status context_tr64_to_fp(context_call *call)
{
    uint64_t word;
    mu_status status = expect_held(call, mu_abi_tagref64_is_double, "a double", &word);
    return status == MU_OK
               ? context_give_word(call, context_type(call->context, MU_IR_DOUBLE), word)
               : status;
}

mu_status context_tr64_to_int(context_call *call)
{
    uint64_t word;
    mu_status status = expect_held(call, mu_abi_tagref64_is_int, "an int", &word);
    return status == MU_OK ? context_give_word(call, context_int_type(call->context, INT_BITS),
                                               mu_abi_tagref64_to_int(word))
                           : status;
}

mu_status context_tr64_to_ref(context_call *call)
{
    uint64_t word;
    mu_status status = expect_held(call, mu_abi_tagref64_is_ref, "a reference", &word);
    return status == MU_OK ? context_give_word(call, context_ref_void(call->context),
                                               mu_abi_tagref64_to_address(word))
                           : status;
}

mu_status context_tr64_to_tag(context_call *call)
{
    uint64_t word;
    mu_status status = expect_held(call, mu_abi_tagref64_is_ref, "a reference", &word);
    return status == MU_OK ? context_give_word(call, context_int_type(call->context, TAG_BITS),
                                               mu_abi_tagref64_to_tag(word))
                           : status;
}

static mu_status give_tagref(context_call *call, uint64_t word)
{
    return context_give_word(call, context_type(call->context, MU_IR_TAGREF64), word);
}

mu_status context_tr64_from_fp(context_call *call)
{
    mu_status status = context_expect(call, 1, MU_IR_DOUBLE);
    return status == MU_OK
               ? give_tagref(call, mu_abi_tagref64_from_double(context_value_at(call, 1)->words[0]))
               : status;
}

mu_status context_tr64_from_int(context_call *call)
{
    mu_status status = context_expect_type(call, 1, context_int_type(call->context, INT_BITS));
    return status == MU_OK
               ? give_tagref(call, mu_abi_tagref64_from_int(context_value_at(call, 1)->words[0]))
               : status;
}

mu_status context_tr64_from_ref(context_call *call)
{
    mu_status status = MU_OK;
    MU_TRY(context_expect(call, 1, MU_IR_REF));
    MU_TRY(context_expect_type(call, 2, context_int_type(call->context, TAG_BITS)));
    status = give_tagref(call, mu_abi_tagref64_from_ref(context_value_at(call, 1)->words[0],
                                                        context_value_at(call, 2)->words[0]));
done:
    return status;
}
