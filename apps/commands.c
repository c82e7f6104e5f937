/* What `ulite` does. */
#include "apps/base/command.h"

#include <stddef.h>

static const cli_command node = {.name = "node", .summary = NODE_SUMMARY};
static const cli_command serve = {.name = "serve", .summary = SERVE_SUMMARY};

const cli_command *const cli_commands[] = {
    &cmd_segment,
    &cmd_batch,
    &node,
    &serve,
    &cmd_convert,
    &cmd_verify,
    &cmd_train,
    &cmd_eval,
    &cmd_info,
    &cmd_export,
    &cmd_models,
    &cmd_bench,
    NULL,
};
