/* The fields of an NRRD header, and what they come to. Private to io/nrrd. */
#pragma once

#include "io/nrrd/header.h"

enum { NRRD_AXES = 4 };

/* The values as texts, which the header's text holds; NULL where there is none. */
typedef struct nrrd_fields {
    const char *type, *dimension, *sizes, *encoding, *endian, *space, *space_dimension, *directions,
        *origin, *spacings, *units, *kinds, *data_file, *line_skip, *byte_skip;
} nrrd_fields;

/* Takes a field; those that say nothing of samples and places are passed over. Errors:
 * UL_ERROR_INPUT (twice). */
ul_status nrrd_fields_take(
    nrrd_fields *fields, const char *name, const char *value, ul_error *error);

/* Fills the header's numbers in. Errors: UL_ERROR_INPUT, UL_ERROR_UNSUPPORTED. */
ul_status nrrd_fields_settle(
    const nrrd_fields *fields, nrrd_header *header, char **notes, ul_error *error);
