/* The generated code, compiled here because it casts const away and our warnings are errors. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "mud.pb-c.c"
#pragma GCC diagnostic pop
