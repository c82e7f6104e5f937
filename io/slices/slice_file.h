/* Images in files: something in front, then one slice after another, of one or several volumes. */
#pragma once

#include "ulite/volume.h"

/* What is written. */
typedef struct slice_file {
    const void *head; /* in front of the samples */
    size_t head_bytes;
    bool head_plain; /* head stays as it is where the samples are compressed */
    bool compressed; /* as one gzip member, of the same bytes whatever the number of threads */
    size_t slices, slice_bytes;
    size_t volumes; /* one after another, of so many slices each; 0: one */
    /* Puts a volume into source before its slices are asked for; NULL: it is there. */
    ul_status (*open)(struct slice_file *file, size_t volume, ul_error *error);
    void *context; /* open's */
    /* Gives the bytes of slice k, so that neither writing nor comparing needs a second copy of the
     * volume. */
    void (*fill)(const struct slice_file *file, size_t k, void *bytes);
    const void *source;          /* fill's: ul_volume or ul_labels */
    const void *more;            /* fill's */
    int threads;                 /* that compress; 0: ul_default_threads() */
    const ul_progress *progress; /* stages "writing" and "checking"; NULL: nobody listens */
    bool stopped;                /* the progress said stop */
    ul_status failed;            /* what open said */
} slice_file;

/* Writes it through a temporary name that is read back, compared and renamed. Errors:
 * UL_ERROR_OUTPUT, UL_ERROR_LIMIT, UL_ERROR_INTERRUPTED, and those of open (nothing is left). */
ul_status slice_file_write(const char *path, slice_file *file, ul_error *error);

/* Fills of a volume's samples as they are stored (slice_bytes of them), of its real-world values as
 * float, and of a label map in 8 and in 16 bits. */
void slice_fill_stored(const slice_file *file, size_t k, void *bytes);
void slice_fill_values(const slice_file *file, size_t k, void *bytes);
void slice_fill_labels_8(const slice_file *file, size_t k, void *bytes);
void slice_fill_labels_16(const slice_file *file, size_t k, void *bytes);

/* The largest number in a label map. */
unsigned slice_largest_label(const ul_labels *labels);
