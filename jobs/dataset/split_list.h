/* The split list beside a model: which images it saw, by their digests. */
#pragma once

#include "ulite/train.h"

/* *json, the caller's: {"train": [{"name", "sha256"}], "val": [...], "test": [...]} of the images.
 * digest: of all images and labels and of how they are split. Errors: UL_ERROR_INPUT (also
 * one image in two splits), UL_ERROR_INTERRUPTED. */
ul_status split_describe(const ul_dataset *dataset, const ul_progress *progress, char **json,
    char digest[65], ul_error *error);
