/* From a volume and a model to labels on the volume's voxels, and what is made of these. */
#ifndef ULITE_SEGMENT_H
#define ULITE_SEGMENT_H

#include "ulite/card.h"
#include "ulite/dicom.h"
#include "ulite/session.h"

UL_BEGIN_C

/* Whether a segmentation can be believed: signs of failure that need no truth to compare with. */

typedef enum ul_quality_flag {
    UL_QUALITY_EMPTY = 1,         /* no voxel, though no training case was without */
    UL_QUALITY_BORDER = 2,        /* touches the border of a 3D field of view */
    UL_QUALITY_PIECES = 4,        /* in pieces, though the card keeps the largest alone */
    UL_QUALITY_VOLUME = 8,        /* volume outside the range of the training cases */
    UL_QUALITY_DISAGREEMENT = 16, /* planes, flips or classes disagree at the surface */
    UL_QUALITY_LOCALISER = 32,    /* looked for where a doubtful class of the localiser lies */
    UL_QUALITY_FORCED = 64,       /* the model was not made for the input: set by who forces it */
    UL_QUALITY_INVERTED = 128     /* the air around the patient is bright */
} ul_quality_flag;

enum { UL_QUALITY_FLAGS = 8, UL_QUALITY_TEXT_BYTES = 320 };

/* One class of the model. NaN: not known. */
typedef struct ul_segment_quality {
    unsigned number;
    size_t voxels;
    double volume_ml;    /* NaN in 2D and where the spacing is unknown */
    double range_ml[2];  /* of the training cases */
    double border;       /* share of its voxels at the ends of the field of view; NaN in 2D */
    double pieces;       /* share of its voxels outside its largest component, before the card's
                            rules for components; NaN in 2D */
    double disagreement; /* mean entropy, in bits, of the softmax of the averaged logits at its
                            surface: where labels change along a row of the volume */
    double confidence;   /* the Dice that the model's own probabilities at that surface expect: a
                            figure to rank results by, higher than the true one */
    unsigned flags;      /* of ul_quality_flag */
} ul_segment_quality;

/* "empty", "border", "pieces", "volume", "disagreement", "localiser", "forced", "inverted": of flag
 * number n below UL_QUALITY_FLAGS. */
UL_API const char *ul_quality_word(int n);

/* What the flags say, with figures: "empty", "3.1 mL, 0.9 to 2.2 in training; in pieces (31 %)". */
UL_API void ul_quality_text(const ul_segment_quality *quality, char text[UL_QUALITY_TEXT_BYTES]);

/* Adds to the descriptions of the segments why they are doubtful, where they are: so a SEG says it.
 * quality: [count]. */
UL_API void ul_quality_describe(const ul_segment_quality *quality, size_t count, ul_labels *labels);

/* Which of several volumes a model was made for. */

/* Why a volume is not what the card's model was made for, though it could be run: modality, body
 * part, field of view, spacing. UL_ERROR_MODEL with the reason, or UL_OK. */
UL_API ul_status ul_card_fit(const ul_card *card, const ul_volume *volume, ul_error *error);

/* The same by the headers of a series, and by its colours. What is stored in colour may be grey
 * (most ultrasound is), which only its pixels tell. */
UL_API ul_status ul_card_fit_series(
    const ul_card *card, const ul_series *series, bool colour_may_be_grey, ul_error *error);

/* Of the volumes that name means (as in ul_catalog_matches; NULL: all) the only one, or the only
 * one that the card fits: for a model of grey images the only grey one, else the only one in
 * colour, which may be grey. Errors: UL_ERROR_CHOICE says how many fit, or why none does; *series
 * is then NULL. */
UL_API ul_status ul_card_choose(const ul_card *card, const ul_catalog *catalog, const char *name,
    const ul_series **series, ul_error *error);

/* The same among these volumes of the catalog, at least two. */
UL_API ul_status ul_card_choose_among(const ul_card *card, const ul_catalog *catalog,
    const ul_series *const *among, size_t count, const ul_series **series, ul_error *error);

/* The same of all volumes by the card of a model. Errors of ul_card_read, too. */
UL_API ul_status ul_catalog_choose(
    const ul_catalog *catalog, const ul_model *model, const ul_series **series, ul_error *error);

/* From a volume and a model to labels on the volume's voxels. */

/* Zero-initialise. */
typedef struct ul_segment_options {
    int threads;           /* 0: ul_default_threads() */
    bool flips;            /* average the flips that the card allows (it may do so by default) */
    bool fractions;        /* keep the probabilities too */
    const ul_grid *slices; /* those that the volume was resampled from (ul_volume_regular): where
                              some are missing, no label is kept. NULL: the volume's own */
    ul_segment_quality *quality; /* [quality_count] that receives how far each class of the card can
                                    be believed, the caller's; NULL: not measured */
    size_t quality_count;        /* card->classes.count */
    size_t logit_bytes;          /* most memory for the logits of several planes; 0: 1 GiB */
    const ul_progress *progress; /* stages "reading" and "segmenting"; NULL: nobody listens */
} ul_segment_options;

/* Runs the model over every slice, along every plane of the card, averages the logits on the
 * source's voxels, takes the class of the largest (K = 1: over 0), settles the sides
 * where the card says so and applies the card's post-processing. Memory beside volume and labels: a
 * session and a slice's input and output per thread; with several planes 2 bytes per output and
 * voxel (or point at the card's spacing where it has neighbours at a distance), where that is over
 * options->logit_bytes in slabs of stored slices (one slice at least), for each of which the planes
 * that cross it are run again; with fractions and post-processing 2
 * bytes per voxel.
 * The labels' provenance receives the model's hash, and a note where it is untrained. options NULL:
 * as zeroed.
 * Errors: UL_ERROR_GEOMETRY (a plane that the slices cannot be cut along), UL_ERROR_MODEL
 * (colours), UL_ERROR_USAGE (another quality_count), UL_ERROR_LIMIT, UL_ERROR_INTERRUPTED. *labels:
 * ul_labels_free. */
UL_API ul_status ul_segment_volume(const ul_model *model, const ul_card *card,
    const ul_volume *volume, const ul_segment_options *options, ul_labels *labels, ul_error *error);

/* Some of a model's classes, or unions of them, in place of all. */

typedef struct ul_class_choice {
    ul_segments segments;         /* what was chosen, in that order, owned */
    unsigned to[UL_CARD_CLASSES]; /* number of the segment that a class goes to; 0: background */
} ul_class_choice;

/* Names of the card's classes and groups, or their numbers, separated by commas; case does not
 * matter. A group becomes one segment. Errors: UL_ERROR_USAGE names what the card has not, and a
 * class that would belong to two; UL_ERROR_LIMIT. *choice: ul_class_choice_free. */
UL_API ul_status ul_class_choice_parse(
    const ul_card *card, const char *names, ul_class_choice *choice, ul_error *error);
UL_API void ul_class_choice_free(ul_class_choice *choice);

/* Leaves the chosen segments in labels of the card's classes. Fractions of a group are the sum of
 * its classes'. Errors: UL_ERROR_LIMIT; labels are then as they were. */
UL_API ul_status ul_labels_choose(
    const ul_class_choice *choice, ul_labels *labels, ul_error *error);

/* Sets the samples of a volume that no segment covers to its padding value or, where it has none,
 * to the stored value next to 0; labels lie on its grid. */
UL_API void ul_volume_mask(const ul_labels *labels, ul_volume *volume);

/* A box of voxels cut out of a volume, and labels of it put back. */

typedef struct ul_region {
    size_t first[3], size[3]; /* columns, rows, slices as they are stored */
} ul_region;

/* "x0:x1,y0:y1,z0:z1": voxels from x0 up to, but without, x1, counted from 0 as they are stored; or
 * with "mm" at the end LPS millimetres: the smallest box of voxels that holds every centre there.
 * Errors: UL_ERROR_USAGE for another form, what lies off the volume and a box without voxels;
 * UL_ERROR_GEOMETRY for millimetres where there are no positions. */
UL_API ul_status ul_region_parse(
    const char *text, const ul_grid *grid, ul_region *region, ul_error *error);

/* A copy of the box, in its place. Errors: UL_ERROR_LIMIT. *crop: ul_volume_free. */
UL_API ul_status ul_volume_crop(
    const ul_volume *volume, const ul_region *region, ul_volume *crop, ul_error *error);

/* Puts labels of the box onto the grid that it was cut from, background around it. Errors:
 * UL_ERROR_LIMIT; labels are then as they were. */
UL_API ul_status ul_labels_uncrop(
    const ul_region *region, const ul_grid *grid, ul_labels *labels, ul_error *error);

/* Small fields of view that another model finds in a large one: the card's localiser. */

/* Whether slices are larger than the card's model was made for, and it has a localiser. */
UL_API bool ul_card_needs_localiser(const ul_card *card, const ul_volume *volume);

/* A model, and a model that finds where it is to be run; borrowed. */
typedef struct ul_localised {
    const ul_model *model, *localiser;
    const ul_card *card, *localiser_card;
} ul_localised;

/* Where a class of the localiser was found. */
typedef struct ul_located {
    ul_segment_quality quality; /* of that class */
    bool found;                 /* there, in a box that the model was made for */
    ul_region region;           /* its box with the margin around it, where found */
    double turned_degrees;      /* by which the model's slices are turned there; 0: not */
} ul_located;

/* The card of what ul_segment_localised gives. The n-th class of the localiser, counted from 0, has
 * all classes of the model, their numbers greater by n times the highest number of a class or
 * group. They have the localiser's laterality: as the modifier of their type where they have none,
 * else as that of their region, which is the localiser's type; and in their labels. Groups are of
 * all boxes. Errors: UL_ERROR_MODEL (no such class; too many), UL_ERROR_LIMIT. *card:
 * ul_card_free. */
UL_API ul_status ul_card_localised(const ul_localised *models, ul_card *card, ul_error *error);

/* Runs the localiser over the volume and the model in the box around each of the card's localiser
 * classes, at the model's own spacing; the labels lie on all of the volume. Where the card says
 * which way the classes point in an upright head, and the head is turned from the voxels' axes by
 * more than 15 degrees (by the mid-sagittal plane of the localiser's labels and the long axes of
 * its classes), the box is turned with it: the volume is interpolated linearly on upright slices,
 * and the labels back by the same weights. Where two boxes label a voxel, the one whose centre is
 * nearer has it. card: of ul_card_localised; options->quality: [card->classes.count]; located:
 * [models->card->localiser.class_count] that receives what was found, the caller's. What was not
 * found has no voxel and is UL_QUALITY_LOCALISER, as is what a doubtful class of the localiser led
 * to. Errors: as ul_segment_volume, and UL_ERROR_MODEL where nothing was found. *labels:
 * ul_labels_free. */
UL_API ul_status ul_segment_localised(const ul_localised *models, const ul_card *card,
    const ul_volume *volume, const ul_segment_options *options, ul_located *located,
    ul_labels *labels, ul_error *error);

/* The localiser of a model, opened. Zero-initialise; ul_localiser_close. */
typedef struct ul_localiser_model {
    ul_model *model; /* NULL: the card names none, or it is not there */
    ul_card card;
    char hash[UL_HASH_BYTES];
    char missing[UL_ERROR_TEXT_BYTES]; /* why it is not there, else empty */
    ul_localised models; /* what it is the localiser of: that and its card stay open */
    ul_card localised;   /* of its result: ul_card_localised */
} ul_localiser_model;

/* Opens the localiser that the card of a model names, where it does: beside the model's file, else
 * the bundled one. That there is none of its name is no error, but said in missing. Errors:
 * UL_ERROR_MODEL and others of its file. Close it in any case. */
UL_API ul_status ul_localiser_open(
    const ul_model *model, const ul_card *card, ul_localiser_model *localiser, ul_error *error);
UL_API void ul_localiser_close(ul_localiser_model *localiser);

/* Whether the card's model was made for the volume or, where that is too large, its localiser was;
 * then *needed. UL_ERROR_MODEL with the reason, or UL_OK. */
UL_API ul_status ul_localiser_fit(const ul_card *card, const ul_localiser_model *localiser,
    const ul_volume *volume, bool *needed, ul_error *error);

/* The whole job in one call. */

/* Segments a volume with a model that was made for it, or whose localiser finds its part, as `ulite
 * segment` does without further options: the labels' descriptions say what is doubtful. Colours
 * that are greys become grey in the volume for a model of these. options NULL: as zeroed; their
 * quality is that of the model's classes, or of ul_localiser_model.localised. Errors: of
 * ul_card_read and ul_segment_volume, and UL_ERROR_MODEL where the model was not made for the
 * volume: ul_segment_volume runs it all the same. *labels: ul_labels_free. */
UL_API ul_status ul_segment_image(const ul_model *model, ul_volume *volume,
    const ul_segment_options *options, ul_labels *labels, ul_error *error);

/* Reads a series and segments it so: ul_seg_write makes the same file of the labels as `ulite
 * segment`. Errors of ul_series_read, too. */
UL_API ul_status ul_segment_series(const ul_model *model, const ul_series *series,
    const ul_segment_options *options, ul_labels *labels, ul_error *error);

/* What the segments of a label volume measure. */

typedef struct ul_segment_stats {
    unsigned number;
    size_t voxels;
    double volume_ml;     /* NaN in 2D and where the spacing is unknown */
    double area_mm2;      /* 2D only; NaN else and where the spacing is unknown */
    bool placed;          /* whether bbox_mm is known: there are positions, and voxels */
    double bbox_mm[2][3]; /* smallest and largest LPS coordinates of its voxel centres */
    double mean, sd; /* of the source's values but padding (luma of RGB), population; NaN: none */
} ul_segment_stats;

/* Measures every segment of labels on the values of volume, which has the same grid; NULL: without
 * values, mean and sd are NaN. A voxel's
 * depth is ul_grid_depth_mm: the distance along the normal, for uneven slices half the way to each
 * neighbour; gaps are not filled. stats: [labels->segments.count], the caller's; count says so.
 * Errors: UL_ERROR_USAGE (another count), UL_ERROR_LIMIT (memory), UL_ERROR_INTERRUPTED. */
UL_API ul_status ul_stats_measure(const ul_volume *volume, const ul_labels *labels,
    const ul_progress *progress, ul_segment_stats *stats, size_t count, ul_error *error);

UL_END_C
#endif
