/* The model card: one JSON value in a model's metadata under "ulite" (docs/model-format.md). */
#ifndef ULITE_CARD_H
#define ULITE_CARD_H

#include "ulite/model.h"
#include "ulite/volume.h"

UL_BEGIN_C

typedef enum ul_channels {
    UL_CHANNELS_GREY, /* one grey slice for all input channels */
    UL_CHANNELS_RGB,
    UL_CHANNELS_NEIGHBOURS /* C_in neighbouring slices, this one in the middle; C_in odd */
} ul_channels;

typedef enum ul_normalisation_kind {
    UL_NORMALISE_NONE,       /* values as they are */
    UL_NORMALISE_UNIT,       /* low..high to 0..1, clipped (RGB: 0..255) */
    UL_NORMALISE_WINDOW,     /* CT window low..high HU to 0..1, clipped */
    UL_NORMALISE_PERCENTILE, /* percentiles low..high to 0..1, clipped */
    UL_NORMALISE_ZSCORE,     /* (x - mean) / sd, padding left out */
    UL_NORMALISE_FOREGROUND  /* as percentiles, of the values above the background */
} ul_normalisation_kind;

typedef struct ul_normalisation {
    ul_normalisation_kind kind;
    bool per_slice;   /* statistics over the slice, else over the volume */
    double low, high; /* HU or values or percentiles */
} ul_normalisation;

typedef struct ul_postprocess {
    bool largest_component; /* keep the largest 3D component of each class */
    bool fill_holes;
    double minimum_mm3; /* drop smaller components; 0: none */
} ul_postprocess;

/* Where the structure of a small field of view lies in a larger one: classes that another model
 * finds there, each in a box of its own. */
enum { UL_LOCALISER_CLASSES = 8 };

typedef struct ul_localiser {
    char model[65];     /* the name of a bundled model; empty: none */
    size_t class_count; /* at least 1 where there is one */
    char classes[UL_LOCALISER_CLASSES][UL_TEXT_BYTES]; /* labels of that model's classes */
    double margin_mm;                                  /* around each */
    double axis[3]; /* LPS, where their longest axis points to in an upright head; zero: unknown */
} ul_localiser;

enum { UL_CARD_CLASSES = 256 }; /* one more than the highest number of a class in a group */

typedef struct ul_metric {
    char name[65]; /* "Dice anterior hippocampus" */
    double value;
} ul_metric;

/* Beyond what a result is doubtful. */
typedef struct ul_limits {
    double volume; /* times below and above the volumes of the training cases */
    double bits;   /* mean entropy at the surface */
    double border; /* share of the voxels at the ends of the field of view */
} ul_limits;

#define UL_LIMITS_DEFAULT                                                                          \
    { 1.5, 1.25, 0.002 }

typedef struct ul_card {
    char name[65], task[257];
    char modality[17];  /* "MR"; empty: any */
    char body_part[65]; /* as DICOM BodyPartExamined; empty: any */
    double fov_mm[2]; /* smallest and largest in-plane extent of the source that it was made for; 0,
                         0: any */
    ul_localiser localiser; /* finds the part of a larger source that the model was made for */
    size_t plane_count;     /* 0: whatever the source has, as it is stored (2D images) */
    ul_plane planes[3];     /* what the slices are cut along; several: their logits are averaged */
    ul_channels channels;
    double neighbour_mm;  /* distance from one neighbour to the next; 0: the next slice */
    double spacing_mm[2]; /* in-plane spacing of the network's input along its columns and rows; 0:
                             as the source */
    size_t size[2]; /* fixed input width and height: the image is scaled to it when spacing is 0; 0:
                       as resampled, padded to 32 */
    ul_normalisation normalisation;
    bool dark_surroundings; /* the air around the patient is darker than most of the classes */
    ul_segments classes;    /* foreground classes; number = output channel (K > 1) or 1 (K = 1) */
    ul_postprocess postprocess;
    ul_postprocess *class_rules; /* [classes.count] those of each class, owned; NULL: all alike */
    bool settle_sides;           /* partners are told apart by the mid-sagittal plane too */
    double (*volumes_ml)[2]; /* [classes.count] smallest and largest of the training cases, owned;
                            NULL: unknown */
    ul_limits *limits;       /* [classes.count] measured ones, owned; NULL: UL_LIMITS_DEFAULT */
    ul_segments groups; /* unions of classes that a user may choose; numbers beside the classes' */
    bool *in_group;     /* [groups.count][UL_CARD_CLASSES] whether a class belongs to it, owned */
    bool tta_flip_x, tta_flip_y; /* flips that --tta may average */
    bool tta_default;            /* average them without being asked for */
    bool trained;                /* false: a fixture; every output says so */
    char *provenance, *licence;  /* free text, owned */
    size_t metric_count;
    ul_metric *metrics; /* owned */
    char *source;       /* the JSON that it was read from, owned; NULL: none */
} ul_card;

/* A card of nothing but defaults: grey, as the source has it, values as they are, trained. */
UL_API void ul_card_init(ul_card *card);

/* Parses the card of a model and checks it against the model's shape. Errors: UL_ERROR_MODEL names
 * what is no JSON value, a key that stands twice, a wrong value or unknown enumerator;
 * UL_ERROR_LIMIT. Unknown keys stay in source. *card: ul_card_free. */
UL_API ul_status ul_card_read(const ul_model *model, ul_card *card, ul_error *error);
UL_API ul_status ul_card_parse(const char *json, ul_card *card, ul_error *error);

/* SHA-256 of the file that the model was opened from, in hexadecimal digits; empty for a model that
 * was made in memory. */
UL_API void ul_model_hash(const ul_model *model, char hash[UL_HASH_BYTES]);

/* Whether the planes can tell left from right: sagittal slices alone cannot. */
UL_API bool ul_card_tells_sides(const ul_card *card);

/* Whether a network with these channels and classes can be what the card describes. */
UL_API ul_status ul_card_check(
    const ul_card *card, size_t input_channels, size_t classes, ul_error *error);
UL_API void ul_card_free(ul_card *card);

/* The card as JSON, malloc'd, for ul_model_save: its fields, and what source has beyond them, at
 * any depth. Classes are matched by number, metrics by name and value. Errors: UL_ERROR_LIMIT;
 * *json is then NULL. */
UL_API ul_status ul_card_write(const ul_card *card, char **json, ul_error *error);

UL_END_C
#endif
