#include "io/base/utf8.h"
#include "io/dicom/frames.h"
#include "io/dicom/image.h"
#include "io/pixels/lut.h"
#include "libulite/base/resources.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAMES 1000000
#define MAX_SIDE 65535        /* Rows and Columns are US */
#define MAX_PADDING_BYTES 512 /* zeros after the pixels */

/* DICOMDIR, Segmentation, whole slide and Label Map Segmentation storage. */
#define CLASS_DIRECTORY "1.2.840.10008.1.3.10"
#define CLASS_SEGMENTATION "1.2.840.10008.5.1.4.1.1.66.4"
#define CLASS_WHOLE_SLIDE "1.2.840.10008.5.1.4.1.1.77.1.6"
#define CLASS_LABELMAP "1.2.840.10008.5.1.4.1.1.66.7"

static dicom_photometric photometric_of(const char *name) {
    static const char *const names[] = {"MONOCHROME2", "MONOCHROME1", "PALETTE COLOR", "RGB",
        "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT"};
    for (int i = 0; i < DICOM_PHOTOMETRIC_OTHER; i++)
        if (strcmp(name, names[i]) == 0)
            return (dicom_photometric)i;
    return DICOM_PHOTOMETRIC_OTHER;
}

/* A number above 0; what is beyond any that the caller takes comes as the largest unsigned one. */
static unsigned positive(const dicom_item *data, uint32_t tag, unsigned absent) {
    long value;
    if (!dicom_integer(data, tag, &value) || value <= 0)
        return absent;
    return value < (long)UINT_MAX ? (unsigned)value : UINT_MAX;
}

/* The padding value is US or SS as the pixels are, whatever VR it was written with. */
static void take_padding(const dicom_item *data, dicom_layout *layout) {
    double low, high;
    if (layout->is_float || layout->samples != 1 ||
        !dicom_decimals(data, DICOM_TAG(0x0028, 0x0120), &low, 1))
        return;
    if (!dicom_decimals(data, DICOM_TAG(0x0028, 0x0121), &high, 1))
        high = low;
    double *const values[] = {&low, &high};
    for (int i = 0; i < 2; i++) {
        if (layout->is_signed && *values[i] > 32767)
            *values[i] -= 65536;
        else if (!layout->is_signed && *values[i] < 0)
            *values[i] += 65536;
    }
    layout->has_padding = true;
    layout->padding_low = fmin(low, high);
    layout->padding_high = fmax(low, high);
}

/* Whether an overlay of the retired kind lies in unused bits of the pixels. */
static bool has_overlay_bits(const dicom_item *data) {
    for (uint16_t group = 0x6000; group <= 0x601e; group += 2)
        if (positive(data, DICOM_TAG(group, 0x0102), 0) > 0)
            return true;
    return false;
}

static bool has_unit(const char *modality) {
    static const char *const modalities[] = {"CT", "PT", "NM", "RTDOSE"};
    for (size_t i = 0; i < sizeof modalities / sizeof modalities[0]; i++)
        if (strcmp(modality, modalities[i]) == 0)
            return true;
    return false;
}

static ul_status take_layout(const dicom_header *header, dicom_file *file) {
    const dicom_item *data = header->data;
    dicom_layout *layout = &file->layout;
    layout->rows = positive(data, DICOM_TAG(0x0028, 0x0010), 0);
    layout->columns = positive(data, DICOM_TAG(0x0028, 0x0011), 0);
    layout->frames = positive(data, DICOM_TAG(0x0028, 0x0008), 1);
    layout->samples = positive(data, DICOM_TAG(0x0028, 0x0002), 1);
    layout->bits_allocated = positive(data, DICOM_TAG(0x0028, 0x0100), 0);
    layout->bits_stored = positive(data, DICOM_TAG(0x0028, 0x0101), layout->bits_allocated);
    layout->high_bit = layout->bits_stored - 1;
    long value;
    if (dicom_integer(data, DICOM_TAG(0x0028, 0x0102), &value) && value >= 0)
        layout->high_bit = value < MAX_SIDE ? (unsigned)value : MAX_SIDE;
    layout->is_signed = positive(data, DICOM_TAG(0x0028, 0x0103), 0) == 1;
    layout->planar = positive(data, DICOM_TAG(0x0028, 0x0006), 0) == 1;
    dicom_text(
        data, DICOM_TAG(0x0028, 0x0004), layout->photometric_name, sizeof layout->photometric_name);
    layout->photometric = layout->photometric_name[0] || layout->samples != 1
                              ? photometric_of(layout->photometric_name)
                              : DICOM_MONOCHROME2;
    /* The photometric interpretation is a matter of display: HU, Bq and Gy stay what they are. */
    if (layout->photometric == DICOM_MONOCHROME1 && has_unit(file->modality)) {
        layout->photometric = DICOM_MONOCHROME2;
        layout->kept_monochrome1 = true;
    }
    const dicom_pixels *pixels = &header->pixels;
    layout->is_float = pixels->is_float;
    layout->big_endian = header->pixels_big_endian;
    layout->words = pixels->words;
    layout->deflated = pixels->deflated;
    layout->has_modality_lut = dicom_modality_table(data) != NULL;
    layout->encapsulated = pixels->encapsulated;
    layout->has_overlay_bits = pixels->encapsulated && has_overlay_bits(data);
    layout->offset = pixels->offset;
    layout->length = pixels->length;
    take_padding(data, layout);
    if (!layout->rows || !layout->columns)
        return dicom_broken(
            file, "no Rows or Columns (%zux%zu pixels)", layout->columns, layout->rows);
    if (layout->rows > MAX_SIDE || layout->columns > MAX_SIDE)
        return dicom_broken(file, "%zux%zu pixels, at most %dx%d", layout->columns, layout->rows,
            MAX_SIDE, MAX_SIDE);
    if ((uint64_t)layout->rows * layout->columns > MEMORY_MAX_PIXELS) {
        dicom_broken(file, "%zux%zu pixels, the limit is %llu pixels", layout->columns,
            layout->rows, (unsigned long long)MEMORY_MAX_PIXELS);
        return file->status = UL_ERROR_LIMIT;
    }
    if (layout->frames > MAX_FRAMES)
        return dicom_broken(file, "%zu frames, at most %d", layout->frames, MAX_FRAMES);
    unsigned bits = layout->bits_allocated;
    if ((bits != 1 && bits != 8 && bits != 16 && bits != 32 && bits != 64) ||
        (bits == 64 && !layout->is_float))
        return dicom_broken(
            file, "%u bits are allocated per sample, expected 1, 8, 16 or 32", bits);
    if (layout->bits_stored > bits || layout->high_bit >= bits ||
        layout->high_bit + 1 < layout->bits_stored)
        return dicom_broken(file, "%u bits stored with high bit %u do not fit %u bits allocated",
            layout->bits_stored, layout->high_bit, bits);
    if (layout->samples != 1 && layout->samples != 3)
        return dicom_broken(file, "%u samples per pixel, expected 1 or 3", layout->samples);
    return UL_OK;
}

/* Bytes that the declared size of uncompressed pixels needs. */
static uint64_t declared_bytes(const dicom_layout *layout) {
    uint64_t samples = (uint64_t)layout->rows * layout->columns * layout->samples;
    if (layout->photometric == DICOM_YBR_FULL_422 || layout->photometric == DICOM_YBR_PARTIAL_422)
        samples = samples * 2 / 3;
    uint64_t bits = samples * layout->frames * layout->bits_allocated;
    return (bits + 7) / 8;
}

/* Whether the last count bytes of a file's pixel data, which begin at start in it, are zeros. */
static bool zeros_at(const char *path, const dicom_layout *layout, uint64_t start, uint64_t count) {
    uint8_t bytes[MAX_PADDING_BYTES];
    FILE *file = layout->deflated ? NULL : fopen(path, "rb");
    bool zeros = file && fseeko(file, (off_t)(layout->offset + start), SEEK_SET) == 0 &&
                 fread(bytes, 1, count, file) == count;
    for (uint64_t i = 0; zeros && i < count; i++)
        zeros = bytes[i] == 0;
    if (file)
        fclose(file);
    return zeros;
}

/* Whether the pixel data is there and as large as the header declares. */
static ul_status check_pixels(const dicom_header *header, dicom_file *file) {
    const dicom_layout *layout = &file->layout;
    const dicom_pixels *pixels = &header->pixels;
    if (!pixels->present)
        return dicom_broken(file, "no pixel data (the file ends after %llu bytes)",
            (unsigned long long)header->file_bytes);
    /* A frame has a fragment, a fragment a head of 8 bytes. */
    if (layout->encapsulated && layout->frames > pixels->available / 8)
        return dicom_broken(file,
            "%zu frames are declared, its compressed pixels of %llu bytes cannot hold them",
            layout->frames, (unsigned long long)pixels->available);
    if (layout->encapsulated)
        return UL_OK;
    uint64_t declared = declared_bytes(layout);
    if (layout->length > pixels->available)
        return dicom_broken(file,
            "truncated: %llu bytes of pixel data are declared, the file holds %llu",
            (unsigned long long)layout->length, (unsigned long long)pixels->available);
    if (layout->length < declared)
        return dicom_broken(file,
            "%zux%zu pixels in %zu frames need %llu bytes, the pixel data holds %llu",
            layout->columns, layout->rows, layout->frames, (unsigned long long)declared,
            (unsigned long long)layout->length);
    /* Some writers pad with zeros; anything else beyond the pixels means a wrong header. */
    uint64_t excess = layout->length - declared;
    if (excess > 1 &&
        (excess > MAX_PADDING_BYTES || !zeros_at(file->path, layout, declared, excess)))
        return dicom_broken(file,
            "%zux%zu pixels in %zu frames need %llu bytes, the pixel data holds %llu: wrong Rows, "
            "Columns or NumberOfFrames",
            layout->columns, layout->rows, layout->frames, (unsigned long long)declared,
            (unsigned long long)layout->length);
    return UL_OK;
}

/* The pixel size of an ultrasound image whose only region is a 2D one in cm. */
static void take_ultrasound_region(const dicom_item *data, dicom_image *image) {
    const uint32_t regions = DICOM_TAG(0x0018, 0x6011);
    const dicom_item *region = dicom_first_item(data, regions);
    long format, unit[2];
    double delta[2];
    if (image->spacing_mm[0] > 0 || !region || dicom_next_item(data, regions, region) ||
        !dicom_integer(region, DICOM_TAG(0x0018, 0x6012), &format) ||
        !dicom_integer(region, DICOM_TAG(0x0018, 0x6024), &unit[0]) ||
        !dicom_integer(region, DICOM_TAG(0x0018, 0x6026), &unit[1]) ||
        !dicom_decimals(region, DICOM_TAG(0x0018, 0x602c), &delta[0], 1) ||
        !dicom_decimals(region, DICOM_TAG(0x0018, 0x602e), &delta[1], 1))
        return;
    const long two_dimensional = 1, cm = 3;
    if (format != two_dimensional || unit[0] != cm || unit[1] != cm)
        return;
    if (delta[0] != 0 && delta[1] != 0)
        for (int axis = 0; axis < 2; axis++)
            image->spacing_mm[axis] = 10 * fabs(delta[axis]);
}

/* What one data set says of an image, for a file of one image or as the start for its frames. */
static void take_common(const dicom_item *data, dicom_image *image) {
    memset(image, 0, sizeof *image);
    for (int i = 0; i < DICOM_KEYS; i++)
        image->key[i] = NAN;
    image->slope = 1;
    dicom_integer(data, DICOM_TAG(0x0020, 0x0013), &image->instance_number);
    dicom_code_text(data, DICOM_TAG(0x0008, 0x0008), image->type, sizeof image->type);
    dicom_take_placement(data, image);
    dicom_take_philips(data, image);
    char text[65];
    if (dicom_text(data, DICOM_TAG(0x0008, 0x0032), text, sizeof text))
        image->key[DICOM_KEY_ACQUISITION_TIME] = dicom_seconds(text, false);
    else if (dicom_text(data, DICOM_TAG(0x0008, 0x002a), text, sizeof text))
        image->key[DICOM_KEY_ACQUISITION_TIME] = dicom_seconds(text, true);
    image->acquired_s = image->key[DICOM_KEY_ACQUISITION_TIME];
    if (dicom_text(data, DICOM_TAG(0x0008, 0x0033), text, sizeof text))
        image->key[DICOM_KEY_CONTENT_TIME] = dicom_seconds(text, false);
    dicom_take_private_diffusion(data, image);
    take_ultrasound_region(data, image);
    dicom_decimals(data, DICOM_TAG(0x3004, 0x000e), &image->slope, 1); /* DoseGridScaling */
}

static void take_identity(const dicom_header *header, dicom_file *file) {
    const dicom_item *data = header->data;
    strcpy(file->transfer_syntax, header->transfer_syntax);
    dicom_text(data, DICOM_TAG(0x0020, 0x000d), file->study_uid, sizeof file->study_uid);
    dicom_text(data, DICOM_TAG(0x0020, 0x000e), file->series_uid, sizeof file->series_uid);
    dicom_text(data, DICOM_TAG(0x0020, 0x0052), file->frame_of_reference_uid,
        sizeof file->frame_of_reference_uid);
    dicom_text(data, DICOM_TAG(0x0008, 0x0016), file->sop_class_uid, sizeof file->sop_class_uid);
    if (!file->sop_class_uid[0]) {
        strcpy(file->sop_class_uid, header->media_class);
        file->identity_from_meta = header->media_class[0] != '\0';
    }
    dicom_text(
        data, DICOM_TAG(0x0008, 0x0018), file->sop_instance_uid, sizeof file->sop_instance_uid);
    if (!file->sop_instance_uid[0]) {
        strcpy(file->sop_instance_uid, header->media_instance);
        file->identity_from_meta |= header->media_instance[0] != '\0';
    }
    dicom_text(data, DICOM_TAG(0x0010, 0x0020), file->patient_id, sizeof file->patient_id);
    dicom_code_text(data, DICOM_TAG(0x0008, 0x0060), file->modality, sizeof file->modality);
    dicom_code_text(data, DICOM_TAG(0x0018, 0x0015), file->body_part, sizeof file->body_part);
    char description[sizeof file->description];
    dicom_text_utf8(data, DICOM_TAG(0x0008, 0x103e), description, sizeof description);
    ul_utf8_clip(file->description, sizeof file->description, 64, description);
    long number;
    if (dicom_integer(data, DICOM_TAG(0x0020, 0x0011), &number) && labs(number) < 1000000000)
        file->series_number = (int)number;
    dicom_text(
        data, DICOM_TAG(0x0020, 0x9161), file->concatenation_uid, sizeof file->concatenation_uid);
    dicom_integer(data, DICOM_TAG(0x0020, 0x9163), &file->concatenation_parts);
    char lossy[17];
    dicom_text(data, DICOM_TAG(0x0028, 0x2110), lossy, sizeof lossy);
    file->lossy = strcmp(lossy, "01") == 0;
    dicom_decimals(data, DICOM_TAG(0x0018, 0x1120), &file->gantry_tilt_degrees, 1);
}

/* Storage classes whose objects are images: an object of one of them without pixels is damaged. */
static bool image_class(const char *uid) {
    static const char root[] = "1.2.840.10008.5.1.4.1.1.";
    static const char *const images[] = {"1", "1.*", "2", "2.*", "3", "3.1", "4", "4.1", "4.3",
        "4.4", "5", "6", "6.*", "7", "7.*", "12.*", "13.*", "14.*", "20", "30", "77.1.1",
        "77.1.1.1", "77.1.2", "77.1.2.1", "77.1.3", "77.1.4", "77.1.4.1", "77.1.5.1", "77.1.5.2",
        "77.1.5.4", "128", "128.1", "130", "481.1", "481.2"};
    if (strncmp(uid, root, sizeof root - 1) != 0)
        return false;
    const char *rest = uid + sizeof root - 1;
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
        size_t length = strlen(images[i]);
        bool family = images[i][length - 1] == '*';
        if (family ? strncmp(rest, images[i], length - 1) == 0 : strcmp(rest, images[i]) == 0)
            return true;
    }
    return false;
}

/* Whether the object is one without an image by its nature. Those of makers' own classes and of
 * spectroscopy state Rows and Columns too; without a class, who describes pixels claims to have
 * them. */
static bool is_without_image(const dicom_header *header, const char *class) {
    if (header->pixels.present)
        return false;
    bool described = dicom_has(header->data, DICOM_TAG(0x0028, 0x0010)) ||
                     dicom_has(header->data, DICOM_TAG(0x0028, 0x0100));
    return class[0] ? !image_class(class) : !described;
}

/* The images of the file: frames, tiles or the one. */
static ul_status make_images(const dicom_header *header, dicom_file *file, ul_error *error) {
    const dicom_item *data = header->data;
    dicom_image common;
    take_common(data, &common);
    common.file = file;
    /* NumberOfFrames makes an object multi-frame, even one of one frame. */
    file->multi_frame = file->layout.frames > 1 || dicom_has(data, DICOM_TAG(0x5200, 0x9229)) ||
                        dicom_has(data, DICOM_TAG(0x5200, 0x9230));
    if (file->multi_frame)
        return dicom_take_frames(data, &common, file, error);
    if (dicom_is_tiled(data, &common, &file->layout))
        return dicom_take_mosaic(data, &common, file, error);
    file->images = malloc(sizeof *file->images);
    if (!file->images)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    file->images[0] = common;
    file->image_count = 1;
    return UL_OK;
}

static ul_status take_images(const dicom_header *header, dicom_file *file, ul_error *error) {
    ul_status status = make_images(header, file, error);
    for (size_t i = 0; i < file->image_count && file->status == UL_OK; i++) {
        if (file->layout.has_modality_lut) /* then nothing is rescaled */
            file->images[i].philips_slope = 0;
        if (file->multi_frame && dicom_names_tiles(file->images[i].type)) {
            dicom_broken(file,
                "its frames are pictures of tiles (ImageType %s), which is not "
                "supported: export it as one frame per slice",
                file->images[i].type);
            file->status = UL_ERROR_UNSUPPORTED;
        }
        if (file->images[i].malformed)
            dicom_broken(
                file, "%s does not hold the numbers that belong there", file->images[i].malformed);
    }
    return status;
}

ul_status dicom_scan(dicom_file *file, dicom_kind *kind, ul_error *error) {
    *kind = DICOM_KIND_OTHER;
    dicom_header header;
    ul_error problem = {0};
    bool is_dicom;
    file->stamp = dicom_stamp_of(file->path, -1); /* before: a later change will show */
    ul_status status = dicom_header_read(file->path, &header, &is_dicom, &problem);
    if (is_dicom || status != UL_OK)
        *kind = DICOM_KIND_BROKEN;
    else if (header.file_bytes == 0)
        *kind = DICOM_KIND_EMPTY;
    if (*kind != DICOM_KIND_BROKEN) {
        dicom_header_free(&header);
        return UL_OK;
    }
    take_identity(&header, file);
    const char *class = file->sop_class_uid;
    if (strcmp(header.media_class, CLASS_DIRECTORY) == 0) {
        *kind = DICOM_KIND_DIRECTORY;
    } else if (status != UL_OK) {
        file->status = problem.status;
        snprintf(file->problem, sizeof file->problem, "%.255s", problem.text);
        status = problem.status == UL_ERROR_LIMIT
                     ? ul_error_set(error, UL_ERROR_LIMIT, "%s", problem.text)
                     : UL_OK;
    } else if (strcmp(class, CLASS_SEGMENTATION) == 0 || strcmp(class, CLASS_LABELMAP) == 0) {
        *kind = DICOM_KIND_SEGMENTATION;
        take_layout(&header, file);
    } else if (strcmp(class, CLASS_WHOLE_SLIDE) == 0) {
        file->status = UL_ERROR_UNSUPPORTED;
        snprintf(
            file->problem, sizeof file->problem, "a whole slide image, which is not supported");
    } else if (is_without_image(&header, class)) {
        *kind = DICOM_KIND_NO_PIXELS;
    } else if (take_layout(&header, file) == UL_OK && check_pixels(&header, file) == UL_OK) {
        status = take_images(&header, file, error);
        *kind = file->status == UL_OK ? DICOM_KIND_IMAGE : DICOM_KIND_BROKEN;
    }
    dicom_header_free(&header);
    return status;
}

void dicom_file_free(dicom_file *file) {
    free(file->images);
    memset(file, 0, sizeof *file);
}
