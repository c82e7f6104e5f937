#include "jobs/serve/store.h"

#include "jobs/base/folders.h"
#include "jobs/base/image_file.h"
#include "jobs/base/paths.h"
#include "libulite/base/output.h"

#include <cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A data set holds no image without labels, so one waits for them elsewhere. */
static const char *const WAITING = "unlabelled", *const IMAGES = "images", *const LABELS = "labels";

enum { MOST_NAMES = 65535 };

static char *path_in(const char *folder, const char *below, const char *id) {
    char *inner = files_join(folder, below), *name = files_append(id, ".nii.gz");
    char *path = inner && name ? files_join(inner, name) : NULL;
    free(inner);
    free(name);
    return path;
}

ul_status store_open(const char *folder, ul_error *error) {
    const char *const below[] = {"", WAITING, IMAGES, LABELS};
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        char *path = files_join(folder, below[i]);
        bool made = path && (mkdir(path, 0700) == 0 || errno == EEXIST) && files_is_folder(path);
        free(path);
        if (!made)
            return ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be made a folder of images: %s",
                folder, strerror(errno));
    }
    return UL_OK;
}

bool store_id(const char *name, char id[STORE_ID_BYTES]) {
    size_t length = files_stem(name), used = 0;
    length = length > 0 ? length : strlen(name);
    for (size_t i = 0; i < length && used + 1 < STORE_ID_BYTES; i++) {
        unsigned char c = (unsigned char)name[i];
        bool safe = c < 128 && (isalnum(c) || c == '-' || c == '.');
        if (safe && !(c == '.' && used == 0))
            id[used++] = (char)c;
        else if (used > 0 && id[used - 1] != '_')
            id[used++] = '_';
    }
    id[used] = '\0';
    return used > 0;
}

char *store_image(const char *folder, const char *id) {
    char *path = path_in(folder, IMAGES, id);
    if (!path || files_exists(path))
        return path;
    free(path);
    return path_in(folder, WAITING, id);
}

char *store_label(const char *folder, const char *id) {
    return path_in(folder, LABELS, id);
}

static ul_status fail_copy(const char *path, int from, int to, ul_error *error) {
    int why = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return ul_error_set(error, UL_ERROR_OUTPUT, "%s: cannot be kept: %s", path, strerror(why));
}

static ul_status copy_bytes(const char *source, const char *path, ul_error *error) {
    char chunk[4096];
    int from = open(source, O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CLOEXEC);
    if (from < 0 || to < 0)
        return fail_copy(path, from, to, error);
    for (ssize_t got; (got = read(from, chunk, sizeof chunk)) != 0;)
        if (got < 0 || !files_write_all(to, chunk, (size_t)got))
            return fail_copy(path, from, to, error);
    close(from);
    if (close(to) != 0)
        return fail_copy(path, -1, -1, error);
    return UL_OK;
}

/* A NIfTI file as it is, another image as one. */
static ul_status put_image(
    const store_item *item, const ul_volume *volume, const char *path, ul_error *error) {
    if (image_file_kind(item->image) == IMAGE_NIFTI)
        return copy_bytes(item->image, path, error);
    return ul_nifti_write(path, volume, NULL, 1, NULL, error);
}

static ul_status keep_image(const char *folder, const store_item *item, ul_error *error) {
    ul_volume volume = {0};
    ul_output output = {0};
    char *path = store_image(folder, item->id);
    if (!path)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a path");
    ul_status status = image_file_read(item->image, 0, &volume, NULL, NULL, error);
    if (status == UL_OK)
        status = ul_output_begin(path, &output, error);
    if (status == UL_OK)
        status = put_image(item, &volume, output.temporary, error);
    if (status == UL_OK)
        status = ul_output_commit(&output, error);
    ul_volume_free(&volume);
    ul_output_abandon(&output);
    free(path);
    return status;
}

/* {"background": 0, name: value, ...} of the names that a client gives; NULL: none, or wrong ones.
 */
static cJSON *classes_of(const char *names) {
    cJSON *list = cJSON_ParseWithOpts(names, NULL, true), *classes = cJSON_CreateObject(), *item;
    cJSON_AddNumberToObject(classes, "background", 0);
    bool good = cJSON_IsArray(list) && cJSON_GetArraySize(list) > 0;
    cJSON_ArrayForEach(item, list) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, "idx");
        good = good && name && *name && cJSON_IsNumber(value) && value->valueint > 0 &&
               value->valueint < MOST_NAMES && !cJSON_HasObjectItem(classes, name);
        if (good)
            cJSON_AddNumberToObject(classes, name, value->valueint);
    }
    cJSON_Delete(list);
    if (good)
        return classes;
    cJSON_Delete(classes);
    return NULL;
}

/* The names of the first labels that have names are those of the data set. */
static ul_status keep_names(const char *folder, const char *names, ul_error *error) {
    char *path = files_join(folder, "dataset.json"), *text = NULL;
    cJSON *classes = names && path && !files_exists(path) ? classes_of(names) : NULL;
    ul_status status = UL_OK;
    if (classes) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddItemToObject(json, "labels", classes);
        text = cJSON_Print(json);
        cJSON_Delete(json);
        status = text ? ul_output_write(path, text, strlen(text), error)
                      : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the names");
    }
    free(text);
    free(path);
    return status;
}

/* The labels as they lie on their image, with its header. */
static ul_status read_aligned(const char *label, const char *image, ul_labels *aligned,
    ul_nifti_header **header, ul_error *error) {
    ul_volume volume;
    ul_labels labels = {0};
    *aligned = (ul_labels){0};
    *header = NULL;
    ul_status status = ul_nifti_read(image, 0, &volume, header, NULL, error);
    if (status != UL_OK)
        return status;
    status = image_file_read_labels(label, &labels, NULL, error);
    if (status == UL_OK)
        status = ul_labels_align(&labels, &volume.grid, aligned, error);
    ul_labels_free(&labels);
    ul_volume_free(&volume);
    if (status != UL_OK) {
        ul_nifti_header_free(*header);
        *header = NULL;
    }
    return status;
}

static ul_status place_image(
    const char *folder, const char *image, const char *id, ul_error *error) {
    char *path = path_in(folder, IMAGES, id);
    bool placed = path && (strcmp(path, image) == 0 || rename(image, path) == 0);
    int why = errno;
    free(path);
    return placed ? UL_OK
                  : ul_error_set(error, UL_ERROR_OUTPUT, "%s: its image cannot be kept: %s", id,
                        strerror(why));
}

static ul_status keep_label(const char *folder, const store_item *item, ul_error *error) {
    ul_labels labels = {0};
    ul_nifti_header *header = NULL;
    char *image = store_image(folder, item->id), *path = store_label(folder, item->id);
    ul_status status = UL_OK;
    if (!image || !path)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for paths");
    else if (!files_exists(image))
        status = ul_error_set(error, UL_ERROR_INPUT, "no image of this name is kept: upload it");
    if (status == UL_OK)
        status = read_aligned(item->label, image, &labels, &header, error);
    if (status == UL_OK)
        status = ul_nifti_write_labels(path, &labels, header, 1, NULL, error);
    if (status == UL_OK)
        status = place_image(folder, image, item->id, error);
    if (status == UL_OK)
        status = keep_names(folder, item->names, error);
    ul_nifti_header_free(header);
    ul_labels_free(&labels);
    free(image);
    free(path);
    return status;
}

ul_status store_keep(const char *folder, const store_item *item, ul_error *error) {
    return item->image ? keep_image(folder, item, error) : keep_label(folder, item, error);
}

static ul_status count_in(const char *folder, const char *below, size_t *count, ul_error *error) {
    char *path = files_join(folder, below);
    name_list list = {0};
    ul_status status = path ? files_list(path, &list, error)
                            : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a path");
    for (size_t i = 0; status == UL_OK && i < list.count; i++)
        *count += !ul_output_is_temporary(list.names[i]);
    files_free(&list);
    free(path);
    return status;
}

ul_status store_count(const char *folder, size_t *images, size_t *labelled, ul_error *error) {
    *images = *labelled = 0;
    ul_status status = count_in(folder, LABELS, labelled, error);
    if (status == UL_OK)
        status = count_in(folder, WAITING, images, error);
    *images += *labelled;
    return status;
}
