#include "apps/base/segments_given.h"

#include "apps/base/ending.h"
#include "jobs/base/paths.h"
#include "ulite/card.h"
#include "ulite/model.h"

ul_status segments_given_read(const char *given, ul_segments *segments, ul_error *error) {
    if (ends_in(given, ".json"))
        return ul_segments_read(given, segments, error);
    char path[MODEL_PATH_BYTES];
    ul_model *model = NULL;
    ul_card card = {0};
    ul_status status = model_path_find(given, path, error);
    if (status == UL_OK)
        status = ul_model_open(path, &model, error);
    if (status == UL_OK)
        status = ul_card_read(model, &card, error);
    if (status == UL_OK)
        status = ul_segments_copy(&card.classes, segments, error);
    ul_card_free(&card);
    ul_model_close(model);
    return status;
}
