/* A data set that grows: images, and the labels that people have corrected, as `ulite train` takes
 * them. */
#pragma once

#include "ulite/error.h"

enum { STORE_ID_BYTES = 65 };

/* Makes the folders images/ and labels/ in a folder, which is made. Errors: UL_ERROR_OUTPUT. */
ul_status store_open(const char *folder, ul_error *error);

/* The name under which an image is kept: that which a client gives, without the ending of an image,
 * and with _ for what is unsafe in a name. False: nothing of it is safe. */
bool store_id(const char *name, char id[STORE_ID_BYTES]);

/* The path of an image or of its labels, the caller's; NULL: memory ran out. */
char *store_image(const char *folder, const char *id);
char *store_label(const char *folder, const char *id);

/* What is to be kept: paths of NIfTI or NRRD files, one of them NULL. */
typedef struct store_item {
    const char *id; /* of store_id */
    const char *image;
    const char *label; /* of the image that is kept under this id */
    const char
        *names; /* of label values: a JSON array of {"name": text, "idx": number}; NULL: none */
} store_item;

/* Reads the files whole, and keeps them: an image as it is, or as NIfTI, labels where they lie on
 * the grid of their image, in place of older ones. names become the store's dataset.json, which
 * names the classes. Errors: UL_ERROR_INPUT, UL_ERROR_GEOMETRY, UL_ERROR_OUTPUT, UL_ERROR_LIMIT. */
ul_status store_keep(const char *folder, const store_item *item, ul_error *error);

/* How many images there are, and how many of them have labels. */
ul_status store_count(const char *folder, size_t *images, size_t *labelled, ul_error *error);
