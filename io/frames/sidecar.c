#include "io/frames/acquisition.h"
#include "io/series/series.h"
#include "libulite/base/output.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_text(cJSON *object, const char *key, const char *text) {
    if (*text)
        cJSON_AddStringToObject(object, key, text);
}

static void add_number(cJSON *object, const char *key, double value) {
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
}

/* What each volume states, times a unit: one number where it is the same for all, else a list. */
static ul_status add_of_each(cJSON *object, const char *key, const ul_frames *frames,
    dicom_key attribute, double unit, ul_error *error) {
    double *values = malloc(frames->count * sizeof *values);
    if (!values)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu volumes", frames->count);
    bool known = true, same = true;
    for (size_t n = 0; n < frames->count; n++) {
        values[n] = frames->volumes[n]->images[0]->key[attribute] / unit;
        known = known && isfinite(values[n]);
        same = same && values[n] == values[0];
    }
    if (known && same)
        cJSON_AddNumberToObject(object, key, values[0]);
    else if (known)
        cJSON_AddItemToObject(object, key, cJSON_CreateDoubleArray(values, (int)frames->count));
    free(values);
    return UL_OK;
}

/* Whether the volumes differ in an attribute of which BIDS has one number alone. */
static bool differ(const ul_frames *frames, dicom_key attribute) {
    double first = frames->volumes[0]->images[0]->key[attribute];
    for (size_t n = 1; n < frames->count; n++) {
        double here = frames->volumes[n]->images[0]->key[attribute];
        if (here != first && !(isnan(here) && isnan(first)))
            return true;
    }
    return false;
}

static ul_status fill(
    cJSON *object, const ul_frames *frames, const acquisition *a, bool resampled, ul_error *error) {
    const ul_series *series = frames->volumes[0];
    add_text(object, "Modality", series->info.modality);
    add_text(object, "Manufacturer", a->manufacturer);
    add_text(object, "ManufacturersModelName", a->model);
    add_number(object, "MagneticFieldStrength", a->field_t);
    add_text(object, "SeriesDescription", a->description);
    add_text(object, "ProtocolName", a->protocol);
    ul_status status = add_of_each(object, "EchoTime", frames, DICOM_KEY_ECHO_TIME, 1000, error);
    add_number(object, "RepetitionTime", a->repetition_s);
    if (!differ(frames, DICOM_KEY_INVERSION_TIME))
        add_number(object, "InversionTime", a->inversion_s);
    if (status == UL_OK)
        status = add_of_each(object, "FlipAngle", frames, DICOM_KEY_FLIP_ANGLE, 1, error);
    if (series->images[0]->thickness_mm > 0)
        cJSON_AddNumberToObject(object, "SliceThickness", series->images[0]->thickness_mm);
    add_text(object, "PhaseEncodingDirection", a->phase_encoding);
    if (a->slice_s && !resampled)
        cJSON_AddItemToObject(
            object, "SliceTiming", cJSON_CreateDoubleArray(a->slice_s, (int)series->grid.size[2]));
    if (a->has_orientation)
        cJSON_AddItemToObject(
            object, "ImageOrientationPatientDICOM", cJSON_CreateDoubleArray(a->orientation, 6));
    cJSON_AddStringToObject(object, "ConversionSoftware", "ulite");
    cJSON_AddStringToObject(object, "ConversionSoftwareVersion", ul_version());
    return status;
}

ul_status ul_sidecar_write(
    const char *path, const ul_frames *frames, bool resampled, ul_error *error) {
    acquisition a;
    ul_status status = acquisition_read(frames->volumes[0], &a, error);
    if (status != UL_OK)
        return status;
    cJSON *object = cJSON_CreateObject();
    status = fill(object, frames, &a, resampled, error);
    char *text = status == UL_OK ? cJSON_Print(object) : NULL;
    if (status == UL_OK && !text)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    size_t size = text ? strlen(text) : 0;
    if (text)
        text[size] = '\n'; /* in place of the NUL, which no one reads any more */
    if (status == UL_OK)
        status = ul_output_write(path, text, size + 1, error);
    free(text);
    cJSON_Delete(object);
    acquisition_free(&a);
    return status;
}
