/* Bodies of the types multipart/form-data (RFC 7578), as browsers and scripts send them, and
 * multipart/related (RFC 2387), as DICOMweb servers do. */
#pragma once

#include "ulite/error.h"

#define MULTIPART_NAME_BYTES 256

/* A field of a form, or a file. Only parts of forms must have names. */
typedef struct form_part {
    char name[MULTIPART_NAME_BYTES];
    char filename[MULTIPART_NAME_BYTES]; /* as the client says, its folders as well; empty: none */
    const char *data;                    /* within the body */
    size_t size;
} form_part;

/* Splits a body (NULL where it is empty). type: the header Content-Type. *parts: [*count],
 * malloc'd, the caller's; NULL on failure. Errors: UL_ERROR_INPUT (another type, no boundary, a
 * broken part, a name that is too long), UL_ERROR_LIMIT (more than most parts, memory). */
ul_status multipart_parse(const char *type, const char *body, size_t size, size_t most,
    form_part **parts, size_t *count, ul_error *error);

/* The first part of that name; NULL: none. */
const form_part *multipart_find(const form_part *parts, size_t count, const char *name);
