/* mud: see `mud --help`. */
#include "mud_daemon.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    mud_options options;
    char *text = NULL;
    int exit_status = 0;
    /* No thread has been started yet. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    switch (mud_options_parse(argc, argv, runtime_dir, &options, &text)) {
    case MUD_OPTIONS_RUN:
        exit_status = mud_daemon_run(&options);
        mud_options_deinit(&options);
        break;
    case MUD_OPTIONS_TEXT: fputs(text, stdout); break;
    case MUD_OPTIONS_WRONG:
        fputs(text, stderr);
        exit_status = 2;
        break;
    }
    mu_free(text);
    return exit_status;
}
