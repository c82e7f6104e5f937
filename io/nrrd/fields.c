#include "io/nrrd/fields.h"

#include "io/base/notes.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    size_t offset;
} names[] = {
    {"type", offsetof(nrrd_fields, type)},
    {"dimension", offsetof(nrrd_fields, dimension)},
    {"sizes", offsetof(nrrd_fields, sizes)},
    {"encoding", offsetof(nrrd_fields, encoding)},
    {"endian", offsetof(nrrd_fields, endian)},
    {"space", offsetof(nrrd_fields, space)},
    {"space dimension", offsetof(nrrd_fields, space_dimension)},
    {"space directions", offsetof(nrrd_fields, directions)},
    {"space origin", offsetof(nrrd_fields, origin)},
    {"spacings", offsetof(nrrd_fields, spacings)},
    {"space units", offsetof(nrrd_fields, units)},
    {"kinds", offsetof(nrrd_fields, kinds)},
    {"data file", offsetof(nrrd_fields, data_file)},
    {"datafile", offsetof(nrrd_fields, data_file)},
    {"line skip", offsetof(nrrd_fields, line_skip)},
    {"lineskip", offsetof(nrrd_fields, line_skip)},
    {"byte skip", offsetof(nrrd_fields, byte_skip)},
    {"byteskip", offsetof(nrrd_fields, byte_skip)},
};

ul_status nrrd_fields_take(
    nrrd_fields *fields, const char *name, const char *value, ul_error *error) {
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        if (strcasecmp(names[n].name, name) != 0)
            continue;
        const char **field = (const char **)((char *)fields + names[n].offset);
        if (*field)
            return ul_error_set(
                error, UL_ERROR_INPUT, "the header has the field \"%s\" twice", names[n].name);
        *field = value + strspn(value, " \t");
        return UL_OK;
    }
    return UL_OK;
}

static const struct {
    const char *name;
    ul_sample sample;
    bool wide, is_unsigned;
} types[] = {{"signed char", UL_SAMPLE_I8, false, false}, {"int8", UL_SAMPLE_I8, false, false},
    {"int8_t", UL_SAMPLE_I8, false, false}, {"uchar", UL_SAMPLE_U8, false, true},
    {"unsigned char", UL_SAMPLE_U8, false, true}, {"uint8", UL_SAMPLE_U8, false, true},
    {"uint8_t", UL_SAMPLE_U8, false, true}, {"short", UL_SAMPLE_I16, false, false},
    {"short int", UL_SAMPLE_I16, false, false}, {"signed short", UL_SAMPLE_I16, false, false},
    {"signed short int", UL_SAMPLE_I16, false, false}, {"int16", UL_SAMPLE_I16, false, false},
    {"int16_t", UL_SAMPLE_I16, false, false}, {"ushort", UL_SAMPLE_U16, false, true},
    {"unsigned short", UL_SAMPLE_U16, false, true},
    {"unsigned short int", UL_SAMPLE_U16, false, true}, {"uint16", UL_SAMPLE_U16, false, true},
    {"uint16_t", UL_SAMPLE_U16, false, true}, {"int", UL_SAMPLE_I32, false, false},
    {"signed int", UL_SAMPLE_I32, false, false}, {"int32", UL_SAMPLE_I32, false, false},
    {"int32_t", UL_SAMPLE_I32, false, false}, {"uint", UL_SAMPLE_U32, false, true},
    {"unsigned int", UL_SAMPLE_U32, false, true}, {"uint32", UL_SAMPLE_U32, false, true},
    {"uint32_t", UL_SAMPLE_U32, false, true}, {"longlong", UL_SAMPLE_F64, true, false},
    {"long long", UL_SAMPLE_F64, true, false}, {"long long int", UL_SAMPLE_F64, true, false},
    {"signed long long", UL_SAMPLE_F64, true, false},
    {"signed long long int", UL_SAMPLE_F64, true, false}, {"int64", UL_SAMPLE_F64, true, false},
    {"int64_t", UL_SAMPLE_F64, true, false}, {"ulonglong", UL_SAMPLE_F64, true, true},
    {"unsigned long long", UL_SAMPLE_F64, true, true},
    {"unsigned long long int", UL_SAMPLE_F64, true, true}, {"uint64", UL_SAMPLE_F64, true, true},
    {"uint64_t", UL_SAMPLE_F64, true, true}, {"float", UL_SAMPLE_F32, false, false},
    {"double", UL_SAMPLE_F64, false, false}};

static ul_status settle_type(const nrrd_fields *fields, nrrd_header *header, ul_error *error) {
    const char *type = fields->type ? fields->type : "";
    size_t n = 0, count = sizeof types / sizeof types[0];
    while (n < count && strcasecmp(types[n].name, type) != 0)
        n++;
    if (n == count)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "type \"%.40s\" is not read; integers of 8 to 64 bits, float and double are", type);
    header->sample = types[n].sample;
    header->wide = types[n].wide;
    header->is_unsigned = types[n].is_unsigned;
    const char *encoding = fields->encoding ? fields->encoding : "";
    header->compressed = strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "gz") == 0;
    if (!header->compressed && strcasecmp(encoding, "raw") != 0)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "encoding \"%.40s\" is not read, raw and gzip are; `unu save -f nrrd -e gzip` converts",
            encoding);
    const char *endian = fields->endian ? fields->endian : "";
    bool big = strcasecmp(endian, "big") == 0;
    if (!big && strcasecmp(endian, "little") != 0 && ul_sample_bytes(header->sample) > 1)
        return ul_error_set(error, UL_ERROR_INPUT,
            "the field \"endian\" is \"%.40s\", little or big is needed", endian);
    header->swapped = big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    return UL_OK;
}

/* A whole number from low to high that fills the text. */
static bool parse_whole(const char *text, long low, long high, long *number) {
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && *end == '\0' && *number >= low && *number <= high;
}

static ul_status settle_skips(const nrrd_fields *fields, nrrd_header *header, ul_error *error) {
    const long most = 1L << 40;
    if (fields->line_skip && !parse_whole(fields->line_skip, 0, most, &header->line_skip))
        return ul_error_set(
            error, UL_ERROR_INPUT, "line skip \"%.40s\" is no count of lines", fields->line_skip);
    if (fields->byte_skip && !parse_whole(fields->byte_skip, -1, most, &header->byte_skip))
        return ul_error_set(
            error, UL_ERROR_INPUT, "byte skip \"%.40s\" is no count of bytes", fields->byte_skip);
    if (header->byte_skip < 0 && header->compressed)
        return ul_error_set(error, UL_ERROR_INPUT, "byte skip -1 is for encoding raw alone");
    return UL_OK;
}

/* Reads "(x,y,z)"; what stands behind it, or NULL. */
static const char *parse_vector(const char *text, double vector[3]) {
    text += strspn(text, " \t");
    if (*text++ != '(')
        return NULL;
    for (int n = 0; n < 3; n++) {
        char *end;
        vector[n] = strtod(text, &end);
        end += strspn(end, " \t");
        if (end == text || *end != (n < 2 ? ',' : ')') || !isfinite(vector[n]))
            return NULL;
        text = end + 1;
    }
    return text;
}

static const char *parse_none(const char *text) {
    text += strspn(text, " \t");
    return strncmp(text, "none", 4) == 0 && !isalnum((unsigned char)text[4]) ? text + 4 : NULL;
}

/* The n-th word of a text, in word; empty past the last. */
static void word_of(const char *text, int n, char word[32]) {
    for (text += strspn(text, " \t"); n > 0 && *text; n--) {
        text += strcspn(text, " \t");
        text += strspn(text, " \t");
    }
    snprintf(word, 32, "%.*s", (int)strcspn(text, " \t"), text);
}

/* Which of four axes is not in space: by the directions, else by the kinds. */
static int find_other_axis(const nrrd_fields *fields) {
    const char *at = fields->directions;
    double vector[3];
    for (int axis = 0; at && axis < NRRD_AXES; axis++) {
        const char *behind = parse_none(at);
        if (behind)
            return axis;
        at = parse_vector(at, vector);
    }
    char kind[32];
    for (int axis = 0; fields->kinds && axis < NRRD_AXES; axis++) {
        word_of(fields->kinds, axis, kind);
        if (*kind && strcasecmp(kind, "domain") != 0 && strcasecmp(kind, "space") != 0)
            return axis;
    }
    return NRRD_AXES - 1;
}

/* Colours are an axis of 3 or 4 that its kind calls so. */
static bool is_colour(const nrrd_fields *fields, const nrrd_header *header) {
    char kind[32];
    if (header->other_axis != 0 || !fields->kinds || header->sample != UL_SAMPLE_U8)
        return false;
    word_of(fields->kinds, 0, kind);
    bool named = strcasecmp(kind, "RGB-color") == 0 || strcasecmp(kind, "RGBA-color") == 0 ||
                 strcasecmp(kind, "3-color") == 0 || strcasecmp(kind, "4-color") == 0;
    return named && (header->others == 3 || header->others == 4);
}

static ul_status settle_sizes(const nrrd_fields *fields, nrrd_header *header, ul_error *error) {
    long dimension;
    if (!parse_whole(fields->dimension ? fields->dimension : "", 1, 16, &dimension))
        return ul_error_set(error, UL_ERROR_INPUT, "the field \"dimension\" is no number of axes");
    if (dimension != 3 && dimension != 4)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "%ld axes: volumes of 3 are read, and of 4 with one of frames, layers or colours",
            dimension);
    header->other_axis = dimension == 4 ? find_other_axis(fields) : NRRD_NO_AXIS;
    if (header->other_axis == 1 || header->other_axis == 2)
        return ul_error_set(error, UL_ERROR_UNSUPPORTED,
            "axis %d is not in space: only the first or the last may be that",
            header->other_axis + 1);
    header->others = 1;
    int next = 0;
    for (int axis = 0; axis < dimension; axis++) {
        char word[32];
        long size;
        word_of(fields->sizes ? fields->sizes : "", axis, word);
        if (!parse_whole(word, 1, INT32_MAX, &size))
            return ul_error_set(
                error, UL_ERROR_INPUT, "the size of axis %d is \"%s\"", axis + 1, word);
        if (axis == header->other_axis)
            header->others = (size_t)size;
        else
            header->size[next++] = (size_t)size;
    }
    header->colour = is_colour(fields, header);
    return UL_OK;
}

/* The signs that bring a space's x and y to LPS; false where it is none of the patient's. */
static bool space_signs(const char *space, double signs[3]) {
    static const struct {
        const char *name, *letters;
        double x, y;
    } spaces[] = {{"left-posterior-superior", "LPS", 1.0, 1.0},
        {"right-anterior-superior", "RAS", -1.0, -1.0},
        {"left-anterior-superior", "LAS", 1.0, -1.0}};
    for (size_t n = 0; n < sizeof spaces / sizeof spaces[0]; n++)
        if (strcasecmp(space, spaces[n].name) == 0 || strcasecmp(space, spaces[n].letters) == 0) {
            signs[0] = spaces[n].x;
            signs[1] = spaces[n].y;
            signs[2] = 1.0;
            return true;
        }
    return false;
}

static double unit_mm(const char *units, char **notes) {
    static const struct {
        const char *name;
        double mm;
    } lengths[] = {{"mm", 1.0}, {"\"mm\"", 1.0}, {"\"cm\"", 10.0}, {"\"m\"", 1000.0},
        {"\"um\"", 0.001}, {"\"microns\"", 0.001}};
    char word[32];
    word_of(units ? units : "mm", 0, word);
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++)
        if (strcasecmp(word, lengths[n].name) == 0)
            return lengths[n].mm;
    notes_add(notes, "space units %s: taken as mm", word);
    return 1.0;
}

static ul_status settle_directions(
    const nrrd_fields *fields, nrrd_header *header, char **notes, ul_error *error) {
    double signs[3] = {1.0, 1.0, 1.0}, unit = unit_mm(fields->units, notes), vector[3];
    if (!fields->space || !space_signs(fields->space, signs)) {
        notes_add(notes,
            "unknown orientation: space is \"%.40s\"; its axes are taken as left, "
            "posterior, superior",
            fields->space ? fields->space : "");
    }
    const char *at = fields->directions;
    for (int axis = 0, next = 0; at && next < 3; axis++) {
        if (axis == header->other_axis) {
            at = parse_none(at);
            continue;
        }
        at = parse_vector(at, vector);
        for (int row = 0; at && row < 3; row++)
            header->ijk_to_lps[row][next] = signs[row] * unit * vector[row];
        next++;
    }
    if (!at)
        return ul_error_set(error, UL_ERROR_INPUT,
            "space directions \"%.80s\" are no vector of three numbers for each axis in space",
            fields->directions);
    if (fields->origin && !parse_vector(fields->origin, vector))
        return ul_error_set(error, UL_ERROR_INPUT,
            "space origin \"%.80s\" is no vector of three numbers", fields->origin);
    for (int row = 0; row < 3; row++)
        header->ijk_to_lps[row][3] = fields->origin ? signs[row] * unit * vector[row] : 0.0;
    header->ijk_to_lps[3][3] = 1.0;
    header->placed = true;
    return UL_OK;
}

/* Of distances alone: axes as they are stored. */
static void settle_spacings(const nrrd_fields *fields, nrrd_header *header, char **notes) {
    for (int axis = 0, next = 0; next < 3; axis++) {
        char word[32], *end;
        if (axis == header->other_axis)
            continue;
        word_of(fields->spacings, axis, word);
        double spacing = strtod(word, &end);
        if (end == word || !isfinite(spacing) || spacing == 0.0)
            return;
        header->ijk_to_lps[next][next] = fabs(spacing);
        next++;
    }
    header->ijk_to_lps[3][3] = 1.0;
    header->placed = true;
    notes_add(notes, "unknown orientation: the file has no space directions; the axes are taken as "
                     "left, posterior, superior");
}

ul_status nrrd_fields_settle(
    const nrrd_fields *fields, nrrd_header *header, char **notes, ul_error *error) {
    ul_status status = settle_type(fields, header, error);
    if (status == UL_OK)
        status = settle_skips(fields, header, error);
    if (status == UL_OK)
        status = settle_sizes(fields, header, error);
    if (status == UL_OK && fields->directions)
        return settle_directions(fields, header, notes, error);
    if (status == UL_OK && fields->spacings)
        settle_spacings(fields, header, notes);
    return status;
}
