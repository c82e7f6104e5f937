#include "jobs/dataset/split_list.h"

#include "io/base/sha256.h"
#include "jobs/generate/label_values.h"

#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

static ul_status out_of_memory(ul_error *error) {
    return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the split");
}

/* An image that stands in two splits under two names would be learnt and then tested on. */
static ul_status check_apart(
    cJSON *const lists[UL_SPLITS], const ul_dataset_case *c, const char *digest, ul_error *error) {
    for (ul_split split = 0; split < UL_SPLITS; split++) {
        const cJSON *item;
        if (split == c->split)
            continue;
        cJSON_ArrayForEach(item, lists[split]) {
            if (strcmp(cJSON_GetObjectItem(item, "sha256")->valuestring, digest) == 0)
                return ul_error_set(error, UL_ERROR_INPUT,
                    "case %s (%s) and case %s (%s) are the same image: leave one out", c->name,
                    ul_split_name(c->split), cJSON_GetObjectItem(item, "name")->valuestring,
                    ul_split_name(split));
        }
    }
    return UL_OK;
}

static ul_status add_case(const ul_dataset *dataset, size_t index, cJSON *const lists[UL_SPLITS],
    ul_sha256 *sha, ul_error *error) {
    const ul_dataset_case *c = &dataset->cases[index];
    char image[65], label[65];
    ul_status status = ul_dataset_digest(c->image ? c->image : c->label, image, error);
    if (status == UL_OK)
        status = ul_dataset_digest(c->label, label, error);
    if (status != UL_OK) {
        ul_error_prefix(error, "case %s", c->name);
        return status;
    }
    status = check_apart(lists, c, image, error);
    if (status != UL_OK)
        return status;
    cJSON *item = cJSON_CreateObject();
    bool added = cJSON_AddStringToObject(item, "name", c->name) &&
                 cJSON_AddStringToObject(item, "sha256", image) &&
                 cJSON_AddItemToArray(lists[c->split], item);
    if (!added) {
        cJSON_Delete(item);
        return out_of_memory(error);
    }
    ul_sha256_update(sha, ul_split_name(c->split), strlen(ul_split_name(c->split)));
    ul_sha256_update(sha, image, 64);
    ul_sha256_update(sha, label, 64);
    return UL_OK;
}

ul_status split_describe(const ul_dataset *dataset, const ul_progress *progress, char **json,
    char digest[65], ul_error *error) {
    cJSON *object = cJSON_CreateObject(), *lists[UL_SPLITS];
    ul_status status = cJSON_AddNumberToObject(object, "version", 1) ? UL_OK : out_of_memory(error);
    for (ul_split split = 0; split < UL_SPLITS; split++) {
        lists[split] = cJSON_AddArrayToObject(object, ul_split_name(split));
        if (!lists[split])
            status = out_of_memory(error);
    }
    ul_sha256 sha;
    uint8_t bytes[32];
    ul_sha256_init(&sha);
    if (dataset->values)
        ul_sha256_update(&sha, dataset->values->digest, 64);
    for (size_t i = 0; status == UL_OK && i < dataset->count; i++) {
        status = add_case(dataset, i, lists, &sha, error);
        if (status == UL_OK && !ul_progress_report(progress, "hashing", i + 1, dataset->count))
            status = ul_error_set(error, UL_ERROR_INTERRUPTED, "interrupted");
    }
    ul_sha256_final(&sha, bytes);
    ul_sha256_hex(bytes, digest);
    *json = status == UL_OK ? cJSON_Print(object) : NULL;
    cJSON_Delete(object);
    return status == UL_OK && !*json ? out_of_memory(error) : status;
}
