/* Grouping the images of a scan into stackable volumes. */
#pragma once

#include "io/dicom/file.h"
#include "ulite/dicom.h"

UL_BEGIN_C

struct ul_series {
    const dicom_image **images; /* [grid.size[2]], owned: slice k is images[k] */
    ul_grid grid;
    size_t channels;
    ul_series_info info;
    ul_instance *instances; /* [grid.size[2]], owned */
    char split[256];
    char **notes;     /* owned, also under info.notes */
    ul_status status; /* not UL_OK: cannot be used, and why */
    char problem[512];
};

/* Whether two images have the same pixel values. A failure to read them counts as different. */
typedef bool (*series_compare)(void *context, const dicom_image *a, const dicom_image *b);

/* Groups images (reordered by this call) into series, appended to *list (realloc'ed; *count
 * counts). compare settles what two images at one place are that no attribute tells apart. */
ul_status series_group(const dicom_image **images, size_t image_count, series_compare compare,
    void *context, ul_series ***list, size_t *count, ul_error *error);

/* Appends a note, in printf format. */
ul_status series_note(ul_series *series, ul_error *error, const char *format, ...) UL_PRINTF(3, 4);

#define SERIES_SAME_PLACE_MM 0.01 /* nearer than any two slices */

/* All notes on geometry and pixels, once the grid and the info are there. */
ul_status series_add_notes(ul_series *series, ul_error *error);

/* The smallest and largest SliceThickness, in range; whether they differ. */
bool series_thickness_range(const dicom_image *const *images, size_t count, double range[2]);

/* Notes on missing, invalid and shared UIDs, and on several patients. */
ul_status series_note_identities(ul_series *series, ul_error *error);

/* Marks the series as unusable unless it already is. */
void series_fail(ul_series *series, ul_status status, const char *format, ...) UL_PRINTF(3, 4);

/* Whether the file of slice k is still what was scanned. Error: UL_ERROR_INPUT, without the path.
 */
ul_status series_check_unchanged(const ul_series *series, size_t k, ul_error *error);

void series_free(ul_series *series); /* and the memory of the struct itself */

UL_END_C
