#include "ulite/train.h"

#include "io/base/json.h"
#include "io/base/utf8.h"
#include "jobs/base/paths.h"
#include "jobs/generate/label_values.h"
#include "jobs/train/random.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ul_split_name(ul_split split) {
    static const char *const names[UL_SPLITS] = {"train", "val", "test"};
    return names[split];
}

void ul_dataset_free(ul_dataset *dataset) {
    for (size_t i = 0; i < dataset->count; i++) {
        free(dataset->cases[i].name);
        free(dataset->cases[i].image);
        free(dataset->cases[i].label);
    }
    free(dataset->cases);
    free(dataset->folder);
    free(dataset->values);
    ul_segments_free(&dataset->classes);
    memset(dataset, 0, sizeof *dataset);
}

static ul_status no_memory(const char *folder, ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", folder);
}

/* The first of the names that is a folder in parent, *found, the caller's; NULL where none is. */
static ul_status first_folder(
    const char *parent, const char *const *names, char **found, ul_error *error) {
    for (*found = NULL; *names; names++) {
        char *path = files_join(parent, *names);
        if (!path)
            return no_memory(parent, error);
        if (files_is_folder(path)) {
            *found = path;
            return UL_OK;
        }
        free(path);
    }
    return UL_OK;
}

/* The label of an image in the labels folder, *found, the caller's; NULL where there is none. */
static ul_status find_label(const char *labels, const char *name, char **found, ul_error *error) {
    static const char *const endings[] = {".nii.gz", ".nii", ".hdr", ".hdr.gz", ".seg.nrrd",
        ".nrrd", ".png", ".seg.dcm", ".dcm", "", NULL};
    *found = NULL;
    for (size_t i = 0; endings[i]; i++) {
        char *file = files_append(name, endings[i]);
        char *path = file ? files_join(labels, file) : NULL;
        free(file);
        if (!path)
            return no_memory(labels, error);
        if (files_exists(path)) {
            *found = path;
            return UL_OK;
        }
        free(path);
    }
    return UL_OK;
}

/* nnU-Net writes the channel behind the name: case_0000.nii.gz has the label case.nii.gz. */
static void drop_channel_suffix(char *name) {
    size_t length = strlen(name);
    if (length > 5 && strcmp(name + length - 5, "_0000") == 0)
        name[length - 5] = '\0';
}

static ul_status add_case(ul_dataset *dataset, const char *images, const char *labels,
    const char *file, ul_error *error) {
    char *image = files_join(images, file);
    size_t stem = files_stem(file);
    if (!image)
        return no_memory(images, error);
    if ((stem == 0 || files_is_pixels(file)) && !files_is_folder(image)) {
        free(image); /* a text file, the .img of a .hdr, ... */
        return UL_OK;
    }
    ul_dataset_case *c = &dataset->cases[dataset->count];
    *c = (ul_dataset_case){.name = strndup(file, stem ? stem : strlen(file)), .image = image};
    dataset->count++;
    if (!c->name)
        return no_memory(images, error);
    ul_status status = find_label(labels, c->name, &c->label, error);
    if (status == UL_OK && !c->label) {
        drop_channel_suffix(c->name);
        status = find_label(labels, c->name, &c->label, error);
    }
    if (status == UL_OK && !c->label)
        status = ul_error_set(error, UL_ERROR_INPUT,
            "%s: the image has no label %s.nii.gz, .seg.nrrd, .nrrd, .png or .dcm in %s: add it or "
            "remove the image",
            image, c->name, labels);
    return status;
}

static int compare_cases(const void *a, const void *b) {
    return strcmp(((const ul_dataset_case *)a)->name, ((const ul_dataset_case *)b)->name);
}

/* The image that belongs to a label of a data set that draws its images, where there is one. */
static ul_status add_label_case(ul_dataset *dataset, const char *images, const char *labels,
    const char *file, ul_error *error) {
    size_t stem = files_stem(file);
    if (stem == 0 || files_is_pixels(file))
        return UL_OK;
    ul_dataset_case *c = &dataset->cases[dataset->count];
    *c = (ul_dataset_case){.name = strndup(file, stem), .label = files_join(labels, file)};
    dataset->count++;
    if (!c->name || !c->label)
        return no_memory(labels, error);
    return images ? find_label(images, c->name, &c->image, error) : UL_OK;
}

/* A folder's entries as cases. */
static ul_status add_cases(
    ul_dataset *dataset, const char *images, const char *labels, ul_error *error) {
    const char *listed = dataset->values ? labels : images;
    name_list list = {0};
    ul_status status = files_list(listed, &list, error);
    if (status == UL_OK) {
        dataset->cases = calloc(list.count + 1, sizeof *dataset->cases);
        if (!dataset->cases)
            status = no_memory(listed, error);
    }
    for (size_t i = 0; status == UL_OK && i < list.count; i++)
        status = dataset->values ? add_label_case(dataset, images, labels, list.names[i], error)
                                 : add_case(dataset, images, labels, list.names[i], error);
    if (status == UL_OK && dataset->count == 0)
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: holds no %s (NIfTI, NRRD%s)", listed,
            dataset->values ? "label map" : "image",
            dataset->values ? ", PNG or SEG" : ", PNG, or folders with a DICOM series");
    files_free(&list);
    return status;
}

static ul_status list_cases(ul_dataset *dataset, ul_error *error) {
    static const char *const image_names[] = {"images", "imagesTr", NULL};
    static const char *const label_names[] = {"labels", "labelsTr", "masks", NULL};
    char *images = NULL, *labels = NULL;
    ul_status status = first_folder(dataset->folder, image_names, &images, error);
    if (status == UL_OK)
        status = first_folder(dataset->folder, label_names, &labels, error);
    if (status == UL_OK && ((!images && !dataset->values) || !labels))
        status = ul_error_set(error, UL_ERROR_INPUT,
            "%s: holds no folder %s: a data set has images/ (or imagesTr/) and labels/ (or "
            "labelsTr/, masks/); without images, labels and a generate.json",
            dataset->folder, images || dataset->values ? "labels" : "images");
    if (status == UL_OK)
        status = add_cases(dataset, images, labels, error);
    if (status == UL_OK)
        qsort(dataset->cases, dataset->count, sizeof *dataset->cases, compare_cases);
    for (size_t i = 1; status == UL_OK && i < dataset->count; i++)
        if (compare_cases(&dataset->cases[i - 1], &dataset->cases[i]) == 0)
            status = ul_error_set(error, UL_ERROR_INPUT, "%s and %s: two %s of one name",
                dataset->values ? dataset->cases[i - 1].label : dataset->cases[i - 1].image,
                dataset->values ? dataset->cases[i].label : dataset->cases[i].image,
                dataset->values ? "label maps" : "images");
    free(images);
    free(labels);
    return status;
}

/* What images are drawn by, where the folder says so. */
static ul_status read_values(ul_dataset *dataset, ul_error *error) {
    char *path = files_join(dataset->folder, "generate.json");
    if (!path)
        return no_memory(dataset->folder, error);
    ul_status status =
        files_exists(path) ? label_values_read(path, &dataset->values, error) : UL_OK;
    free(path);
    return status;
}

/* The beginning of a text. */
typedef struct text_part {
    const char *text;
    size_t length;
} text_part;

static int compare_to_case(const void *key, const void *item) {
    const text_part *part = key;
    const char *name = ((const ul_dataset_case *)item)->name;
    int order = strncmp(part->text, name, part->length);
    return order ? order : -(name[part->length] != '\0');
}

static ul_dataset_case *find_case(ul_dataset *dataset, const char *name) {
    size_t stem = files_stem(name);
    const text_part key = {name, stem ? stem : strlen(name)};
    return bsearch(&key, dataset->cases, dataset->count, sizeof *dataset->cases, compare_to_case);
}

#define UNLISTED UL_SPLITS

/* The case that an entry of a list names. */
static ul_status take_case(ul_dataset *dataset, const char *list, const cJSON *entry,
    ul_dataset_case **found, ul_error *error) {
    const cJSON *text = cJSON_IsObject(entry) ? cJSON_GetObjectItem(entry, "name") : entry;
    if (!cJSON_IsString(text))
        return ul_error_set(error, UL_ERROR_INPUT, "\"%s\" holds something but names", list);
    *found = find_case(dataset, text->valuestring);
    if (!*found)
        return ul_error_set(error, UL_ERROR_INPUT, "\"%s\" names %s, which has no %s in %s", list,
            text->valuestring, dataset->values ? "label map" : "image", dataset->folder);
    return UL_OK;
}

static ul_status apply_split(
    ul_dataset *dataset, const cJSON *names, ul_split split, ul_error *error) {
    const cJSON *entry;
    cJSON_ArrayForEach(entry, names) {
        ul_dataset_case *c;
        ul_status status = take_case(dataset, ul_split_name(split), entry, &c, error);
        if (status != UL_OK)
            return status;
        if (c->split != UNLISTED)
            return ul_error_set(error, UL_ERROR_INPUT, "%s is in \"%s\" and in \"%s\"", c->name,
                ul_split_name(c->split), ul_split_name(split));
        c->split = split;
    }
    return UL_OK;
}

/* Validation cases become training cases. */
static void pool_cases(ul_dataset *dataset) {
    for (size_t i = 0; i < dataset->count; i++)
        if (dataset->cases[i].split == UL_SPLIT_VAL)
            dataset->cases[i].split = UL_SPLIT_TRAIN;
}

/* A list of cases that belong together, number from 1. */
static ul_status apply_group(
    ul_dataset *dataset, const cJSON *names, size_t number, ul_error *error) {
    const ul_dataset_case *first = NULL;
    const cJSON *entry;
    if (!cJSON_IsArray(names))
        return ul_error_set(error, UL_ERROR_INPUT, "\"groups\" must hold lists of names of cases");
    cJSON_ArrayForEach(entry, names) {
        ul_dataset_case *c;
        ul_status status = take_case(dataset, "groups", entry, &c, error);
        if (status != UL_OK)
            return status;
        if (c->group)
            return ul_error_set(error, UL_ERROR_INPUT, "%s stands twice in \"groups\"", c->name);
        c->group = number;
        if (c->split == UNLISTED)
            continue;
        if (first && first->split != c->split)
            return ul_error_set(error, UL_ERROR_INPUT,
                "%s (%s) and %s (%s) are of one group: put them into one split", first->name,
                ul_split_name(first->split), c->name, ul_split_name(c->split));
        first = c;
    }
    return UL_OK;
}

static ul_status apply_groups(ul_dataset *dataset, const cJSON *groups, ul_error *error) {
    const cJSON *names;
    size_t number = 0;
    ul_status status = UL_OK;
    if (groups && !cJSON_IsArray(groups))
        return ul_error_set(error, UL_ERROR_INPUT, "\"groups\" must hold lists of names of cases");
    cJSON_ArrayForEach(names, groups) {
        if (status == UL_OK)
            status = apply_group(dataset, names, ++number, error);
    }
    return status;
}

static void leave_out_unlisted(ul_dataset *dataset) {
    size_t kept = 0;
    for (size_t i = 0; i < dataset->count; i++) {
        ul_dataset_case *c = &dataset->cases[i];
        if (c->split == UNLISTED) {
            free(c->name);
            free(c->image);
            free(c->label);
        } else {
            dataset->cases[kept++] = *c;
        }
    }
    dataset->unlisted = dataset->count - kept;
    dataset->count = kept;
}

static ul_status split_by_file(ul_dataset *dataset, const char *path, bool pool, ul_error *error) {
    cJSON *json;
    ul_status status = ul_json_read(path, &json, error);
    if (status != UL_OK)
        return status;
    if (!cJSON_IsObject(json))
        status = ul_error_set(error, UL_ERROR_INPUT,
            "is not JSON of the form {\"train\": [names], \"val\": [...], \"test\": [...]}");
    if (status == UL_OK)
        status = ul_json_version(json, UL_ERROR_INPUT, error);
    for (size_t i = 0; i < dataset->count; i++)
        dataset->cases[i].split = UNLISTED;
    for (ul_split split = 0; status == UL_OK && split < UL_SPLITS; split++)
        status =
            apply_split(dataset, cJSON_GetObjectItem(json, ul_split_name(split)), split, error);
    if (pool)
        pool_cases(dataset);
    if (status == UL_OK)
        status = apply_groups(dataset, cJSON_GetObjectItem(json, "groups"), error);
    cJSON_Delete(json);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    leave_out_unlisted(dataset);
    return status;
}

typedef struct ranked_case {
    uint64_t hash;
    ul_dataset_case *item;
} ranked_case;

static int compare_hashes(const void *a, const void *b) {
    uint64_t x = ((const ranked_case *)a)->hash, y = ((const ranked_case *)b)->hash;
    return (x > y) - (x < y);
}

/* The same cases fall into the same split on every machine, whatever their order. */
static ul_status split_by_hash(ul_dataset *dataset, uint64_t seed, bool pool, ul_error *error) {
    if (dataset->count < 3)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: %zu case%s cannot be split into train, val and test: give at least 3, or a "
            "splits.json",
            dataset->folder, dataset->count, dataset->count == 1 ? "" : "s");
    ranked_case *order = malloc(dataset->count * sizeof *order);
    if (!order)
        return no_memory(dataset->folder, error);
    for (size_t i = 0; i < dataset->count; i++)
        order[i] = (ranked_case){random_of_name(seed, dataset->cases[i].name), &dataset->cases[i]};
    qsort(order, dataset->count, sizeof *order, compare_hashes);
    size_t held = dataset->count < 20 ? 1 : dataset->count / 10;
    for (size_t i = 0; i < dataset->count; i++)
        order[i].item->split = i < held       ? UL_SPLIT_VAL
                               : i < 2 * held ? UL_SPLIT_TEST
                                              : UL_SPLIT_TRAIN;
    free(order);
    if (pool)
        pool_cases(dataset);
    dataset->split_by_hash = true;
    return UL_OK;
}

static ul_status split_cases(
    ul_dataset *dataset, const char *splits_path, uint64_t seed, bool pool, ul_error *error) {
    char *own = files_join(dataset->folder, "splits.json");
    if (!own)
        return no_memory(dataset->folder, error);
    const char *path = splits_path ? splits_path : files_exists(own) ? own : NULL;
    ul_status status = path ? split_by_file(dataset, path, pool, error)
                            : split_by_hash(dataset, seed, pool, error);
    for (size_t i = 0; status == UL_OK && i < dataset->count; i++)
        dataset->in_split[dataset->cases[i].split]++;
    const ul_split last = pool ? UL_SPLIT_TRAIN : UL_SPLIT_VAL; /* that must have cases */
    for (ul_split split = UL_SPLIT_TRAIN; status == UL_OK && split <= last; split++)
        if (dataset->in_split[split] == 0)
            status = ul_error_set(error, UL_ERROR_INPUT,
                "%s: the split \"%s\" is empty: name at least one case", path,
                ul_split_name(split));
    free(own);
    return status;
}

#define LABEL_VALUES "a whole number from 0 to 65535"

static bool parse_number(const char *text, unsigned *number) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits])
        return false;
    *number = (unsigned)strtoul(text, NULL, 10);
    return *number <= UINT16_MAX;
}

/* A label and its name, in either of the two forms of dataset.json: {"1": "liver"} (Decathlon) or
 * {"liver": 1} (nnU-Net). nnU-Net's regions, lists of labels, name none. */
static ul_status add_class(ul_segments *classes, const cJSON *entry, ul_error *error) {
    unsigned number = 0;
    const char *name = entry->string;
    if (cJSON_IsString(entry)) {
        name = entry->valuestring;
        if (!parse_number(entry->string, &number))
            return ul_error_set(error, UL_ERROR_INPUT,
                "\"labels\": the key \"%s\" of \"%s\" must be " LABEL_VALUES, entry->string, name);
    } else if (cJSON_IsNumber(entry)) {
        double value = entry->valuedouble;
        if (!(value >= 0.0 && value <= UINT16_MAX) || value != (double)(unsigned)value)
            return ul_json_wrong(entry, name, LABEL_VALUES, UL_ERROR_INPUT, error);
        number = (unsigned)value;
    }
    if (number == 0)
        return UL_OK;
    ul_segment *items = realloc(classes->items, (classes->count + 1) * sizeof *items);
    if (!items)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the classes");
    classes->items = items;
    items[classes->count] = (ul_segment){.number = number};
    ul_utf8_clip(items[classes->count].label, sizeof items->label, 64, name); /* as DICOM takes */
    classes->count++;
    return UL_OK;
}

static ul_status add_classes(ul_segments *classes, const cJSON *labels, ul_error *error) {
    const cJSON *entry;
    if (labels && !cJSON_IsObject(labels))
        return ul_json_wrong(labels, "labels", "an object, {\"1\": \"liver\"} or {\"liver\": 1}",
            UL_ERROR_INPUT, error);
    cJSON_ArrayForEach(entry, labels) {
        ul_status status = classes->count < 255 ? add_class(classes, entry, error) : UL_OK;
        if (status != UL_OK)
            return status;
    }
    return UL_OK;
}

static ul_status read_dataset_json(ul_dataset *dataset, const char *path, ul_error *error) {
    cJSON *json;
    ul_status status = ul_json_read(path, &json, error);
    if (status != UL_OK)
        return status;
    status = cJSON_IsObject(json)
                 ? add_classes(&dataset->classes, cJSON_GetObjectItem(json, "labels"), error)
                 : ul_error_set(error, UL_ERROR_INPUT, "is not a JSON object");
    const cJSON *modality = cJSON_GetObjectItem(json, "modality");
    if (!modality)
        modality = cJSON_GetObjectItem(json, "channel_names");
    const cJSON *first = cJSON_GetObjectItem(modality, "0");
    if (cJSON_IsString(first)) {
        const char *name = first->valuestring;
        bool mr = strncmp(name, "MR", 2) == 0 || strncmp(name, "T1", 2) == 0 ||
                  strncmp(name, "T2", 2) == 0;
        if (mr || strcmp(name, "CT") == 0)
            snprintf(dataset->modality, sizeof dataset->modality, "%s", mr ? "MR" : "CT");
    }
    cJSON_Delete(json);
    if (status != UL_OK)
        ul_error_prefix(error, "%s", path);
    return status;
}

/* What the label values mean, where the folder says so. */
static ul_status read_classes(ul_dataset *dataset, ul_error *error) {
    char *segments = files_join(dataset->folder, "segments.json");
    char *decathlon = files_join(dataset->folder, "dataset.json");
    ul_status status = UL_OK;
    if (!segments || !decathlon)
        status = no_memory(dataset->folder, error);
    else if (files_exists(decathlon))
        status = read_dataset_json(dataset, decathlon, error);
    if (status == UL_OK && files_exists(segments)) {
        ul_segments_free(&dataset->classes);
        status = ul_segments_read(segments, &dataset->classes, error);
    }
    free(segments);
    free(decathlon);
    return status;
}

ul_status ul_dataset_open(const char *folder, const char *splits_path, uint64_t seed, bool pool,
    bool whole_paths, ul_dataset *dataset, ul_error *error) {
    *dataset = (ul_dataset){.folder = strdup(folder), .whole_paths = whole_paths};
    ul_status status = UL_OK;
    if (!dataset->folder)
        status = no_memory(folder, error);
    else if (!files_is_folder(folder))
        status = ul_error_set(error, UL_ERROR_INPUT, "%s: is not a folder", folder);
    if (status == UL_OK)
        status = read_values(dataset, error);
    if (status == UL_OK)
        status = list_cases(dataset, error);
    if (status == UL_OK)
        status = split_cases(dataset, splits_path, seed, pool, error);
    if (status == UL_OK)
        status = read_classes(dataset, error);
    if (status != UL_OK)
        ul_dataset_free(dataset);
    return status;
}
