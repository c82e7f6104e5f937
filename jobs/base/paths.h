/* Names and folders: what data sets and evaluations need of the file system. */
#pragma once

#include "ulite/error.h"

/* The entries of a folder, sorted bytewise, hidden ones left out. */
typedef struct name_list {
    size_t count;
    char **names; /* owned */
} name_list;

ul_status files_list(const char *folder, name_list *list, ul_error *error);
void files_free(name_list *list);

bool files_is_folder(const char *path);
bool files_exists(const char *path);

/* Deletes a folder with all that is in it, as far as it can be; nothing where there is none. */
void files_clear(const char *folder);

/* "folder/name"; NULL where memory ran out. The caller's. */
char *files_join(const char *folder, const char *name);

/* "name + suffix" likewise. */
char *files_append(const char *name, const char *suffix);

/* Whether text ends so, in capitals or not. */
bool files_ends_with(const char *text, const char *ending);

/* Whether the name is that of a NIfTI file, or of one of a pair of header and pixels (.hdr and
 * .img); of such a header; of such pixels. */
bool files_is_nifti(const char *name);
bool files_is_header(const char *name);
bool files_is_pixels(const char *name);

/* Whether it is that of an NRRD file, .nrrd or .seg.nrrd, that holds all of an image. */
bool files_is_nrrd(const char *name);

/* Bytes of name before the ending of an image or label file (a NIfTI one, .seg.nrrd, .nrrd,
 * .seg.dcm, .dcm, .png); 0 where it has none of them. */
size_t files_stem(const char *name);

/* The folder of the running program, without links; false where /proc does not tell. */
enum { FILES_PATH_BYTES = 4096 };
bool files_program_folder(char folder[FILES_PATH_BYTES]);

/* A path as it is seen from a folder or file that it begins with; else the whole path. */
const char *files_below(const char *folder, const char *path);

/* Bytes of name before the ending of an archive: .zip, .tar, .tgz, .tar.gz, .tar.bz2 or .tar.zst; 0
 * where it has none of them. */
size_t files_archive_stem(const char *name);

/* The first line of a text file, the caller's. Errors: as ul_text_read, UL_ERROR_INPUT also where
 * it has fewer than `least` bytes. */
ul_status files_read_line(const char *path, size_t least, char **line, ul_error *error);
