/* What the values of label maps stand for when images are drawn from them: generate.json. */
#pragma once

#include "ulite/volume.h"

enum { LABEL_VALUES_MOST = 255 };

typedef struct label_value {
    unsigned value; /* in the label maps */
    uint8_t label;  /* the class that it is learnt as, 0: background */
    uint8_t group;  /* values of one group share one Gaussian */
    uint8_t mirror; /* index of the value of the other side; its own where there is none */
    bool lesions;   /* lesions may lie in it */
    bool swells;    /* it grows and shrinks */
    double outside; /* how likely it goes in a draw that takes the surroundings away */
} label_value;

/* Of two groups that look alike in many contrasts. */
typedef struct label_relation {
    uint8_t group, near;
} label_relation;

/* What a pulse sequence shows of the tissue of a group; t1_ms 0: not known. */
typedef struct label_tissue {
    double t1_ms, t2_ms; /* relaxation times at 1.5 to 3 T */
    double density;      /* of protons, 1: water */
} label_tissue;

typedef struct label_values {
    char digest[65]; /* SHA-256 of the file */
    size_t count;    /* at least 1: item 0 is value 0, class 0, group 0, the background */
    label_value items[LABEL_VALUES_MOST];
    size_t group_count;
    size_t relation_count;
    label_relation relations[LABEL_VALUES_MOST];
    bool tissues_known;
    label_tissue tissues[LABEL_VALUES_MOST]; /* [group_count] */
} label_values;

/* Reads a generate.json (docs/training.md). Errors: UL_ERROR_INPUT names the file, the value and
 * the key; UL_ERROR_LIMIT. *values: the caller's, free. */
ul_status label_values_read(const char *path, label_values **values, ul_error *error);

/* Replaces the values of label maps by classes. Errors: UL_ERROR_INPUT (a value without an item).
 */
ul_status label_values_apply(const label_values *values, ul_labels *labels, ul_error *error);

/* Fails: a label map holds a value that the file does not name. */
ul_status label_values_unnamed(unsigned value, ul_error *error);

/* That mirrored values belong to mirrored classes. Errors: UL_ERROR_INPUT. */
ul_status label_values_check(
    const label_values *values, const ul_segments *classes, ul_error *error);
