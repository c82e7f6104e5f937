#include "io/nrrd/header.h"

#include "io/nrrd/fields.h"
#include "libulite/base/resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PAIRS = 100000 };

void nrrd_header_free(nrrd_header *header) {
    free(header->data_file);
    free(header->text);
    free(header->pairs);
    memset(header, 0, sizeof *header);
}

const char *nrrd_header_value(const nrrd_header *header, const char *key) {
    for (size_t n = 0; n < header->pair_count; n++)
        if (strcmp(header->pairs[n].key, key) == 0)
            return header->pairs[n].value;
    return NULL;
}

/* Where the header in text ends: behind its empty line, else at the end. */
static size_t header_length(const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        if (!end)
            return length;
        size_t line = (size_t)(end - (text + at));
        at += line + 1;
        if (line == 0 || (line == 1 && end[-1] == '\r'))
            return at;
    }
    return length;
}

/* The header's text, *text, the caller's, with its end; *length: its bytes in the file. */
static ul_status read_text(const char *path, char **text, size_t *length, ul_error *error) {
    struct stat info;
    *text = NULL;
    if (stat(path, &info) != 0)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: no such file", path);
    if (!S_ISREG(info.st_mode))
        return ul_error_set(error, UL_ERROR_INPUT, "%s: not a file", path);
    FILE *file = fopen(path, "rb");
    if (!file)
        return ul_error_set(error, UL_ERROR_INPUT, "%s: cannot be opened", path);
    size_t room =
        (size_t)info.st_size < NRRD_MAX_HEADER_BYTES ? (size_t)info.st_size : NRRD_MAX_HEADER_BYTES;
    *text = malloc(room + 1);
    size_t got = *text ? fread(*text, 1, room, file) : 0;
    fclose(file);
    if (!*text)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    *length = header_length(*text, got);
    (*text)[*length] = '\0';
    if (*length == NRRD_MAX_HEADER_BYTES)
        return ul_error_set(error, UL_ERROR_INPUT,
            "%s: no empty line ends the header within %d bytes", path, NRRD_MAX_HEADER_BYTES);
    return strlen(*text) == *length
               ? UL_OK
               : ul_error_set(error, UL_ERROR_INPUT, "%s: a zero byte in the header", path);
}

/* Undoes the escapes of a value, in place. */
static void unescape(char *value) {
    char *to = value;
    for (const char *from = value; *from; from++) {
        if (from[0] == '\\' && (from[1] == 'n' || from[1] == '\\'))
            *to++ = *++from == 'n' ? '\n' : '\\';
        else
            *to++ = *from;
    }
    *to = '\0';
}

static ul_status add_pair(nrrd_header *header, char *line, char *at, ul_error *error) {
    if (header->pair_count == MAX_PAIRS)
        return ul_error_set(error, UL_ERROR_LIMIT, "more than %d keys", MAX_PAIRS);
    nrrd_pair *pairs =
        ul_grow(header->pairs, header->pair_count, &header->pair_room, sizeof *pairs);
    if (!pairs)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    header->pairs = pairs;
    *at = '\0';
    unescape(at + 2);
    header->pairs[header->pair_count++] = (nrrd_pair){line, at + 2};
    return UL_OK;
}

/* Takes one line: a comment, a field or a pair. */
static ul_status take_line(nrrd_header *header, nrrd_fields *fields, char *line, ul_error *error) {
    if (*line == '#' || *line == '\0')
        return UL_OK;
    char *field = strstr(line, ": "), *pair = strstr(line, ":=");
    if (pair && (!field || pair < field))
        return add_pair(header, line, pair, error);
    if (!field) {
        size_t length = strlen(line); /* a field without a value */
        if (length == 0 || line[length - 1] != ':')
            return ul_error_set(error, UL_ERROR_INPUT,
                "a line of the header is neither a field nor a key: \"%.40s\"", line);
        line[length - 1] = '\0';
        return nrrd_fields_take(fields, line, "", error);
    }
    *field = '\0';
    return nrrd_fields_take(fields, line, field + 2, error);
}

static ul_status take_lines(nrrd_header *header, nrrd_fields *fields, ul_error *error) {
    char *line = header->text;
    if (strncmp(line, "NRRD000", 7) != 0 || line[7] < '1' || line[7] > '5')
        return ul_error_set(
            error, UL_ERROR_INPUT, "not an NRRD file (it does not begin with NRRD0001 to 5)");
    header->version = line[7] - '0';
    line += strcspn(line, "\n");
    line += *line == '\n';
    ul_status status = UL_OK;
    while (status == UL_OK && *line) {
        char *next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        size_t length = strlen(line);
        while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == ' '))
            line[--length] = '\0';
        status = take_line(header, fields, line, error);
        line = next;
    }
    return status;
}

ul_status nrrd_header_read(const char *path, nrrd_header *header, char **notes, ul_error *error) {
    memset(header, 0, sizeof *header);
    nrrd_fields fields = {0};
    ul_status status = read_text(path, &header->text, &header->data_bytes, error);
    if (status != UL_OK) {
        nrrd_header_free(header);
        return status;
    }
    status = take_lines(header, &fields, error);
    if (status == UL_OK)
        status = nrrd_fields_settle(&fields, header, notes, error);
    if (status == UL_OK && fields.data_file) {
        header->data_file = strdup(fields.data_file);
        if (!header->data_file)
            status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory");
    }
    if (status != UL_OK) {
        ul_error_prefix(error, "%s", path);
        nrrd_header_free(header);
    }
    return status;
}
