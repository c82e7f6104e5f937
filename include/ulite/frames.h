/* The volumes of one DICOM series together: a NIfTI file of four dimensions, and what BIDS keeps
 * beside an image. */
#ifndef ULITE_FRAMES_H
#define ULITE_FRAMES_H

#include "ulite/dicom.h"

UL_BEGIN_C

/* Volumes of one series, in the order of a catalog, borrowed from it. */
typedef struct ul_frames {
    const ul_series *const *volumes; /* [count] */
    size_t count;                    /* from 1 */
} ul_frames;

/* Zero-initialise. */
typedef struct ul_frames_options {
    bool regular;                /* tilted and uneven slices are resampled to an even grid */
    bool philips_float;          /* as ul_series_use_philips_float */
    int threads;                 /* 0: ul_default_threads() */
    const ul_progress *progress; /* stages "writing" and "checking"; NULL: nobody listens */
} ul_frames_options;

/* UL_OK, or why the volumes cannot share one file: UL_ERROR_GEOMETRY names the first of them that
 * lies on another grid than the first one, or whose images are of another kind (ImageType,
 * colours). */
UL_API ul_status ul_frames_check(const ul_frames *frames, ul_error *error);

/* Seconds from one volume to the next where the headers state times that are even, or, of echo
 * planar MR images without such times, RepetitionTime; else 0. */
UL_API double ul_frames_step_s(const ul_frames *frames);

/* Writes the volumes as one NIfTI file, as ul_nifti_write does: stored samples where all share one
 * type and rescaling, else values as float. One volume is in memory at a time; each is read twice.
 * Errors: as of ul_frames_check, ul_series_read, ul_nifti_write. */
UL_API ul_status ul_frames_write(
    const char *path, const ul_frames *frames, const ul_frames_options *options, ul_error *error);

/* Writes a BIDS sidecar (JSON) of what the headers state of the acquisition; nothing of the patient
 * is in it, unless a scanner's user wrote it into SeriesDescription or ProtocolName. Axes are those
 * of the image that ul_frames_write or ul_nifti_write makes; resampled: that of an even grid, whose
 * slices have no times. Errors: UL_ERROR_INPUT, UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
UL_API ul_status ul_sidecar_write(
    const char *path, const ul_frames *frames, bool resampled, ul_error *error);

/* How many of the volumes state a b-value, and how many with a b-value above 0 state a direction in
 * patient coordinates. */
UL_API void ul_frames_count_gradients(const ul_frames *frames, size_t *b_values, size_t *directed);

/* Writes b-values (a line, s/mm2) and directions (three lines) as FSL reads them beside the image:
 * along its axes, the first one turned round where the axes are right-handed; 0 of a volume without
 * a direction. bvec NULL: b-values alone. Errors: UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
UL_API ul_status ul_gradients_write(
    const char *bval, const char *bvec, const ul_frames *frames, ul_error *error);

UL_END_C
#endif
