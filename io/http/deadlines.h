/* Until when each connection has to have done what it does: one that sends a byte a second is not
 * idle, and yet never done. */
#pragma once

#include "ulite/error.h"

typedef struct deadlines deadlines;

/* Room for `most` connections, watched by a thread until deadlines_close. Errors: UL_ERROR_LIMIT.
 */
ul_status deadlines_open(size_t most, deadlines **all, ul_error *error);
void deadlines_close(deadlines *all);

/* Shuts a socket down unless within these seconds its deadline is set anew or forgotten. */
void deadlines_set(deadlines *all, int socket, unsigned seconds);
void deadlines_forget(deadlines *all, int socket);
