/* What the reader and the writer of RT Structure Sets share. C++ only. */
#pragma once

#include "ulite/rtstruct.h"

/* Reads the contours of a file onto a grid, as ul_rtstruct_read. Throws Failure. */
void rtstruct_read_on(const char *path, const ul_grid &grid, ul_labels &labels, char **notes);
