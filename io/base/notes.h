/* Notes for people that a reader collects: lines of one text, NULL where there are none. */
#ifndef NOTES_H
#define NOTES_H

#include "ulite/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Appends a line (without its newline) to *notes, which is malloc'd and the caller's. Does nothing
 * where notes is NULL or holds the line already; a note that finds no memory is dropped. */
void notes_add(char **notes, const char *format, ...) UL_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
