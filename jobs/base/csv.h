/* Fields of CSV files (RFC 4180). */
#ifndef CSV_H
#define CSV_H

#include <stdio.h>

/* Writes a text as a field, in quotes where it needs them. */
void csv_put_text(FILE *stream, const char *text);

#endif
