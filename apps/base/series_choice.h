/* Choosing one volume among those that a folder holds, by what --series says. */
#ifndef CHOOSE_H
#define CHOOSE_H

#include "ulite/dicom.h"

#include <stdio.h>

enum { CHOOSE_LISTED_FAULTS = 10 }; /* by name, for people; the others are counted */

/* ul_catalog_open as the settings of the console say. */
ul_status choose_open(const char *const *paths, size_t path_count, int threads,
    ul_catalog **catalog, ul_error *error);

/* Notes what in the paths of the catalog is unreadable, once a volume of it could be used all the
 * same: an error would say it itself. */
void choose_note_faults(const ul_catalog *catalog);

/* How many volumes series means. */
size_t choose_count(const ul_catalog *catalog, const char *series);

/* The one volume that --series (or NULL) means. Several, or none: they are listed on stderr and the
 * error is UL_ERROR_CHOICE. */
ul_status choose_series(
    const ul_catalog *catalog, const char *series, const ul_series **chosen, ul_error *error);

/* Lists the volumes that series means, one line each: number, modality, size, what it is a part of.
 */
void choose_list(const ul_catalog *catalog, const char *series, FILE *stream);

#endif
