/* MODEL on the command line: a file, or the name of a bundled model. */
#pragma once

#include "ulite/error.h"

#define MODEL_PATH_BYTES 4096

/* Writes the path of a model given as a file or as the name of a bundled model, which is looked for
 * as NAME.safetensors in the folders of ULITE_MODELS (colon-separated), in share/ulite/models of
 * the program's install prefix, and in the models/ of the source tree that it was built in. Errors:
 * UL_ERROR_INPUT lists the names that there are. */
ul_status model_path_find(const char *model, char path[MODEL_PATH_BYTES], ul_error *error);

/* The path of the model of that name beside the one in `path`, in its folder or as the folder
 * beside it, else of the bundled one. Errors: likewise. */
ul_status model_path_find_beside(
    const char *path, const char *name, char found[MODEL_PATH_BYTES], ul_error *error);

/* Calls visit with every bundled model, sorted by name, each name once. */
typedef void model_path_visit(void *context, const char *name, const char *path);
void model_path_each(model_path_visit *visit, void *context);
