/* What -o asks for. */
#pragma once

#include "jobs/base/image_file.h"
#include "ulite/dicom.h"
#include "ulite/seg.h"

#include <stdbool.h>

typedef enum target_kind {
    TARGET_UNKNOWN,
    TARGET_SEG,
    TARGET_RTSTRUCT,
    TARGET_SR,
    TARGET_NIFTI,
    TARGET_NRRD,
    TARGET_PNG,
    TARGET_FOLDER
} target_kind;

#define TARGET_ENDINGS ".dcm, .rtstruct.dcm, .nii, .nii.gz, .nrrd or .png"
#define TARGET_PATH_BYTES 4096

/* By the ending: .rtstruct.dcm, .sr.dcm, any other .dcm, .nii or .nii.gz, .nrrd, .png; a folder
 * that exists, or a name that ends in a slash.
 */
target_kind target_of(const char *path);

/* What labels of such an image are written as where nothing else is asked for: a file of its own
 * kind, of DICOM a SEG. */
target_kind target_of_image(image_kind kind);

/* How a file of ours of that kind ends: .seg.dcm, .rtstruct.dcm, .sr.dcm, .nii.gz, .seg.nrrd, .png.
 */
const char *target_ending(target_kind kind);

/* The ending that a word stands for, where many files are written: dcm, rtstruct, sr, nii, nii.gz,
 * nrrd or png; NULL where it is none of these. */
#define TARGET_WORDS "dcm, rtstruct, sr, nii, nii.gz, nrrd or png"
const char *target_word_ending(const char *word);

/* Whether it is an object that refers to DICOM images. */
bool target_is_dicom(target_kind kind);

/* What the hash in a file's name is of: the series UID, and of a part of a series which one; where
 * they are labels (NULL: they are not) the name of their file as well. */
void target_identity(const ul_series *series, const char *labels, char identity[TARGET_PATH_BYTES]);

/* What of it stands in names. */
void target_hash(const char *identity, char hash[17]);

/* The file that path means: itself, or, for a folder, `<hash of the identity><ending>` in it (no
 * patient data in a name). Errors: UL_ERROR_OUTPUT (too long). */
ul_status target_name(const char *path, const char *identity, const char *ending,
    char name[TARGET_PATH_BYTES], ul_error *error);

/* UL_OK where the file at path may be written: it is none of those that the run reads, which are
 * inputs (NULLs are left out), archives that were unpacked, and what the catalog (may be NULL)
 * scanned, under whatever name. Else UL_ERROR_USAGE. */
ul_status target_check(const char *path, const char *const *inputs, size_t input_count,
    const ul_catalog *catalog, ul_error *error);

/* path with "-part" before its ending: "out.nii.gz" and "2" give "out-2.nii.gz". */
ul_status target_part(
    const char *path, const char *part, char name[TARGET_PATH_BYTES], ul_error *error);

/* What to say of a NIfTI file on this grid; NULL where there is nothing. */
const char *target_nifti_note(const ul_grid *grid);

/* How a path ends. */

/* Whether something stands before the ending (".nii.gz"), in upper or lower case. */
bool ends_in(const char *path, const char *ending);

/* --type: what kind of DICOM Segmentation is written. */

#define SEG_TYPES "auto, binary, fractional or labelmap"

/* False where text names no type. */
bool seg_type_parse(const char *text, ul_seg_type *type);

const char *seg_type_name(ul_seg_type type);

/* Whether --rle goes with it. */
bool seg_type_takes_rle(ul_seg_type type);
