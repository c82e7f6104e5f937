#include "io/base/json.h"
#include "io/frames/acquisition.h"
#include "io/series/series.h"
#include "libulite/base/output.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* These are false where memory ran out; what is not known is left out. */
static bool add_text(cJSON *object, const char *key, const char *text) {
    return !*text || cJSON_AddStringToObject(object, key, text);
}

static bool add_number(cJSON *object, const char *key, double value) {
    return !isfinite(value) || cJSON_AddNumberToObject(object, key, value);
}

static bool add_list(cJSON *object, const char *key, const double *values, size_t count) {
    return !values || ul_json_add(object, key, cJSON_CreateDoubleArray(values, (int)count));
}

/* What each volume states, times a unit: one number where it is the same for all, else a list. */
static bool add_of_each(
    cJSON *object, const char *key, const ul_frames *frames, dicom_key attribute, double unit) {
    if (!frames_differ(frames, attribute))
        return add_number(object, key, frames->volumes[0]->images[0]->key[attribute] / unit);
    double *values = malloc(frames->count * sizeof *values);
    bool known = values != NULL, added = known;
    for (size_t n = 0; known && n < frames->count; n++) {
        values[n] = frames->volumes[n]->images[0]->key[attribute] / unit;
        known = isfinite(values[n]);
    }
    if (known)
        added = add_list(object, key, values, frames->count);
    free(values);
    return added;
}

static bool fill(cJSON *object, const ul_frames *frames, const acquisition *a, bool resampled) {
    const ul_series *series = frames->volumes[0];
    double inversion = frames_differ(frames, DICOM_KEY_INVERSION_TIME) ? NAN : a->inversion_s;
    double thickness = series->images[0]->thickness_mm;
    return add_text(object, "Modality", series->info.modality) &&
           add_text(object, "Manufacturer", a->manufacturer) &&
           add_text(object, "ManufacturersModelName", a->model) &&
           add_number(object, "MagneticFieldStrength", a->field_t) &&
           add_text(object, "SeriesDescription", a->description) &&
           add_text(object, "ProtocolName", a->protocol) &&
           add_of_each(object, "EchoTime", frames, DICOM_KEY_ECHO_TIME, 1000) &&
           add_number(object, "RepetitionTime", a->repetition_s) &&
           add_number(object, "InversionTime", inversion) && /* one number alone, says BIDS */
           add_of_each(object, "FlipAngle", frames, DICOM_KEY_FLIP_ANGLE, 1) &&
           add_number(object, "SliceThickness", thickness > 0 ? thickness : NAN) &&
           add_text(object, "PhaseEncodingDirection", a->phase_encoding) &&
           add_list(object, "SliceTiming", resampled ? NULL : a->slice_s, series->grid.size[2]) &&
           add_list(object, "ImageOrientationPatientDICOM",
               a->has_orientation ? a->orientation : NULL, 6) &&
           add_text(object, "ConversionSoftware", "ulite") &&
           add_text(object, "ConversionSoftwareVersion", ul_version());
}

ul_status ul_sidecar_write(
    const char *path, const ul_frames *frames, bool resampled, ul_error *error) {
    acquisition a;
    ul_status status = acquisition_read(frames->volumes[0], &a, error);
    if (status != UL_OK)
        return status;
    cJSON *object = cJSON_CreateObject();
    char *text = fill(object, frames, &a, resampled) ? cJSON_Print(object) : NULL;
    if (!text)
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
