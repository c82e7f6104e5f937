/* The parts of `ulite segment`: what it reads, what it writes. */
#pragma once

#include "apps/base/target.h"
#include "apps/base/written.h"
#include "jobs/base/image_file.h"
#include "jobs/base/model_path.h"
#include "jobs/base/paths.h"
#include "ulite.h"
#include "ulite/seg.h"
#include "ulite/segment.h"

#include <cJSON.h>

enum { SEGMENT_MAX_PATHS = 64 };

typedef struct segment_arguments {
    const char *inputs[SEGMENT_MAX_PATHS], *outputs[SEGMENT_MAX_PATHS], *sources[SEGMENT_MAX_PATHS];
    size_t input_count, output_count, source_count;
    const char *model, *series, *stats, *report, *preview, *html, *sc, *only, *mask, *roi,
        *label_table;
    size_t frame;
    int threads;
    ul_seg_type type;
    bool rle, deflated, regular, random_uids, flips, force, strict, xml;
    const char *const *command; /* console_settings.words for --report, or NULL */
    bool measured;              /* a result holds the segments' intensities */
    const ul_catalog *catalog;  /* with chosen: what it lies in, borrowed */
    const ul_series *chosen;    /* the series, where the caller has chosen it; else NULL */
} segment_arguments;

/* A model with what is read of it once, for any number of cases. */
typedef struct segment_model {
    char path[MODEL_PATH_BYTES], hash[UL_HASH_BYTES];
    ul_model *model;
    ul_card card;
    ul_localiser_model localiser;
} segment_model;

/* Errors: as of model_path_find, ul_model_open, ul_card_read. Close it in any case. */
ul_status segment_model_open(const char *name, segment_model *model, ul_error *error);
void segment_model_close(segment_model *model);

/* What came of a case, for tables. Zero-initialise; segment_result_free. */
typedef struct segment_result {
    char output[TARGET_PATH_BYTES];     /* the first -o */
    cJSON *outputs;                     /* the paths of all files */
    char series_uid[65], study_uid[65]; /* empty where the input is no DICOM */
    ul_segments segments;
    ul_segment_stats *stats; /* [segments.count] */
} segment_result;

/* A console_listener whose context is a JSON array: keeps what is worth knowing of a case, its
 * notes and why it was forced. */
void segment_keep_note(void *array, const char *line);

/* Adds "volumes" to a record of a case: what each segment measures. */
void segment_add_volumes(cJSON *record, const segment_result *result);

/* Segments one case and writes all that is asked for, or nothing; what is worth knowing is said on
 * the console. result: NULL where nobody asks. */
ul_status segment_case(const segment_arguments *arguments, const segment_model *model,
    segment_result *result, ul_error *error);
void segment_result_free(segment_result *result);

/* What is segmented. Zero-initialise; segment_input_free. */
typedef struct segment_input {
    ul_catalog *catalog;     /* DICOM only, or the --source of something else */
    const ul_series *series; /* NULL where the input is no DICOM */
    ul_volume volume;
    ul_nifti_header *header;                  /* NIfTI only */
    image_kind file;                          /* IMAGE_NONE where it is DICOM */
    char *paths[2], hashes[2][65];            /* where --report names what is no DICOM: its files */
    const ul_localiser_model *localiser;      /* where it is needed, else NULL; borrowed */
    ul_located located[UL_LOCALISER_CLASSES]; /* what it found */
    bool resampled;   /* volume is on an even grid that its slices were not on */
    ul_grid slices;   /* where its slices were, where it is resampled */
    ul_region region; /* where --roi is given: what is segmented */
    ul_volume crop;   /* its voxels */
    char *notes;
    const char *model_name, *model_hash; /* borrowed: of what segments it */
    const ul_card *model_card;           /* borrowed, likewise */
    char forced[UL_ERROR_TEXT_BYTES];    /* why --force was needed, else empty */
    size_t quality_count;
    ul_segment_quality *quality; /* of the model's classes that are in the output, owned */
} segment_input;

/* Reads the input: the chosen series, or of several volumes in DICOM folders the one that --series
 * means, or the only one that the card fits. Checks it against the card, which --force overrides.
 */
ul_status segment_input_read(const segment_arguments *arguments, const segment_model *model,
    segment_input *input, ul_error *error);
void segment_input_free(segment_input *input);

/* Opens --source where the input is no DICOM, and checks that every output can be written and is
 * neither an input nor another output. */
ul_status segment_check_outputs(
    const segment_arguments *arguments, segment_input *input, ul_error *error);

/* Says where the classes of the localiser were found, as an event each. */
void segment_tell_located(const segment_input *input);

/* Adds to a report what was typed, what was read, by what, and how: "command", "input", "model",
 * "libraries", "options". */
void segment_add_provenance(cJSON *report, const segment_arguments *arguments, const ul_card *card,
    const segment_input *input);

/* Adds "localiser" to a report: what found what. */
void segment_add_localiser(cJSON *report, const segment_input *input);

/* Writes every output, under its temporary name. */
ul_status segment_write_outputs(const segment_arguments *arguments, const segment_input *input,
    const ul_labels *labels, const ul_segment_stats *stats, written_files *written,
    ul_error *error);

/* Fills in which series was segmented and where the first output is. */
ul_status segment_describe(const segment_arguments *arguments, const segment_input *input,
    segment_result *result, ul_error *error);

/* Writes --mask where it is asked for: the image, which is changed, without what no segment
 * covers. */
ul_status segment_write_mask(const segment_arguments *arguments, segment_input *input,
    const ul_labels *labels, written_files *written, ul_error *error);

/* Whether something is asked for that shows the image. */
bool segment_is_viewed(const segment_arguments *arguments);

/* UL_OK, or UL_ERROR_UNSUPPORTED where this ulite cannot draw what is asked for. */
ul_status segment_check_views(const segment_arguments *arguments, ul_error *error);

/* Writes --preview, --html and --sc where they are asked for, likewise. */
ul_status segment_write_views(const segment_arguments *arguments, const ul_card *card,
    const segment_input *input, const ul_labels *labels, const ul_segment_stats *stats,
    written_files *written, ul_error *error);

/* Writes these, --label-table, --stats and --report where they are asked for, likewise. */
ul_status segment_write_figures(const segment_arguments *arguments, const ul_card *card,
    const segment_input *input, const ul_labels *labels, const ul_segment_stats *stats,
    written_files *written, ul_error *error);

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

/* Prints what makes a module of 3D Slicer of the program; returns the exit code. */
int segment_describe_to_slicer(void);
