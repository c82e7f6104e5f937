/* The parts of `ulite segment`: what it reads, what it writes. */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "apps/base/written.h"
#include "ulite.h"
#include "ulite/seg.h"
#include "ulite/segment.h"

#include <cJSON.h>

enum { SEGMENT_MAX_PATHS = 64 };

typedef struct segment_arguments {
    const char *inputs[SEGMENT_MAX_PATHS], *outputs[SEGMENT_MAX_PATHS], *sources[SEGMENT_MAX_PATHS];
    size_t input_count, output_count, source_count;
    const char *model, *series, *stats, *report, *preview, *only, *mask, *roi;
    size_t frame;
    int threads;
    ul_seg_type type;
    bool rle, regular, random_uids, flips, force, strict;
} segment_arguments;

/* What is segmented. Zero-initialise; segment_input_free. */
typedef struct segment_input {
    ul_catalog *catalog;     /* DICOM only, or the --source of something else */
    const ul_series *series; /* NULL where the input is no DICOM */
    ul_volume volume;
    ul_nifti_header *header; /* NIfTI only */
    bool picture;            /* a PNG */
    bool resampled;          /* volume is on an even grid that its slices were not on */
    ul_grid slices;          /* where its slices were, where it is resampled */
    ul_region region;        /* where --roi is given: what is segmented */
    ul_volume crop;          /* its voxels */
    char *notes;
    const char *model_name, *model_hash; /* borrowed: of what segments it */
    char forced[UL_ERROR_TEXT_BYTES];    /* why --force was needed, else empty */
    size_t quality_count;
    ul_segment_quality *quality; /* of the model's classes that are in the output, owned */
} segment_input;

/* Reads the input: of several volumes in DICOM folders the one that --series means, or the only one
 * that the card fits. Checks it against the card, which --force overrides. */
ul_status segment_input_read(
    const segment_arguments *arguments, const ul_card *card, segment_input *input, ul_error *error);
void segment_input_free(segment_input *input);

/* Opens --source where the input is no DICOM, and checks that every output can be written and is
 * neither an input nor another output. */
ul_status segment_check_outputs(
    const segment_arguments *arguments, segment_input *input, ul_error *error);

/* Writes every output, under its temporary name. model_hash enters the UIDs of a SEG. */
ul_status segment_write_outputs(const segment_arguments *arguments, const ul_card *card,
    const char *model_hash, const segment_input *input, const ul_labels *labels,
    written_files *written, ul_error *error);

/* Writes --mask where it is asked for: the image, which is changed, without what no segment
 * covers. */
ul_status segment_write_mask(const segment_arguments *arguments, segment_input *input,
    const ul_labels *labels, written_files *written, ul_error *error);

/* Writes --preview, --stats and --report where they are asked for, likewise. */
ul_status segment_write_figures(const segment_arguments *arguments, const ul_card *card,
    const char *model_hash, const segment_input *input, const ul_labels *labels,
    const ul_segment_stats *stats, written_files *written, ul_error *error);

/* What the segments measure, with values where --stats or --report needs them. *stats:
 * [labels->segments.count], malloc'd whatever is returned, the caller's; NULL where memory ran
 * out. */
ul_status segment_measure(const segment_arguments *arguments, const segment_input *input,
    const ul_labels *labels, ul_segment_stats **stats, ul_error *error);

/* Says how large each segment is, and that none was found. */
void segment_say(const ul_labels *labels, const ul_segment_stats *stats);

/* Leaves the quality of the chosen classes alone. choice NULL: of all. */
void segment_choose_quality(const ul_class_choice *choice, segment_input *input);

/* Says in one line which classes are doubtful, as an event each, and in their segments'
 * descriptions. */
void segment_warn(const ul_card *card, const segment_input *input, ul_labels *labels);

/* How many classes are doubtful. */
size_t segment_count_doubtful(const segment_input *input);

/* Adds "quality" to a report or statistics. */
void segment_add_quality(cJSON *object, const ul_card *card, const segment_input *input);

/* The quality of the class that a segment is; NULL: a group. */
const ul_segment_quality *segment_quality_of(const segment_input *input, unsigned number);

/* A line {"event": name, "path": path, "text": text} on stdout under --json; NULLs are left out. */
void segment_event(const char *name, const char *path, const char *text);

#endif
