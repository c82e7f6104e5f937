/* A file written in order, compressed on all cores or as it is. */
#pragma once

#include "ulite/error.h"

typedef struct gzip_writer gzip_writer;

/* Opens path, which is emptied, and writes head_bytes of head (may be NULL) as they are;
 * compressed: what follows as one gzip member, whatever the number of threads (0:
 * ul_default_threads()) the same bytes. NULL with errno where it cannot be opened or memory runs
 * out (ENOMEM). */
gzip_writer *gzip_write_open(
    const char *path, const void *head, size_t head_bytes, bool compressed, int threads);

/* Appends bytes. False with errno: a write failed, or memory ran out (ENOMEM). */
bool gzip_write(gzip_writer *writer, const void *bytes, size_t size_bytes);

/* Ends the file and frees the writer (NULL is fine). False with errno likewise. */
bool gzip_write_close(gzip_writer *writer);
