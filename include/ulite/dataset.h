/* A folder of images and labels to train from (docs/training.md). */
#ifndef ULITE_DATASET_H
#define ULITE_DATASET_H

#include "ulite/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ul_split { UL_SPLIT_TRAIN, UL_SPLIT_VAL, UL_SPLIT_TEST } ul_split;
#define UL_SPLITS 3

UL_API const char *ul_split_name(ul_split split); /* "train", "val", "test" */

typedef struct ul_dataset_case {
    char *name;          /* file name without its endings */
    char *image, *label; /* paths; a DICOM series is a folder; image is NULL where there is none and
                            images are drawn from the label */
    ul_split split;
} ul_dataset_case;

struct label_values;

typedef struct ul_dataset {
    char *folder;
    struct label_values *values; /* of generate.json: what images are drawn by; NULL: none */
    size_t count, in_split[UL_SPLITS];
    ul_dataset_case *cases; /* sorted by name */
    bool split_by_hash;     /* no splits file: the split came from hashing the names */
    size_t unlisted;        /* cases that the splits file does not name, and that are left out */
    ul_segments classes;    /* from segments.json or dataset.json; none where there is neither */
    char modality[17];      /* from dataset.json; empty where unknown */
    int threads;            /* that read a case, for the caller to set (0: ul_default_threads()) */
    bool whole_paths;       /* messages name files below a case's folder whole (ulite/dicom.h) */
} ul_dataset;

/* Lists the cases of a folder: images/ or imagesTr/ with labels/, labelsTr/ or masks/; an image is
 * a NIfTI file, a PNG file or a folder with one DICOM series; its label has the same name (NIfTI,
 * PNG, or a SEG as NAME.dcm, NAME.seg.dcm or a folder NAME with one SEG). splits_path NULL: the
 * folder's splits.json where there is one, {"train": [names], "val": [...], "test": [...]}; else a
 * tenth each (at least one) for val and test, chosen by a hash of name and seed. A folder with a
 * generate.json needs no images: cases are its labels. whole_paths: as of ul_catalog_open, when
 * cases are read.
 * Errors: UL_ERROR_INPUT names the case: no label, a name that splits.json has and the folder has
 * not, a name in two splits, an empty train or val split. */
UL_API ul_status ul_dataset_open(const char *folder, const char *splits_path, uint64_t seed,
    bool whole_paths, ul_dataset *dataset, ul_error *error);
UL_API void ul_dataset_free(ul_dataset *dataset);

/* Reads one case that has an image, its labels on the grid of that, as classes. A label picture of
 * 0 and 255 only counts as 0 and 1. Errors name the case: sizes that differ, NaN or infinite
 * samples. */
UL_API ul_status ul_dataset_read(
    const ul_dataset *dataset, size_t index, ul_volume *image, ul_labels *labels, ul_error *error);

/* The labels of a case alone, with the values that the file holds. */
UL_API ul_status ul_dataset_read_labels(
    const ul_dataset *dataset, size_t index, ul_labels *labels, ul_error *error);

/* SHA-256 of an image or label: of the file, or of the digests of a header and its pixels, or of
 * the sorted digests of what a folder holds. */
UL_API ul_status ul_dataset_digest(const char *path, char hex[65], ul_error *error);

#ifdef __cplusplus
}
#endif
#endif
