/* What the inputs on a command line are, and which volume of a folder is meant. */
#pragma once

#include "ulite/cohort.h"
#include "ulite/segment.h"
#include "ulite/volume.h"

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

/* The one of a study's series that a model is to be run on, by the rules, or, where there are none
 * (NULL), by its card: the only one, or the only one that fits, as `ulite segment` chooses. choice
 * [choice_bytes]: why it is this one. Errors: UL_ERROR_CHOICE says what each lacks. */
ul_status choose_in_study(const ul_series_rules *rules, const ul_card *card,
    const ul_catalog *catalog, const ul_series *const *series, size_t count,
    const ul_series **chosen, char *choice, size_t choice_bytes, ul_error *error);

/* Lists the volumes that series means on stderr, one line each: number, which of several studies,
 * modality, size, what it is a part of, and why the card (NULL: none) does not fit it.
 * Returns how many it fits. */
size_t choose_list(const ul_catalog *catalog, const char *series, const ul_card *card);

/* What an input file is, as far as its name and first bytes tell. */

typedef enum input_kind {
    INPUT_NIFTI, /* these three by image_file_kind */
    INPUT_NRRD,
    INPUT_PNG,
    INPUT_SEG,      /* a file that is a DICOM Segmentation */
    INPUT_RTSTRUCT, /* a file that is an RT Structure Set */
    INPUT_SERIES,   /* anything else: DICOM images, or a folder */
} input_kind;

input_kind input_kind_of(const char *path);

/* Segments as an option names them. */

/* given: a segments file (.json), or a model, bundled or in a file, whose classes are meant.
 * *segments: ul_segments_free. Errors: as of ul_segments_read, ul_model_open, ul_card_read. */
ul_status segments_given_read(const char *given, ul_segments *segments, ul_error *error);
