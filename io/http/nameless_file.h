/* What comes in over the network until it is complete. */
#pragma once

/* Opens a new file in a folder, to write and to read, that has no name any more: a crash leaves
 * nothing. -1 and errno where that failed. */
int nameless_file(const char *folder);
