#include "io/frames/acquisition.h"

#include "io/base/utf8.h"
#include "io/dicom/csa.h"
#include "io/dicom/header.h"
#include "io/series/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A header, and which frame of it is asked for. */
typedef struct source {
    const dicom_item *data, *frame, *shared; /* the functional groups; NULL: none */
} source;

static source source_of(const dicom_item *data, unsigned frame) {
    const uint32_t each = DICOM_TAG(0x5200, 0x9230);
    source s = {.data = data, .shared = dicom_first_item(data, DICOM_TAG(0x5200, 0x9229))};
    s.frame = dicom_first_item(data, each);
    for (unsigned n = 1; n < frame && s.frame; n++)
        s.frame = dicom_next_item(data, each, s.frame);
    return s;
}

/* The item that states an attribute: of the frame, of all frames, or the file's own. */
static const dicom_item *stating(const source *s, uint32_t sequence, uint32_t tag) {
    const dicom_item *items[] = {
        dicom_first_item(s->frame, sequence), dicom_first_item(s->shared, sequence), s->data};
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        if (items[i] && dicom_has(items[i], tag))
            return items[i];
    return NULL;
}

static double number_of(const source *s, uint32_t sequence, uint32_t tag) {
    double value;
    const dicom_item *item = stating(s, sequence, tag);
    return item && dicom_decimals(item, tag, &value, 1) ? value : NAN;
}

static void take_text(const source *s, uint32_t tag, char *text, size_t bytes, size_t most) {
    char whole[257];
    dicom_text_utf8(s->data, tag, whole, sizeof whole);
    ul_utf8_clip(text, bytes, most, whole);
}

/* Whether an echo planar sequence took the slices, one after another. */
static bool is_echo_planar(const source *s) {
    char sequence[65], planar[17], kind[17];
    dicom_code_text(s->data, DICOM_TAG(0x0018, 0x0020), sequence, sizeof sequence);
    dicom_code_text(s->data, DICOM_TAG(0x0018, 0x9018), planar, sizeof planar);
    dicom_code_text(s->data, DICOM_TAG(0x0018, 0x0023), kind, sizeof kind);
    return (strstr(sequence, "EP") || strcmp(planar, "YES") == 0) && strcmp(kind, "3D") != 0;
}

static bool read_csa(const source *s, csa_header *csa) {
    const uint8_t *bytes;
    size_t size;
    memset(csa, 0, sizeof *csa);
    return dicom_bytes(s->data, dicom_private_tag(s->data, 0x0029, "SIEMENS CSA HEADER", 0x10),
               &bytes, &size) &&
           csa_read(bytes, size, csa);
}

/* Whether phase is encoded towards higher rows or columns, which only Siemens states; false where
 * it is unknown. */
static bool find_sign(const source *s, const csa_header *csa, bool *positive) {
    static const char creator[] = "SIEMENS MR SDI 02";
    uint32_t group = dicom_private_tag(s->frame, 0x0021, creator, 0xfe);
    const dicom_item *item = group ? dicom_first_item(s->frame, group) : s->data;
    double sign;
    *positive = csa->phase_positive;
    if (csa->has_phase_sign)
        return true;
    uint32_t tag = item ? dicom_private_tag(item, 0x0021, creator, 0x1c) : 0;
    if (!tag || !dicom_decimals(item, tag, &sign, 1))
        return false;
    *positive = sign == 1;
    return sign == 0 || sign == 1;
}

static void take_phase(const source *s, const csa_header *csa, acquisition *a) {
    const uint32_t tag = DICOM_TAG(0x0018, 0x1312); /* in MRFOVGeometrySequence */
    const dicom_item *item = stating(s, DICOM_TAG(0x0018, 0x9125), tag);
    char axis[17] = "";
    bool positive;
    if (item)
        dicom_code_text(item, tag, axis, sizeof axis);
    bool rows = strncmp(axis, "ROW", 3) == 0, columns = strncmp(axis, "COL", 3) == 0;
    if ((rows || columns) && find_sign(s, csa, &positive))
        snprintf(a->phase_encoding, sizeof a->phase_encoding, "%c%s", rows ? 'i' : 'j',
            positive ? "" : "-");
}

/* When slice k was taken, seconds; NaN: unknown. */
static double slice_time(const ul_series *series, const csa_header *csa, size_t k) {
    const dicom_image *image = series->images[k];
    if (!image->file->mosaic)
        return image->acquired_s;
    return image->tile < csa->time_count ? csa->time_ms[image->tile] / 1000 : NAN;
}

/* Times of slices that were taken one after another within a repetition. */
static ul_status take_slice_times(
    const ul_series *series, const csa_header *csa, acquisition *a, ul_error *error) {
    size_t slices = series->grid.size[2];
    double first = INFINITY, last = -INFINITY;
    bool known = a->echo_planar && slices > 1;
    for (size_t k = 0; k < slices && known; k++) {
        double time = slice_time(series, csa, k);
        known = !isnan(time);
        first = fmin(first, time);
        last = fmax(last, time);
    }
    if (!known || !(last > first) || !(last - first < a->repetition_s))
        return UL_OK;
    a->slice_s = malloc(slices * sizeof *a->slice_s);
    if (!a->slice_s)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu slices", slices);
    for (size_t k = 0; k < slices; k++)
        a->slice_s[k] = rint((slice_time(series, csa, k) - first) * 1e6) / 1e6;
    return UL_OK;
}

static ul_status take_all(
    const dicom_item *data, const ul_series *series, acquisition *a, ul_error *error) {
    const dicom_image *image = series->images[0];
    const uint32_t timing = DICOM_TAG(0x0018, 0x9112), modifier = DICOM_TAG(0x0018, 0x9115);
    source s = source_of(data, image->frame);
    csa_header csa;
    read_csa(&s, &csa);
    take_text(&s, DICOM_TAG(0x0008, 0x0070), a->manufacturer, sizeof a->manufacturer, 64);
    take_text(&s, DICOM_TAG(0x0008, 0x1090), a->model, sizeof a->model, 64);
    take_text(&s, DICOM_TAG(0x0018, 0x1030), a->protocol, sizeof a->protocol, 64);
    take_text(&s, DICOM_TAG(0x0008, 0x103e), a->description, sizeof a->description, 64);
    a->field_t = number_of(&s, 0, DICOM_TAG(0x0018, 0x0087));
    a->repetition_s = number_of(&s, timing, DICOM_TAG(0x0018, 0x0080)) / 1000;
    a->inversion_s = number_of(&s, modifier, DICOM_TAG(0x0018, 0x9079)) / 1000;
    if (isnan(a->inversion_s))
        a->inversion_s = image->key[DICOM_KEY_INVERSION_TIME] / 1000;
    a->has_orientation = image->has_orientation;
    memcpy(a->orientation, image->cosines, sizeof a->orientation);
    a->echo_planar = is_echo_planar(&s);
    take_phase(&s, &csa, a);
    return take_slice_times(series, &csa, a, error);
}

ul_status acquisition_read(const ul_series *series, acquisition *a, ul_error *error) {
    const dicom_file *file = series->images[0]->file;
    dicom_header header;
    bool is_dicom;
    *a = (acquisition){.field_t = NAN, .repetition_s = NAN, .inversion_s = NAN};
    ul_status status = dicom_header_read(file->path, &header, &is_dicom, error);
    if (status == UL_OK && !is_dicom)
        status = ul_error_set(error, UL_ERROR_INPUT, "no longer the DICOM file that was scanned");
    if (status == UL_OK)
        status = take_all(header.data, series, a, error);
    dicom_header_free(&header);
    if (status != UL_OK)
        acquisition_free(a);
    ul_error_prefix(error, "%s", file->shown);
    return status;
}

void acquisition_free(acquisition *a) {
    free(a->slice_s);
    *a = (acquisition){0};
}
