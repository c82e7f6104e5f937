#include "io/nifti/header.h"

#include "io/base/file_list.h"

#include "io/base/notes.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIZE_1 = 348, SIZE_2 = 540, EXTENSION_BYTES = 4 };

#define QUATERNION_LIMIT 1.001 /* of its square: rounding beyond 1 is made 1 */

static const nifti_type types[] = {
    {DT_UINT8, UL_SAMPLE_U8, 1, 1},
    {DT_INT8, UL_SAMPLE_I8, 1, 1},
    {DT_UINT16, UL_SAMPLE_U16, 1, 2},
    {DT_INT16, UL_SAMPLE_I16, 1, 2},
    {DT_UINT32, UL_SAMPLE_U32, 1, 4},
    {DT_INT32, UL_SAMPLE_I32, 1, 4},
    {DT_UINT64, UL_SAMPLE_F64, 1, 8},
    {DT_INT64, UL_SAMPLE_F64, 1, 8},
    {DT_FLOAT32, UL_SAMPLE_F32, 1, 4},
    {DT_FLOAT64, UL_SAMPLE_F64, 1, 8},
    {DT_RGB24, UL_SAMPLE_U8, 3, 1},
    {DT_RGBA32, UL_SAMPLE_U8, 4, 1},
};

const nifti_type *nifti_type_of(int datatype) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].code == datatype)
            return &types[i];
    return NULL;
}

/* What both versions have by the same names, of other types. */
#define MEMBERS(X)                                                                                 \
    X(datatype), X(bitpix), X(intent_p1), X(intent_p2), X(intent_p3), X(scl_slope), X(scl_inter),  \
        X(cal_max), X(cal_min), X(slice_duration), X(toffset), X(slice_start), X(slice_end),       \
        X(qform_code), X(sform_code), X(quatern_b), X(quatern_c), X(quatern_d), X(qoffset_x),      \
        X(qoffset_y), X(qoffset_z), X(slice_code), X(xyzt_units), X(intent_code), X(dim_info)
#define ARRAYS(X)                                                                                  \
    X(dim);                                                                                        \
    X(pixdim);                                                                                     \
    X(descrip);                                                                                    \
    X(aux_file);                                                                                   \
    X(srow_x);                                                                                     \
    X(srow_y);                                                                                     \
    X(srow_z);                                                                                     \
    X(intent_name)
#define COPY(member) to->member = (__typeof__(to->member))from->member
#define COPY_ARRAY(array)                                                                          \
    for (size_t i = 0; i < sizeof to->array / sizeof *to->array; i++)                              \
    COPY(array[i])

static void widen(const nifti_1_header *from, nifti_2_header *to) {
    memset(to, 0, sizeof *to);
    to->sizeof_hdr = SIZE_2;
    MEMBERS(COPY);
    ARRAYS(COPY_ARRAY);
    /* Out of an int64_t's range is out of any file's. */
    to->vox_offset =
        from->vox_offset >= 0 && from->vox_offset < 1e15f ? (int64_t)from->vox_offset : INT64_MAX;
}

static void narrow(const nifti_2_header *from, nifti_1_header *to) {
    memset(to, 0, sizeof *to);
    to->sizeof_hdr = SIZE_1;
    to->regular = 'r';
    MEMBERS(COPY);
    ARRAYS(COPY_ARRAY);
    to->vox_offset = (float)from->vox_offset;
    memcpy(to->magic, "n+1", 4);
}

static ul_status check_magic(
    const char *path, const char *magic, ul_nifti_header *header, ul_error *error) {
    const char *single = header->version == 1 ? "n+1" : "n+2";
    const char *pair = header->version == 1 ? "ni1" : "ni2";
    header->pair = memcmp(magic, pair, 4) == 0;
    if (header->pair || memcmp(magic, single, 4) == 0)
        return UL_OK;
    return ul_error_set(error, UL_ERROR_INPUT,
        "%s: no NIfTI magic \"%s\" or \"%s\" in the header: ANALYZE 7.5 is not read", path, single,
        pair);
}

static ul_status check_dimensions(const char *path, const nifti_2_header *fields, ul_error *error) {
    if (fields->dim[0] < 1 || fields->dim[0] > 7)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: the header names %lld dimensions, 1 to 7 go", path, (long long)fields->dim[0]);
    for (int64_t i = 1; i <= fields->dim[0]; i++)
        if (fields->dim[i] < 1)
            return ul_error_set(error, UL_ERROR_INPUT, "%s: dimension %lld is %lld in the header",
                path, (long long)i, (long long)fields->dim[i]);
    return UL_OK;
}

/* Samples of a single file lie behind its header and the extension field. */
static ul_status check_offset(const char *path, const ul_nifti_header *header, ul_error *error) {
    if (header->pair || header->fields.vox_offset >= (int64_t)nifti_header_bytes(header))
        return UL_OK;
    return ul_error_set(error, UL_ERROR_INPUT,
        "%s: vox_offset is %lld in the header, the samples of a NIfTI-%d file begin at byte %zu or "
        "later",
        path, (long long)header->fields.vox_offset, header->version, nifti_header_bytes(header));
}

/* b, c and d are three of the four numbers of a unit quaternion. */
static double quaternion_square(const nifti_2_header *fields) {
    return fields->quatern_b * fields->quatern_b + fields->quatern_c * fields->quatern_c +
           fields->quatern_d * fields->quatern_d;
}

/* Other readers refuse a quaternion that rounding made longer than 1, and the header is written
 * again with the labels. */
static void shorten_quaternion(nifti_2_header *fields) {
    double square = quaternion_square(fields);
    if (!(square > 1.0 && square <= QUATERNION_LIMIT))
        return;
    fields->quatern_b /= sqrt(square);
    fields->quatern_c /= sqrt(square);
    fields->quatern_d /= sqrt(square);
}

ul_status nifti_open(const char *path, gzFile *file, ul_error *error) {
    int code = Z_OK;
    errno = 0;
    *file = gzopen(path, "rb");
    if (*file) {
        gzbuffer(*file, 1u << 18);
        gzdirect(*file); /* looks at the start, for which it allocates */
        gzerror(*file, &code);
    }
    if (code == Z_MEM_ERROR || (!*file && errno == ENOMEM)) {
        gzclose(*file);
        *file = NULL;
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    }
    return *file ? UL_OK : ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be opened", path);
}

/* What is no NIfTI file, named for what it is where that can be seen. */
static ul_status no_nifti(const char *path, const char *fault, ul_error *error) {
    ul_file_kind kind = ul_file_kind_of(path);
    const char *text = kind == UL_FILE_NIFTI ? NULL : ul_file_kind_text(kind);
    return ul_error_set(error, UL_ERROR_INPUT, "%s: %s", path, text ? text : fault);
}

ul_status nifti_header_read(
    const char *path, gzFile file, ul_nifti_header *header, ul_error *error) {
    union {
        nifti_1_header one;
        nifti_2_header two;
    } raw;
    memset(header, 0, sizeof *header);
    memset(&raw, 0, sizeof raw);
    if (gzread(file, &raw, SIZE_1) != SIZE_1)
        return no_nifti(path, "too short for a NIfTI header of 348 bytes, or damaged", error);
    int32_t size = raw.one.sizeof_hdr, swapped = (int32_t)__builtin_bswap32((uint32_t)size);
    header->swapped = swapped == SIZE_1 || swapped == SIZE_2;
    if (header->swapped)
        size = swapped;
    if (size != SIZE_1 && size != SIZE_2)
        return no_nifti(path, "not a NIfTI file (no header size of 348 or 540)", error);
    header->version = size == SIZE_1 ? 1 : 2;
    if (header->version == 2 &&
        gzread(file, (char *)&raw + SIZE_1, SIZE_2 - SIZE_1) != SIZE_2 - SIZE_1)
        return ul_error_set(
            error, UL_ERROR_INPUT, "%s: too short for a NIfTI-2 header of 540 bytes", path);
    if (header->swapped)
        swap_nifti_header(&raw, header->version);
    ul_status status =
        check_magic(path, header->version == 1 ? raw.one.magic : raw.two.magic, header, error);
    if (status != UL_OK)
        return status;
    if (header->version == 1)
        widen(&raw.one, &header->fields);
    else
        header->fields = raw.two;
    shorten_quaternion(&header->fields);
    status = check_dimensions(path, &header->fields, error);
    if (status == UL_OK)
        status = check_offset(path, header, error);
    for (int64_t i = header->fields.dim[0] + 1; i < 8 && status == UL_OK; i++)
        header->fields.dim[i] = 1;
    return status;
}

size_t nifti_header_frames(const ul_nifti_header *header) {
    size_t frames = 1;
    for (int i = 4; i < 8; i++)
        if (__builtin_mul_overflow(frames, (size_t)header->fields.dim[i], &frames))
            return SIZE_MAX;
    return frames;
}

/* Millimetres per unit of the header's lengths; an unknown unit is taken as mm, as everyone does.
 */
static double unit_mm(const nifti_2_header *fields) {
    switch (fields->xyzt_units & 7) {
    case NIFTI_UNITS_METER:
        return 1000.0;
    case NIFTI_UNITS_MICRON:
        return 0.001;
    default:
        return 1.0;
    }
}

/* The matrices go to RAS, in the header's units. nifti_quatern_to_dmat44 would take a length of 0
 * as 1, and complain of it and of negative ones on stderr. */
static nifti_dmat44 qform_matrix(const nifti_2_header *fields) {
    double qfac = fields->pixdim[0] < 0.0 ? -1.0 : 1.0;
    nifti_dmat44 matrix = nifti_quatern_to_dmat44(fields->quatern_b, fields->quatern_c,
        fields->quatern_d, fields->qoffset_x, fields->qoffset_y, fields->qoffset_z, 1, 1, 1, qfac);
    for (int row = 0; row < 3; row++)
        for (int axis = 0; axis < 3; axis++)
            matrix.m[row][axis] *= fabs(fields->pixdim[axis + 1]);
    return matrix;
}

/* Checks the qform where it places the voxels. */
static ul_status check_qform(const nifti_2_header *fields, char **notes, ul_error *error) {
    if (quaternion_square(fields) > QUATERNION_LIMIT)
        return ul_error_set(error, UL_ERROR_INPUT,
            "the header's quaternion is no rotation: its b, c and d have a length of %.4g, at most "
            "1 goes; set the sform or correct them",
            sqrt(quaternion_square(fields)));
    for (int axis = 1; axis <= 3; axis++)
        if (fields->pixdim[axis] < 0.0)
            notes_add(notes, "pixel dimension %d is negative (%g): its size is taken", axis,
                fields->pixdim[axis]);
    return UL_OK;
}

static nifti_dmat44 sform_matrix(const nifti_2_header *fields) {
    nifti_dmat44 matrix = {{{0}}};
    for (int i = 0; i < 4; i++) {
        matrix.m[0][i] = fields->srow_x[i];
        matrix.m[1][i] = fields->srow_y[i];
        matrix.m[2][i] = fields->srow_z[i];
    }
    matrix.m[3][3] = 1.0;
    return matrix;
}

static nifti_dmat44 stored_matrix(const nifti_2_header *fields) {
    nifti_dmat44 matrix = {{{0}}};
    for (int i = 0; i < 3; i++)
        matrix.m[i][i] = fabs(fields->pixdim[i + 1]);
    matrix.m[3][3] = 1.0;
    return matrix;
}

/* A single slice may come without a depth: the matrix then gets one of 1 along the normal. Returns
 * whether it did. */
static bool give_depth(const nifti_2_header *fields, nifti_dmat44 *matrix) {
    double(*m)[4] = matrix->m;
    if (fields->dim[3] != 1 || m[0][2] != 0.0 || m[1][2] != 0.0 || m[2][2] != 0.0)
        return false;
    double normal[3], length = 0.0;
    for (int row = 0; row < 3; row++) {
        int next = (row + 1) % 3, last = (row + 2) % 3;
        normal[row] = m[next][0] * m[last][1] - m[last][0] * m[next][1];
        length += normal[row] * normal[row];
    }
    for (int row = 0; row < 3 && length > 0.0; row++)
        m[row][2] = normal[row] / sqrt(length);
    return true;
}

static bool is_finite(const nifti_dmat44 *matrix) {
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 4; column++)
            if (!isfinite(matrix->m[row][column]))
                return false;
    return true;
}

/* Largest distance between the places that two matrices give a corner voxel. */
static double disagreement(
    const nifti_2_header *fields, const nifti_dmat44 *a, const nifti_dmat44 *b) {
    double largest = 0.0;
    for (int corner = 0; corner < 8; corner++) {
        double square = 0.0;
        for (int row = 0; row < 3; row++) {
            double difference = a->m[row][3] - b->m[row][3];
            for (int axis = 0; axis < 3; axis++)
                if (corner >> axis & 1)
                    difference +=
                        (a->m[row][axis] - b->m[row][axis]) * (double)(fields->dim[axis + 1] - 1);
            square += difference * difference;
        }
        largest = fmax(largest, sqrt(square));
    }
    return largest;
}

static void note_disagreement(
    const nifti_2_header *fields, const nifti_dmat44 *sform, char **notes) {
    nifti_dmat44 qform = qform_matrix(fields);
    double smallest = fmin(fabs(fields->pixdim[1]), fabs(fields->pixdim[2]));
    double distance = disagreement(fields, sform, &qform);
    /* A twentieth of a voxel: float32 quaternions of long volumes are off by a thousandth. */
    if (!(distance <= 0.05 * fmin(smallest, fabs(fields->pixdim[3]))))
        notes_add(notes, "sform and qform place a corner voxel %.3g mm apart: the sform is used",
            distance * unit_mm(fields));
}

ul_status nifti_header_grid(
    const ul_nifti_header *header, ul_grid *grid, char **notes, ul_error *error) {
    memset(grid, 0, sizeof *grid);
    const nifti_2_header *fields = &header->fields;
    const size_t size[3] = {(size_t)fields->dim[1], (size_t)fields->dim[2], (size_t)fields->dim[3]};
    nifti_dmat44 matrix;
    if (fields->sform_code > 0) {
        matrix = sform_matrix(fields);
        if (fields->qform_code > 0)
            note_disagreement(fields, &matrix, notes);
    } else if (fields->qform_code > 0) {
        ul_status status = check_qform(fields, notes, error);
        if (status != UL_OK)
            return status;
        matrix = qform_matrix(fields);
    } else {
        matrix = stored_matrix(fields);
        notes_add(notes,
            "unknown orientation: qform and sform codes are both 0; the axes are taken "
            "as right, anterior, superior");
    }
    if (fields->sform_code <= 0 && fields->qform_code <= 0 &&
        (matrix.m[0][0] == 0.0 || matrix.m[1][1] == 0.0)) {
        memcpy(grid->size, size, sizeof grid->size); /* no spacing either: pictures, not places */
        return UL_OK;
    }
    bool flat = give_depth(fields, &matrix);
    if (!is_finite(&matrix))
        return ul_error_set(error, UL_ERROR_INPUT,
            "the header's %s holds numbers that are not finite",
            fields->sform_code > 0 ? "sform" : "qform or pixel dimensions");
    double unit = unit_mm(fields), ijk_to_lps[4][4] = {{0}};
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 4; column++)
            ijk_to_lps[row][column] = matrix.m[row][column] * (row < 2 ? -unit : unit);
    ijk_to_lps[3][3] = 1.0;
    ul_status status = ul_grid_from_affine(size, (const double(*)[4])ijk_to_lps, grid, error);
    if (flat)
        grid->thickness_mm = 0.0;
    return status;
}

static void set_forms(const ul_grid *grid, const double ijk_to_lps[4][4], nifti_2_header *fields) {
    nifti_dmat44 matrix = {{{0}}};
    double rows[3][4], spacing[3], b, c, d, x, y, z, qfac;
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 4; column++)
            matrix.m[row][column] = rows[row][column] =
                ijk_to_lps[row][column] * (row < 2 ? -1.0 : 1.0);
    matrix.m[3][3] = 1.0;
    nifti_dmat44_to_quatern(
        matrix, &b, &c, &d, &x, &y, &z, &spacing[0], &spacing[1], &spacing[2], &qfac);
    memcpy(fields->srow_x, rows[0], sizeof rows[0]);
    memcpy(fields->srow_y, rows[1], sizeof rows[1]);
    memcpy(fields->srow_z, rows[2], sizeof rows[2]);
    fields->sform_code = NIFTI_XFORM_SCANNER_ANAT;
    for (int axis = 0; axis < 3; axis++)
        fields->pixdim[axis + 1] = spacing[axis];
    fields->pixdim[0] = 1.0;
    if (grid->stack == UL_STACK_TILTED)
        return; /* a quaternion cannot hold the shear */
    fields->qform_code = NIFTI_XFORM_SCANNER_ANAT;
    fields->pixdim[0] = qfac;
    fields->quatern_b = b;
    fields->quatern_c = c;
    fields->quatern_d = d;
    fields->qoffset_x = x;
    fields->qoffset_y = y;
    fields->qoffset_z = z;
}

ul_status nifti_header_from_grid(const ul_grid *grid, ul_nifti_header *header, ul_error *error) {
    memset(header, 0, sizeof *header);
    nifti_2_header *fields = &header->fields;
    header->version = 1; /* as long as its short dimensions hold the sizes */
    fields->sizeof_hdr = SIZE_2;
    fields->dim[0] = 3;
    for (int axis = 0; axis < 3; axis++) {
        fields->dim[axis + 1] = (int64_t)grid->size[axis];
        if (grid->size[axis] > INT16_MAX)
            header->version = 2;
    }
    for (int axis = 3; axis < 7; axis++)
        fields->dim[axis + 1] = 1;
    snprintf(fields->descrip, sizeof fields->descrip, "ulite %s", ul_version());
    if (grid->stack == UL_STACK_UNPLACED) {
        for (int axis = 0; axis < 3; axis++) {
            double spacing = axis < 2 ? grid->spacing_mm[axis] : grid->thickness_mm;
            fields->pixdim[axis + 1] = spacing > 0.0 ? spacing : 1.0;
        }
        fields->pixdim[0] = 1.0;
        fields->xyzt_units = grid->spacing_mm[0] > 0.0 ? NIFTI_UNITS_MM : NIFTI_UNITS_UNKNOWN;
        return UL_OK;
    }
    double ijk_to_lps[4][4];
    ul_status status = ul_grid_affine(grid, ijk_to_lps, error);
    if (status != UL_OK)
        return status;
    fields->xyzt_units = NIFTI_UNITS_MM;
    set_forms(grid, (const double(*)[4])ijk_to_lps, fields);
    return UL_OK;
}

size_t nifti_header_bytes(const ul_nifti_header *header) {
    return (header->version == 1 ? SIZE_1 : SIZE_2) + EXTENSION_BYTES;
}

void nifti_header_put(const ul_nifti_header *header, bool extended, void *bytes) {
    const char extension[EXTENSION_BYTES] = {extended};
    char *to = bytes;
    if (header->version == 1) {
        nifti_1_header one;
        narrow(&header->fields, &one);
        memcpy(to, &one, SIZE_1);
    } else {
        nifti_2_header two = header->fields;
        memcpy(two.magic, "n+2\0\r\n\032\n", sizeof two.magic);
        memcpy(to, &two, SIZE_2);
    }
    memcpy(to + nifti_header_bytes(header) - EXTENSION_BYTES, extension, EXTENSION_BYTES);
}
