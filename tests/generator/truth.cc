#include "series.h"

#include <algorithm>
#include <cjson/cJSON.h>
#include <filesystem>
#include <memory>
#include <nifti2_io.h>
#include <stdexcept>

/* The images of one volume, sorted along the normal. */
static std::vector<size_t> volume_images(
    const std::vector<image> &images, const variant &which, const options &o) {
    std::vector<size_t> found;
    for (size_t n = 0; n < images.size(); n++)
        if (!images[n].localizer && !images[n].repeated && !images[n].which.altered &&
            images[n].which.echo == which.echo && images[n].which.time == which.time &&
            images[n].which.phase == which.phase)
            found.push_back(n);
    if (!o.no_positions)
        std::sort(found.begin(), found.end(), [&](size_t a, size_t b) {
            const layout &l = *images[a].where;
            vec3 normal = cross(l.axis_i, l.axis_j);
            return dot(l.origins[images[a].slice], normal) <
                   dot(l.origins[images[b].slice], normal);
        });
    return found;
}

/* A NIfTI header for the slices; the form is left out where no matrix can say where they lie. */
static nifti_image *make_nifti(const std::vector<image> &images, const std::vector<size_t> &order,
    int datatype, const options &o) {
    const layout &l = *images[order[0]].where;
    const int64_t size[8] = {
        3, (int64_t)l.columns, (int64_t)l.rows, (int64_t)order.size(), 1, 1, 1, 1};
    nifti_image *nifti = nifti_make_new_nim(size, datatype, 1);
    vec3 first = l.origins[images[order[0]].slice];
    vec3 step = order.size() > 1 ? l.origins[images[order[1]].slice] - first
                                 : l.thickness_mm * cross(l.axis_i, l.axis_j);
    const vec3 columns[4] = {l.spacing_mm[0] * l.axis_i, l.spacing_mm[1] * l.axis_j, step, first};
    nifti->pixdim[1] = nifti->dx = l.spacing_mm[0];
    nifti->pixdim[2] = nifti->dy = l.spacing_mm[1];
    nifti->pixdim[3] = nifti->dz = std::sqrt(dot(step, step));
    nifti->xyz_units = NIFTI_UNITS_MM;
    nifti->sform_code = !o.no_positions && l.even ? NIFTI_XFORM_SCANNER_ANAT : 0;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            nifti->sto_xyz.m[r][c] = (r < 2 ? -1 : 1) * columns[c][(size_t)r];
    return nifti;
}

static void save_nifti(nifti_image *nifti, const std::string &path) {
    nifti_set_filenames(nifti, path.c_str(), 0, 1);
    nifti_image_write(nifti);
    nifti_image_free(nifti);
    if (!std::filesystem::exists(path))
        throw std::runtime_error(path + ": cannot be written");
}

static void write_values(const std::vector<image> &images, const std::vector<pixels> &frames,
    const std::vector<size_t> &order, const options &o, const std::string &path) {
    unsigned channels = pixels_channels(o);
    nifti_image *nifti =
        make_nifti(images, order, channels == 3 ? NIFTI_TYPE_RGB24 : NIFTI_TYPE_FLOAT32, o);
    size_t at = 0;
    for (size_t n : order)
        for (float value : frames[n].truth)
            if (channels == 3)
                static_cast<uint8_t *>(nifti->data)[at++] = (uint8_t)value;
            else
                static_cast<float *>(nifti->data)[at++] = value;
    save_nifti(nifti, path);
}

/* Another volume's labels where the slices lie: as they are, one of them, or any value above 0. */
static void write_labels(const std::vector<image> &images, const std::vector<size_t> &order,
    const options &o, const std::string &path) {
    size_t colon = o.labels.rfind(':');
    source_volume labels = source_read(o.labels.substr(0, colon));
    std::string which = colon != std::string::npos ? o.labels.substr(colon + 1) : "";
    bool any = which == "any", one = !which.empty() && !any;
    float wanted = one ? std::stof(which) : 0;
    nifti_image *nifti = make_nifti(images, order, NIFTI_TYPE_UINT8, o);
    nifti->intent_code = NIFTI_INTENT_LABEL;
    uint8_t *out = static_cast<uint8_t *>(nifti->data);
    for (size_t n : order) {
        const layout &l = *images[n].where;
        for (size_t j = 0; j < l.rows; j++)
            for (size_t i = 0; i < l.columns; i++) {
                double label = source_nearest(labels, layout_position(l, images[n].slice, i, j));
                *out++ = any ? label > 0 : one ? label == wanted : (uint8_t)label;
            }
    }
    save_nifti(nifti, path);
}

static cJSON *numbers(const double *values, int count) {
    return cJSON_CreateDoubleArray(values, count);
}

static cJSON *describe(const std::vector<image> &images, const std::vector<size_t> &order,
    const std::string &nifti, const options &o) {
    cJSON *volume = cJSON_CreateObject();
    cJSON_AddStringToObject(volume, "nifti", nifti.c_str());
    cJSON *slices = cJSON_AddArrayToObject(volume, "slices");
    for (size_t n : order) {
        cJSON *slice = cJSON_CreateObject();
        cJSON_AddStringToObject(slice, "file", images[n].file.c_str());
        cJSON_AddNumberToObject(slice, "frame", images[n].frame);
        cJSON_AddStringToObject(slice, "sop_instance_uid", images[n].sop_instance_uid.c_str());
        if (!o.no_positions)
            cJSON_AddItemToObject(
                slice, "position", numbers(images[n].where->origins[images[n].slice].data(), 3));
        cJSON_AddItemToArray(slices, slice);
    }
    return volume;
}

static void write_text(const std::string &path, const char *text) {
    FILE *file = fopen(path.c_str(), "w");
    bool done = file && fputs(text, file) >= 0;
    if (file && fclose(file) != 0)
        done = false;
    if (!done)
        throw std::runtime_error(path + ": cannot be written");
}

void truth_write(
    const std::vector<image> &images, const std::vector<pixels> &frames, const options &o) {
    const layout &l = *images.back().where;
    std::unique_ptr<cJSON, void (*)(cJSON *)> root(cJSON_CreateObject(), cJSON_Delete);
    cJSON_AddNumberToObject(root.get(), "columns", (double)l.columns);
    cJSON_AddNumberToObject(root.get(), "rows", (double)l.rows);
    cJSON_AddItemToObject(root.get(), "spacing_mm", numbers(l.spacing_mm, 2));
    if (!o.no_positions) {
        cJSON_AddItemToObject(root.get(), "axis_i", numbers(l.axis_i.data(), 3));
        cJSON_AddItemToObject(root.get(), "axis_j", numbers(l.axis_j.data(), 3));
    }
    cJSON *volumes = cJSON_AddArrayToObject(root.get(), "volumes");
    for (unsigned time = 0; time < o.times; time++)
        for (unsigned echo = 0; echo < o.echoes; echo++)
            for (int phase = 0; phase <= (int)o.phase; phase++) {
                variant which;
                which.time = time;
                which.echo = echo;
                which.phase = phase != 0;
                std::string name = o.truth;
                if (o.times > 1)
                    name += "_t" + std::to_string(time + 1);
                if (o.echoes > 1)
                    name += "_e" + std::to_string(echo + 1);
                if (phase)
                    name += "_phase";
                std::vector<size_t> order = volume_images(images, which, o);
                write_values(images, frames, order, o, name + ".nii.gz");
                cJSON_AddItemToArray(volumes, describe(images, order, name + ".nii.gz", o));
                if (!o.labels.empty() && !time && !echo && !phase)
                    write_labels(images, order, o, o.truth + "_labels.nii.gz");
            }
    std::unique_ptr<char, void (*)(void *)> text(cJSON_Print(root.get()), free);
    write_text(o.truth + ".json", text.get());
}
