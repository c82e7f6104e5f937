/* Reading DICOM: scan folders, group files into stackable volumes, decode them. */
#ifndef ULITE_DICOM_H
#define ULITE_DICOM_H

#include "ulite/volume.h"

UL_BEGIN_C

typedef struct ul_catalog ul_catalog; /* what a scan found */
typedef struct ul_series
    ul_series; /* one stackable volume of a DICOM series; belongs to its catalog */

typedef struct ul_catalog_counts {
    size_t files;          /* looked at */
    size_t images;         /* DICOM files that hold images */
    size_t segmentations;  /* DICOM-SEG objects: not listed as series */
    size_t without_pixels; /* other DICOM objects: reports, plans, ... */
    size_t directories;    /* DICOMDIR */
    size_t unreadable;     /* DICOM files that are broken, and folders that cannot be opened: see
                              ul_catalog_fault_at */
    size_t other_files;    /* no DICOM */
} ul_catalog_counts;

/* A file that is broken or a folder that cannot be opened, and why. */
typedef struct ul_catalog_fault {
    const char *path; /* as messages name it */
    const char *text; /* without the path */
} ul_catalog_fault;

/* Zero-initialise. */
typedef struct ul_catalog_options {
    bool whole_paths;            /* in messages, where folders are else left out */
    int threads;                 /* that read files; 0: ul_default_threads() */
    const ul_progress *progress; /* stages "listing" and "scanning"; NULL: nobody listens */
} ul_catalog_options;

/* Scans files and folders (recursively, each once though several links lead to it; any names; what
 * is not DICOM is skipped and counted, DICOMDIR ignored), reads headers only, groups into series,
 * splits a series that holds several volumes, sorts by position along the normal; series come in
 * the order of their numbers. A broken file is listed as a fault, and the series that it belongs to
 * cannot be used; a folder below a given one that cannot be opened is a fault too. A catalog is
 * never empty: without any image series the call fails. Messages name a file in a folder below the
 * given one as "given/.../name", since folders are often named after patients, unless the options
 * say whole_paths. options NULL: as ul_catalog_options zeroed.
 * Errors: UL_ERROR_INPUT names the file or folder and the reason; UL_ERROR_INTERRUPTED;
 * UL_ERROR_LIMIT. */
UL_API ul_status ul_catalog_open(
    const char *path, const ul_catalog_options *options, ul_catalog **catalog, ul_error *error);

/* The same of several files and folders together. */
UL_API ul_status ul_catalog_open_all(const char *const *paths, size_t path_count,
    const ul_catalog_options *options, ul_catalog **catalog, ul_error *error);
UL_API void ul_catalog_close(ul_catalog *catalog); /* NULL is fine */
UL_API const ul_catalog_counts *ul_catalog_get_counts(const ul_catalog *catalog);
UL_API size_t ul_catalog_size(const ul_catalog *catalog);
UL_API const ul_series *ul_catalog_at(const ul_catalog *catalog, size_t index);

/* The i-th fault, NULL past the last. */
UL_API const ul_catalog_fault *ul_catalog_fault_at(const ul_catalog *catalog, size_t index);

/* The whole path of the i-th fault, which belongs to the catalog and may hold a patient's name;
 * *in_series: whether the checks or the notes of a series tell it too. NULL past the last. */
UL_API const char *ul_catalog_fault_file(const ul_catalog *catalog, size_t index, bool *in_series);

/* Whether the file at path, by whatever name, is a DICOM file that was scanned. Segmentations are
 * left out: they are listed beside the images that they were made of, and no output of the
 * catalog's users is made of them. */
UL_API bool ul_catalog_holds(const ul_catalog *catalog, const char *path);

/* How a volume of a catalog is named: by its series number or its SeriesInstanceUID, followed by
 * .PART where the series holds several volumes (parts count from 1): "4", "4.2", "1.2.840...". */

#define UL_SERIES_NAME_BYTES 96

/* Whether the index-th volume is meant by that name. NULL means every one. */
UL_API bool ul_catalog_matches(const ul_catalog *catalog, size_t index, const char *name);

/* The volume's series number, or NUMBER.PART where its series holds several volumes. */
UL_API void ul_catalog_number(
    const ul_catalog *catalog, size_t index, char name[UL_SERIES_NAME_BYTES]);

/* A name that means this volume alone: its number, or, where another series has the same one, its
 * UID, in both cases with the part. */
UL_API void ul_catalog_name(
    const ul_catalog *catalog, size_t index, char name[UL_SERIES_NAME_BYTES]);

/* The one volume that the name (or NULL) means. Errors: UL_ERROR_CHOICE where it means several, or
 * none; *series is then NULL. */
UL_API ul_status ul_catalog_find(
    const ul_catalog *catalog, const char *name, const ul_series **series, ul_error *error);

/* One source image: a file and, for multi-frame, a frame in it. Texts belong to the series. */
typedef struct ul_instance {
    const char *path;
    const char *sop_class_uid, *sop_instance_uid;
    unsigned frame;      /* 1-based; 0 for a single-frame object */
    double thickness_mm; /* SliceThickness; 0 where absent */
} ul_instance;

typedef struct ul_series_info {
    const char *series_uid, *study_uid, *frame_of_reference_uid; /* "" where absent */
    int series_number;
    const char *modality, *description, *body_part, *transfer_syntax_uid;
    const char *split; /* why this is only a part of its series ("echo 2", "acquisition 3"), ""
                          where whole */
    bool multi_frame, mosaic, lossy;
    bool philips_float; /* ul_series_use_philips_float can be used */
    size_t note_count;
    const char *const
        *notes; /* what is odd: "2 duplicate slices dropped", "gantry tilt -18.5 degrees" */
} ul_series_info;

UL_API const ul_series_info *ul_series_get_info(const ul_series *series);
UL_API const ul_grid *ul_series_grid(const ul_series *series); /* from the headers */
UL_API size_t ul_series_channels(const ul_series *series);     /* 1 or 3 */

/* The source of slice k: the slice map. */
UL_API const ul_instance *ul_series_instance(const ul_series *series, size_t k);

/* UL_OK, or why the series cannot be used: a broken or missing file, two different images at one
 * place (UL_ERROR_GEOMETRY), a compression that is not served (UL_ERROR_UNSUPPORTED). */
UL_API ul_status ul_series_check(const ul_series *series, ul_error *error);

/* UL_OK, or why labels cannot be placed on its slices: as ul_series_check, but the images need no
 * decoder. */
UL_API ul_status ul_series_check_places(const ul_series *series, ul_error *error);

/* UL_OK, or why a SEG cannot reference its images: a missing, invalid or shared SOPInstanceUID
 * (UL_ERROR_INPUT, which names the file), a mosaic (UL_ERROR_UNSUPPORTED). */
UL_API ul_status ul_series_check_references(const ul_series *series, ul_error *error);

/* Decodes every slice; threads 0: ul_default_threads(). *volume: ul_volume_free. Errors name
 * the file. */
UL_API ul_status ul_series_read(const ul_series *series, int threads, const ul_progress *progress,
    ul_volume *volume, ul_error *error);

/* Exchanges the rescaling of a volume that ul_series_read made of series for the floating-point
 * values of Philips MR scanners: (stored * RescaleSlope + RescaleIntercept) / (RescaleSlope *
 * MR Scale Slope (2005,100E)), which compare between series, where the displayed values that
 * RescaleSlope gives do not (Chenevert et al., Transl Oncol 2014, 7(1):65-71). Errors:
 * UL_ERROR_INPUT names a file that does not state an MR Scale Slope, and leaves the volume as it
 * was. */
UL_API ul_status ul_series_use_philips_float(
    const ul_series *series, ul_volume *volume, ul_error *error);

UL_END_C
#endif
