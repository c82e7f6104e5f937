#include "io/base/file_kind.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { HEAD_BYTES = 544 }; /* of NIfTI-2 and its extension's first bytes */

typedef struct file_start {
    uint8_t bytes[HEAD_BYTES];
    size_t count;
} file_start;

static bool has_at(const file_start *start, size_t at, const char *text, size_t length) {
    return start->count >= at + length && memcmp(start->bytes + at, text, length) == 0;
}

static bool is_nifti(const file_start *start) {
    static const char *const sizes[] = {"\x5c\1\0\0", "\0\0\1\x5c", "\x1c\2\0\0", "\0\0\2\x1c"};
    bool one = has_at(start, 0, sizes[0], 4) || has_at(start, 0, sizes[1], 4);
    bool two = has_at(start, 0, sizes[2], 4) || has_at(start, 0, sizes[3], 4);
    return (one && has_at(start, 344, "n+1", 4)) || (two && has_at(start, 4, "n+2", 4));
}

/* The first bytes of the file, or with inflate of what is within gzip. */
static void read_start(const char *path, bool inflate, file_start *start) {
    start->count = 0;
    if (inflate) {
        gzFile file = gzopen(path, "rb");
        int got = file ? gzread(file, start->bytes, HEAD_BYTES) : 0;
        start->count = got > 0 ? (size_t)got : 0;
        gzclose(file);
        return;
    }
    FILE *file = fopen(path, "rb");
    if (file) {
        start->count = fread(start->bytes, 1, HEAD_BYTES, file);
        fclose(file);
    }
}

/* By the letters that a format begins with. */
static ul_file_kind kind_by_letters(const file_start *start) {
    static const struct {
        ul_file_kind kind;
        size_t at, length;
        const char *letters;
    } formats[] = {
        {UL_FILE_PNG, 0, 8, "\x89PNG\r\n\x1a\n"},
        {UL_FILE_GZIPPED, 0, 3, "\x1f\x8b\x08"},
        {UL_FILE_BZIP2, 0, 3, "BZh"},
        {UL_FILE_XZ, 0, 6,
            "\xfd"
            "7zXZ\0"},
        {UL_FILE_ZSTANDARD, 0, 4, "\x28\xb5\x2f\xfd"},
        {UL_FILE_ZIP, 0, 4, "PK\3\4"},
        {UL_FILE_ZIP, 0, 4, "PK\5\6"},
        {UL_FILE_TAR, 257, 5, "ustar"},
        {UL_FILE_7Z, 0, 6, "7z\xbc\xaf\x27\x1c"},
        {UL_FILE_RAR, 0, 6, "Rar!\x1a\7"},
        {UL_FILE_POINTER, 0, 23, "version https://git-lfs"},
        {UL_FILE_POINTER, 0, 15, "/annex/objects/"},
        {UL_FILE_JPEG, 0, 3, "\xff\xd8\xff"},
        {UL_FILE_PDF, 0, 5, "%PDF-"},
        {UL_FILE_NRRD, 0, 4, "NRRD"},
        {UL_FILE_HDF5, 0, 8, "\x89HDF\r\n\x1a\n"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (has_at(start, formats[i].at, formats[i].letters, formats[i].length))
            return formats[i].kind;
    return UL_FILE_UNKNOWN;
}

ul_file_kind ul_file_kind_of(const char *path) {
    struct stat info;
    file_start start;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) /* a pipe would wait */
        return UL_FILE_UNKNOWN;
    read_start(path, false, &start);
    if (is_nifti(&start))
        return UL_FILE_NIFTI;
    if (has_at(&start, 128, "DICM", 4)) /* a preamble may hold anything, a TIFF's head too */
        return UL_FILE_UNKNOWN;
    ul_file_kind kind = kind_by_letters(&start);
    if (kind == UL_FILE_GZIPPED) {
        read_start(path, true, &start);
        kind = is_nifti(&start) ? UL_FILE_NIFTI : UL_FILE_GZIPPED;
    }
    return kind;
}

const char *ul_file_kind_text(ul_file_kind kind) {
    static const char *const texts[UL_FILE_KINDS] = {
        [UL_FILE_NIFTI] = "a NIfTI file: give the file itself",
        [UL_FILE_PNG] = "a PNG picture: give the file itself",
        [UL_FILE_GZIPPED] = "gzipped: to be unpacked first",
        [UL_FILE_BZIP2] = "compressed with bzip2: to be unpacked first",
        [UL_FILE_XZ] = "compressed with xz: to be unpacked first",
        [UL_FILE_ZSTANDARD] = "compressed with zstd: to be unpacked first",
        [UL_FILE_ZIP] = "a zip archive: unpack it first",
        [UL_FILE_TAR] = "a tar archive: unpack it first",
        [UL_FILE_7Z] = "a 7z archive: unpack it first",
        [UL_FILE_RAR] = "a rar archive: unpack it first",
        [UL_FILE_POINTER] = "a pointer of Git LFS or git-annex, not the file: fetch it first",
        [UL_FILE_JPEG] = "a JPEG picture, which is not read",
        [UL_FILE_PDF] = "a PDF",
        [UL_FILE_NRRD] = "an NRRD volume: give the file itself",
        [UL_FILE_HDF5] = "an HDF5 file (MINC, MATLAB), which is not read: convert it to NIfTI",
    };
    return texts[kind];
}
