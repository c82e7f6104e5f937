#define _GNU_SOURCE /* memmem */

#include "io/http/multipart.h"

#include "libulite/base/resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_HEADER_BYTES = 4096, BOUNDARY_BYTES = 72 /* RFC 2046: 70 at most */ };

/* The value of a parameter of a header (`; name="value"`) that ends at `end`; false: it has none,
 * or a longer one. */
static bool take_parameter(
    const char *header, const char *end, const char *name, char *value, size_t room) {
    size_t length = strlen(name), used = 0;
    for (const char *at = header; at < end; at++) {
        if (*at == '"') { /* another value: what it holds is no parameter */
            for (at++; at < end && *at != '"'; at++)
                at += *at == '\\' && at + 1 < end;
            continue;
        }
        if (*at != ';')
            continue;
        for (at++; at < end && (*at == ' ' || *at == '\t');)
            at++;
        if ((size_t)(end - at) <= length || strncasecmp(at, name, length) != 0 ||
            at[length] != '=') {
            at--;
            continue;
        }
        at += length + 1;
        bool quoted = at < end && *at == '"';
        for (at += quoted; at < end && (quoted ? *at != '"' : !strchr("; \t", *at)); at++) {
            if (*at == '\\' && quoted && at + 1 < end && (at[1] == '"' || at[1] == '\\'))
                at++;
            if (!*at || used + 1 >= room)
                return false;
            value[used++] = *at;
        }
        value[used] = '\0';
        return !quoted || at < end;
    }
    return false;
}

static ul_status broken(ul_error *error, size_t number, const char *why) {
    return ul_error_set(error, UL_ERROR_INPUT, "part %zu of the form is broken: %s", number, why);
}

/* Reads the headers of a part, which begin at `at`; *data: behind them. */
static ul_status take_headers(const char *at, const char *end, size_t number, bool named,
    form_part *part, const char **data, ul_error *error) {
    static const char disposition[] = "content-disposition:";
    const size_t length = sizeof disposition - 1;
    const char *limit = end - at > MOST_HEADER_BYTES ? at + MOST_HEADER_BYTES : end;
    *part = (form_part){0};
    for (;;) {
        const char *line = memmem(at, (size_t)(limit - at), "\r\n", 2);
        if (!line)
            return broken(error, number, "its headers do not end");
        if (line == at)
            break;
        if ((size_t)(line - at) >= length && strncasecmp(at, disposition, length) == 0) {
            if (!take_parameter(at, line, "name", part->name, sizeof part->name) && named)
                return broken(error, number, "it has no name, or too long a one");
            if (!take_parameter(at, line, "filename", part->filename, sizeof part->filename))
                *part->filename = '\0';
        }
        at = line + 2;
    }
    *data = at + 2;
    return *part->name || !named ? UL_OK : broken(error, number, "it has no name");
}

static ul_status add_part(form_part **parts, size_t *count, size_t *room, size_t most,
    const form_part *part, ul_error *error) {
    if (*count == most)
        return ul_error_set(error, UL_ERROR_LIMIT, "the form has more than %zu parts", most);
    form_part *more = ul_grow(*parts, *count, room, sizeof **parts);
    if (!more)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu parts", *count);
    *parts = more;
    (*parts)[(*count)++] = *part;
    return UL_OK;
}

/* delimiter: a line end and the boundary. The first one may stand without the line end. */
static ul_status take_parts(const char *delimiter, bool named, const char *body, size_t size,
    size_t most, form_part **parts, size_t *count, ul_error *error) {
    const char *end = body + size, *at = body;
    const size_t length = strlen(delimiter);
    size_t room = 0;
    if (size >= length - 2 && memcmp(body, delimiter + 2, length - 2) == 0)
        at = body + length - 2;
    else if ((at = memmem(body, size, delimiter, length)) != NULL)
        at += length;
    else
        return ul_error_set(error, UL_ERROR_INPUT, "the form has no part");
    while (end - at < 2 || memcmp(at, "--", 2) != 0) {
        form_part part;
        const char *data = NULL;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (end - at < 2 || memcmp(at, "\r\n", 2) != 0)
            return broken(error, *count + 1, "its boundary does not end a line");
        ul_status status = take_headers(at + 2, end, *count + 1, named, &part, &data, error);
        if (status != UL_OK)
            return status;
        /* A part without content ends with the line end of its headers. */
        at = memmem(data - 2, (size_t)(end - data) + 2, delimiter, length);
        if (!at)
            return broken(error, *count + 1, "it is cut off");
        part.data = data;
        part.size = at > data ? (size_t)(at - data) : 0;
        status = add_part(parts, count, &room, most, &part, error);
        if (status != UL_OK)
            return status;
        at += length;
    }
    return UL_OK;
}

ul_status multipart_parse(const char *type, const char *body, size_t size, size_t most,
    form_part **parts, size_t *count, ul_error *error) {
    static const char form[] = "multipart/form-data", related[] = "multipart/related";
    char boundary[BOUNDARY_BYTES], delimiter[BOUNDARY_BYTES + 4];
    *parts = NULL;
    *count = 0;
    bool named = type && strncasecmp(type, form, sizeof form - 1) == 0;
    if (!named && (!type || strncasecmp(type, related, sizeof related - 1) != 0))
        return ul_error_set(
            error, UL_ERROR_INPUT, "the body is neither multipart/form-data nor multipart/related");
    if (!take_parameter(type, type + strlen(type), "boundary", boundary, sizeof boundary) ||
        !*boundary)
        return ul_error_set(error, UL_ERROR_INPUT, "the form has no boundary, or too long a one");
    if (size == 0)
        return ul_error_set(error, UL_ERROR_INPUT, "the form has no part");
    snprintf(delimiter, sizeof delimiter, "\r\n--%s", boundary);
    ul_status status = take_parts(delimiter, named, body, size, most, parts, count, error);
    if (status != UL_OK) {
        free(*parts);
        *parts = NULL;
        *count = 0;
    }
    return status;
}

const form_part *multipart_find(const form_part *parts, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(parts[i].name, name) == 0)
            return &parts[i];
    return NULL;
}
