#include "io/dicom/frames.h"

#include "io/base/utf8.h"
#include "io/dicom/csa.h"
#include "io/dicom/image.h"
#include "libulite/base/resources.h"
#include "volume/vec3.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIMENSIONS 16

/* SharedFunctionalGroupsSequence, PerFrameFunctionalGroupsSequence */
#define GROUPS_SHARED DICOM_TAG(0x5200, 0x9229)
#define GROUPS_PER_FRAME DICOM_TAG(0x5200, 0x9230)

static ul_status allocate_images(
    dicom_file *file, size_t count, const dicom_image *common, ul_error *error) {
    ul_status status = ul_memory_ask(count * sizeof *file->images, error, "%zu frames", count);
    if (status != UL_OK)
        return status;
    file->images = malloc(count * sizeof *file->images);
    if (!file->images)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu frames", count);
    file->image_count = count;
    for (size_t i = 0; i < count; i++) {
        file->images[i] = *common;
        file->images[i].frame = (unsigned)i + 1;
    }
    return UL_OK;
}

/* Which dimension indices count something else than the place of a frame. */
typedef struct frame_dimensions {
    size_t count;
    bool counts[MAX_DIMENSIONS];
} frame_dimensions;

static frame_dimensions read_dimensions(const dicom_item *data) {
    frame_dimensions result = {0};
    const uint32_t sequence = DICOM_TAG(0x0020, 0x9222); /* DimensionIndexSequence */
    for (const dicom_item *item = dicom_first_item(data, sequence); item;
         item = dicom_next_item(data, sequence, item)) {
        long value;
        if (result.count < MAX_DIMENSIONS &&
            dicom_integer(item, DICOM_TAG(0x0020, 0x9165), &value)) {
            /* ImagePositionPatient, InStackPositionNumber, PlanePositionSequence */
            result.counts[result.count++] = value != DICOM_TAG(0x0020, 0x0032) &&
                                            value != DICOM_TAG(0x0020, 0x9057) &&
                                            value != DICOM_TAG(0x0020, 0x9113);
        }
    }
    return result;
}

static void take_frame_content(
    const dicom_item *content, const frame_dimensions *dimensions, dicom_image *image) {
    double value, index[MAX_DIMENSIONS];
    if (dicom_decimals(content, DICOM_TAG(0x0020, 0x9156), &value, 1))
        image->key[DICOM_KEY_ACQUISITION] = value;
    if (dicom_decimals(content, DICOM_TAG(0x0020, 0x9128), &value, 1))
        image->key[DICOM_KEY_TIME_POINT] = value;
    char stack[sizeof image->stack], time[65];
    if (dicom_text(content, DICOM_TAG(0x0018, 0x9074), time, sizeof time))
        image->acquired_s = dicom_seconds(time, true);
    if (dicom_text(content, DICOM_TAG(0x0020, 0x9056), stack, sizeof stack))
        ul_utf8_clip(image->stack, sizeof image->stack, 16, stack);
    if (dimensions->count &&
        dicom_decimals(content, DICOM_TAG(0x0020, 0x9157), index, dimensions->count)) {
        /* Indices are small: they are the digits of one number. */
        double number = 0;
        for (size_t i = 0; i < dimensions->count; i++)
            if (dimensions->counts[i])
                number = number * 10000 + index[i];
        image->key[DICOM_KEY_DIMENSION] = number;
    }
}

static void take_frame_type(const dicom_item *type, dicom_image *image) {
    dicom_code_text(type, DICOM_TAG(0x0008, 0x9007), image->type, sizeof image->type);
    char component[17];
    dicom_code_text(type, DICOM_TAG(0x0008, 0x9208), component, sizeof component);
    size_t used = strlen(image->type);
    if (component[0] && !strstr(image->type, component))
        snprintf(image->type + used, sizeof image->type - used, "\\%s", component);
}

static void take_diffusion(const dicom_item *diffusion, dicom_image *image) {
    double values[3];
    if (dicom_decimals(diffusion, DICOM_TAG(0x0018, 0x9087), values, 1))
        image->key[DICOM_KEY_B_VALUE] = values[0];
    const dicom_item *direction = dicom_first_item(diffusion, DICOM_TAG(0x0018, 0x9076));
    if (dicom_decimals(direction, DICOM_TAG(0x0018, 0x9089), values, 3))
        dicom_set_gradient(values, true, image);
}

/* Takes one number of a macro as a key. */
static void take_macro_key(const dicom_item *group, uint32_t sequence, uint32_t tag, double *key) {
    double value;
    if (dicom_decimals(dicom_first_item(group, sequence), tag, &value, 1))
        *key = value;
}

/* Takes the functional groups of one item: of all frames, or of one. */
static void take_group(
    const dicom_item *group, const frame_dimensions *dimensions, dicom_image *image) {
    static const uint32_t placement[] = {
        DICOM_TAG(0x0020, 0x9113), /* PlanePosition */
        DICOM_TAG(0x0020, 0x9116), /* PlaneOrientation */
        DICOM_TAG(0x0028, 0x9110), /* PixelMeasures */
        DICOM_TAG(0x0028, 0x9145), /* PixelValueTransformation */
    };
    static const uint32_t types[] = {
        DICOM_TAG(0x0018, 0x9226), /* MRImageFrameType */
        DICOM_TAG(0x0018, 0x9329), /* CTImageFrameType */
        DICOM_TAG(0x0018, 0x9751), /* PETFrameType */
    };
    const dicom_item *macro;
    for (size_t i = 0; i < sizeof placement / sizeof placement[0]; i++)
        if ((macro = dicom_first_item(group, placement[i])) != NULL)
            dicom_take_placement(macro, image);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((macro = dicom_first_item(group, types[i])) != NULL)
            take_frame_type(macro, image);
    if ((macro = dicom_first_item(group, DICOM_TAG(0x0020, 0x9111))) != NULL)
        take_frame_content(macro, dimensions, image);
    if ((macro = dicom_first_item(group, DICOM_TAG(0x0018, 0x9117))) != NULL)
        take_diffusion(macro, image);
    if ((macro = dicom_first_item(group, DICOM_TAG(0x0018, 0x9251))) != NULL) /* spin labelling */
        dicom_take_asl_label(macro, DICOM_TAG(0x0018, 0x9257), image);
    uint32_t philips = dicom_private_tag(group, 0x2005, "Philips MR Imaging DD 005", 0x0f);
    if ((macro = dicom_first_item(group, philips)) != NULL)
        dicom_take_philips(macro, image);
    take_macro_key(group, DICOM_TAG(0x0018, 0x9114), DICOM_TAG(0x0018, 0x9082),
        &image->key[DICOM_KEY_ECHO_TIME]);
    take_macro_key(group, DICOM_TAG(0x0018, 0x9112), DICOM_TAG(0x0018, 0x1314),
        &image->key[DICOM_KEY_FLIP_ANGLE]);
    take_macro_key(group, DICOM_TAG(0x0018, 0x9118), DICOM_TAG(0x0020, 0x9153),
        &image->key[DICOM_KEY_TRIGGER_TIME]);
    double offset_s; /* TemporalPositionTimeOffset; the key is in milliseconds */
    if (dicom_decimals(dicom_first_item(group, DICOM_TAG(0x0020, 0x9310)),
            DICOM_TAG(0x0020, 0x930d), &offset_s, 1))
        image->key[DICOM_KEY_TRIGGER_TIME] = 1000 * offset_s;
}

static void take_groups(const dicom_item *data, dicom_image *common, dicom_file *file) {
    frame_dimensions dimensions = read_dimensions(data);
    const dicom_item *shared = dicom_first_item(data, GROUPS_SHARED);
    if (shared)
        take_group(shared, &dimensions, common);
    for (size_t i = 0; i < file->image_count; i++) {
        unsigned frame = file->images[i].frame;
        file->images[i] = *common;
        file->images[i].frame = frame;
    }
    size_t frame = 0;
    for (const dicom_item *item = dicom_first_item(data, GROUPS_PER_FRAME); item;
         item = dicom_next_item(data, GROUPS_PER_FRAME, item)) {
        if (frame < file->image_count)
            take_group(item, &dimensions, &file->images[frame]);
        frame++;
    }
    if (frame != file->image_count && (frame > 0 || file->image_count > 1))
        dicom_broken(file, "%zu frames are declared, its per-frame functional groups describe %zu",
            file->image_count, frame);
}

/* Frames along the normal at the offsets of an RT dose grid; false where it has none. */
static bool take_grid_offsets(const dicom_item *data, dicom_file *file) {
    const dicom_image *first = &file->images[0];
    const uint32_t tag = DICOM_TAG(0x3004, 0x000c); /* GridFrameOffsetVector */
    if (!dicom_has(data, tag) || !first->has_position || !first->has_orientation)
        return false;
    double *offsets = malloc(file->image_count * sizeof *offsets), normal[3];
    bool found = offsets && dicom_decimals(data, tag, offsets, file->image_count);
    vec3_cross(first->cosines, first->cosines + 3, normal);
    for (size_t i = 0; found && i < file->image_count; i++) {
        dicom_image *image = &file->images[i];
        /* Offsets that do not begin with 0 are coordinates. */
        vec3_add(image->position_mm, offsets[i] - offsets[0], normal, image->position_mm);
    }
    free(offsets);
    return found;
}

/* Takes the numbers of a vector, one for each frame, as a key. */
static void take_frame_key(
    const dicom_item *data, uint32_t vector, dicom_key key, dicom_file *file) {
    double *values = malloc(file->image_count * sizeof *values);
    if (values && dicom_decimals(data, vector, values, file->image_count))
        for (size_t i = 0; i < file->image_count; i++)
            file->images[i].key[key] = values[i];
    free(values);
}

/* Frames of a reconstructed nuclear medicine object: a vector says which slice each is, the slices
 * lie at even distances from the detector's position; false where it is none such. */
static bool take_nm_slices(const dicom_item *data, dicom_file *file) {
    dicom_image first = file->images[0];
    const dicom_item *detector = dicom_first_item(data, DICOM_TAG(0x0054, 0x0022));
    if (detector)
        dicom_take_placement(detector, &first);
    double step, normal[3], *slice = malloc(file->image_count * sizeof *slice);
    bool found = slice && first.has_position && first.has_orientation &&
                 dicom_decimals(data, DICOM_TAG(0x0018, 0x0088), &step, 1) &&
                 dicom_decimals(data, DICOM_TAG(0x0054, 0x0080), slice, file->image_count);
    vec3_cross(first.cosines, first.cosines + 3, normal);
    for (size_t i = 0; found && i < file->image_count; i++) {
        dicom_image *image = &file->images[i];
        image->has_position = image->has_orientation = true;
        memcpy(image->cosines, first.cosines, sizeof image->cosines);
        memcpy(image->position_mm, first.position_mm, sizeof image->position_mm);
        vec3_add(image->position_mm, (slice[i] - 1) * step, normal, image->position_mm);
    }
    free(slice);
    if (found) { /* time slots and energy windows */
        take_frame_key(data, DICOM_TAG(0x0054, 0x0070), DICOM_KEY_TIME_POINT, file);
        take_frame_key(data, DICOM_TAG(0x0054, 0x0010), DICOM_KEY_DIMENSION, file);
    }
    return found;
}

/* Whether frames follow one another in time. */
static bool counts_time(const dicom_item *data, const char *modality) {
    static const char *const live[] = {"US", "IVUS", "XA", "RF", "ES", "XC"};
    const uint32_t frame_time = DICOM_TAG(0x0018, 0x1063), times = DICOM_TAG(0x0018, 0x1065);
    double pointer = 0;
    bool time = dicom_has(data, frame_time) || dicom_has(data, times) ||
                (dicom_decimals(data, DICOM_TAG(0x0028, 0x0009), &pointer, 1) &&
                    (pointer == frame_time || pointer == times));
    for (size_t i = 0; i < sizeof live / sizeof live[0]; i++)
        time |= strcmp(modality, live[i]) == 0;
    return time;
}

/* Frames of an object of one image, as cone beam CT writes them: the position is the first one's,
 * the others follow along the normal at a distance that is only stated; false where it is none. */
static bool take_stated_step(const dicom_item *data, dicom_file *file) {
    const dicom_image first = file->images[0];
    double step = 0, normal[3];
    bool between = dicom_decimals(data, DICOM_TAG(0x0018, 0x0088), &step, 1) && step != 0;
    if (!between && strcmp(file->modality, "CT") == 0)
        step = first.thickness_mm;
    if (!first.has_position || !first.has_orientation || step == 0 ||
        counts_time(data, file->modality))
        return false;
    vec3_cross(first.cosines, first.cosines + 3, normal);
    for (size_t i = 0; i < file->image_count; i++)
        vec3_add(first.position_mm, (double)i * step, normal, file->images[i].position_mm);
    file->step_from = between ? "SpacingBetweenSlices" : "SliceThickness";
    return true;
}

ul_status dicom_take_frames(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error) {
    dicom_image start = *common;
    start.key[DICOM_KEY_OBJECT] = (double)start.instance_number;
    ul_status status = allocate_images(file, file->layout.frames, &start, error);
    if (status != UL_OK)
        return status;
    if (dicom_has(data, GROUPS_SHARED) || dicom_has(data, GROUPS_PER_FRAME)) {
        take_groups(data, &start, file);
        return UL_OK;
    }
    /* Elsewhere a position is that of the first frame, if anything: frames are images in time. */
    if (file->image_count > 1 && !take_grid_offsets(data, file) && !take_nm_slices(data, file) &&
        !take_stated_step(data, file)) {
        file->position_left_out = start.has_position;
        for (size_t i = 0; i < file->image_count; i++)
            file->images[i].has_position = file->images[i].has_orientation = false;
    }
    return UL_OK;
}

/* How the mosaic is cut, from the CSA header or the element that newer software writes. */
static bool read_mosaic(const dicom_item *data, csa_header *mosaic) {
    const uint8_t *csa;
    size_t size;
    if (dicom_bytes(
            data, dicom_private_tag(data, 0x0029, "SIEMENS CSA HEADER", 0x10), &csa, &size) &&
        csa_read(csa, size, mosaic) && mosaic->images > 0)
        return true;
    double images;
    memset(mosaic, 0, sizeof *mosaic);
    if (!dicom_decimals(
            data, dicom_private_tag(data, 0x0019, "SIEMENS MR HEADER", 0x0a), &images, 1))
        return false;
    mosaic->images = images >= 1 && images <= 65536 ? (unsigned)images : 0;
    return mosaic->images > 0;
}

bool dicom_names_tiles(const char *type) {
    return strstr(type, "MOSAIC") || strstr(type, "VFRAME");
}

/* How many slices UIH says that a picture holds. */
static unsigned grid_slices(const dicom_item *data) {
    double count;
    if (!dicom_decimals(data, dicom_private_tag(data, 0x0065, DICOM_UIH, 0x50), &count, 1))
        return 0;
    return count >= 1 && count <= 65536 ? (unsigned)count : 0;
}

bool dicom_is_tiled(const dicom_item *data, const dicom_image *image, const dicom_layout *layout) {
    if (dicom_names_tiles(image->type) || grid_slices(data) > 1)
        return true;
    /* Siemens's count may stand on in slices that were cut from a mosaic: the matrix tells. */
    csa_header mosaic;
    double matrix[4], largest = 0; /* frequency and phase, of rows and columns */
    if (!dicom_decimals(data, DICOM_TAG(0x0018, 0x1310), matrix, 4) ||
        !read_mosaic(data, &mosaic) || mosaic.images < 2)
        return false;
    for (int i = 0; i < 4; i++)
        largest = fmax(largest, matrix[i]);
    return largest > 0 && (double)layout->columns == ceil(sqrt(mosaic.images)) * largest;
}

/* Cuts the picture into count tiles, row by row, as many across as down or, with few_rows, no more
 * rows than are needed; false where that leaves a rest. */
static bool cut_tiles(dicom_file *file, unsigned count, bool few_rows) {
    unsigned across = (unsigned)ceil(sqrt(count));
    unsigned down = few_rows ? (count + across - 1) / across : across;
    const dicom_layout *layout = &file->layout;
    file->mosaic = layout->columns % across == 0 && layout->rows % down == 0;
    file->tile_columns = layout->columns / across;
    file->tile_rows = layout->rows / down;
    return file->mosaic;
}

/* A grid of UIH: an item for each tile says where it lies. */
static ul_status take_grid(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error) {
    const uint32_t sequence = dicom_private_tag(data, 0x0065, DICOM_UIH, 0x51);
    unsigned count = grid_slices(data), items = 0;
    for (const dicom_item *item = dicom_first_item(data, sequence); item;
         item = dicom_next_item(data, sequence, item))
        items++;
    if (count == 0)
        count = items;
    if (count == 0 || items != count || !cut_tiles(file, count, true)) {
        dicom_broken(file,
            "a grid of tiles (VFRAME) in %zux%zu pixels: its private elements (0065,1050), "
            "(0065,1051) declare %u slices and place %u: it cannot be cut",
            file->layout.columns, file->layout.rows, count, items);
        return UL_OK;
    }
    ul_status status = allocate_images(file, count, common, error);
    const dicom_item *item = NULL;
    for (unsigned tile = 0; tile < count && status == UL_OK; tile++) {
        dicom_image *image = &file->images[tile];
        image->frame = 0;
        image->tile = tile;
        image->has_position = false;
        item = dicom_next_item(data, sequence, item);
        dicom_take_placement(item, image);
        if (!image->has_position || !image->has_orientation)
            dicom_broken(
                file, "a grid of tiles (VFRAME) without the position of its slice %u", tile + 1);
    }
    return status;
}

ul_status dicom_take_mosaic(
    const dicom_item *data, const dicom_image *common, dicom_file *file, ul_error *error) {
    csa_header mosaic;
    const dicom_layout *layout = &file->layout;
    if (strstr(common->type, "VFRAME") || grid_slices(data) > 0)
        return take_grid(data, common, file, error);
    if (!read_mosaic(data, &mosaic)) {
        dicom_broken(file, "a mosaic whose number of slices is in no readable CSA header");
        return UL_OK;
    }
    if (!cut_tiles(file, mosaic.images, false) || !common->has_position ||
        !common->has_orientation) {
        dicom_broken(file,
            "a mosaic of %u slices in %zux%zu pixels cannot be cut into tiles at known places",
            mosaic.images, layout->columns, layout->rows);
        return UL_OK;
    }
    ul_status status = allocate_images(file, mosaic.images, common, error);
    if (status != UL_OK)
        return status;
    double normal[3], step = common->thickness_mm;
    vec3_cross(common->cosines, common->cosines + 3, normal);
    if (mosaic.has_normal && vec3_dot(mosaic.normal, normal) < 0)
        for (int c = 0; c < 3; c++)
            normal[c] = -normal[c];
    dicom_decimals(data, DICOM_TAG(0x0018, 0x0088), &step, 1);
    for (unsigned tile = 0; tile < mosaic.images; tile++) {
        dicom_image *image = &file->images[tile];
        image->frame = 0;
        image->tile = tile;
        /* The position is that of a picture as large as the mosaic around the same centre. */
        vec3_add(image->position_mm,
            (double)(layout->columns - file->tile_columns) / 2 * common->spacing_mm[0],
            common->cosines, image->position_mm);
        vec3_add(image->position_mm,
            (double)(layout->rows - file->tile_rows) / 2 * common->spacing_mm[1],
            common->cosines + 3, image->position_mm);
        vec3_add(image->position_mm, tile * step, normal, image->position_mm);
    }
    return UL_OK;
}
