/* Names and labels cut to what holds them. */
#ifndef CLIP_H
#define CLIP_H

#include <stddef.h>

/* Copies as many whole characters of text, UTF-8, as target takes, at most so many, and ends them
 * with NUL. A byte that is no UTF-8, as names of files may hold, becomes '?'. */
void clip_text(char *target, size_t size_bytes, size_t characters, const char *text);

#endif
