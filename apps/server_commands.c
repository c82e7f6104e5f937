/* What `ulite` leaves to `ulite-server`. */
#include "apps/base/command.h"

#include <stddef.h>

const cli_command *const cli_commands[] = {&cmd_node, &cmd_serve, NULL};
