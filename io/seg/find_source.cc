/* Which volume of the source a SEG was made from. */
#include "io/dicom/shim.h"
#include "io/seg/layout.h"

#include <algorithm>

/* Whether the frames lie on the slices of the volume, as far as frames of reference tell. */
static bool lies_on(const SegObject &object, const ul_series *series) {
    std::string reference = ul_series_get_info(series)->frame_of_reference_uid;
    if (!reference.empty() && !object.frame_of_reference_uid.empty() &&
        reference != object.frame_of_reference_uid)
        return false;
    try {
        SegLayout layout;
        seg_layout_source(object, series, layout, nullptr);
        return true;
    } catch (const Failure &) {
        return false;
    }
}

const ul_series *seg_choose_volume(
    const SegObject &object, const std::vector<const ul_series *> &volumes) {
    size_t most = 0;
    std::vector<const ul_series *> named;
    for (const ul_series *series : volumes) {
        size_t count = seg_count_named(object, series);
        if (count > most)
            named.clear();
        most = std::max(most, count);
        if (count == most)
            named.push_back(series);
    }
    if (most > 0 && named.size() == 1)
        return named[0];
    std::vector<const ul_series *> lying;
    for (const ul_series *series : named)
        if (lies_on(object, series))
            lying.push_back(series);
    if (most > 0) /* of volumes at one place either will do */
        return lying.empty() ? named[0] : lying[0];
    return lying.size() == 1 ? lying[0] : nullptr;
}

ul_status ul_seg_find_source(
    const char *path, const ul_catalog *catalog, const ul_series **series, ul_error *error) {
    *series = nullptr;
    return shim_guard(path, error, [&] {
        SegObject object = seg_object_open(path, false);
        std::vector<const ul_series *> all;
        for (size_t i = 0; i < ul_catalog_size(catalog); i++)
            all.push_back(ul_catalog_at(catalog, i));
        *series = all.size() == 1 ? all[0] : seg_choose_volume(object, all);
        if (!*series)
            throw Failure(UL_ERROR_CHOICE,
                "its frames name no image of the %zu volumes of the source, and their places do "
                "not tell which is meant; choose one with --series",
                all.size());
        return UL_OK;
    });
}
