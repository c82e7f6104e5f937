/* Notes for people that a reader collects: lines of one text, NULL where there are none. */
#pragma once

#include "ulite/error.h"

UL_BEGIN_C

/* Appends a line (without its newline) to *notes, which is malloc'd and the caller's. Does nothing
 * where notes is NULL or holds the line already; a note that finds no memory is dropped. */
void notes_add(char **notes, const char *format, ...) UL_PRINTF(2, 3);

/* Says that segments overlap: shared is how often a voxel belongs to a further one. */
void notes_add_overlap(char **notes, size_t shared);

UL_END_C
