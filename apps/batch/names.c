#include "apps/batch/batch.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LETTERS "cefhjkmnsu"

/* A name being written. */
typedef struct naming {
    char *at, *end;
} naming;

static void put(naming *n, char c) {
    if (n->at < n->end)
        *n->at++ = c;
}

/* What is safe in names of a text; folders: slashes stay. */
static void put_safe(naming *n, const char *text, bool folders) {
    for (const char *at = text; *at; at++) {
        bool part = at == text || at[-1] == '/';
        bool safe = isalnum((unsigned char)*at) || *at == '-' || *at == '_' ||
                    (*at == '.' && !part) || (*at == '/' && folders && !part);
        put(n, safe ? *at : '_');
    }
}

/* The value of a BIDS entity ("sub-") in a path; "none" where it has none. */
static void put_entity(naming *n, const char *path, const char *entity) {
    const char *found = NULL;
    for (const char *at = path; (at = strstr(at, entity)); at++)
        if (at == path || at[-1] == '/' || at[-1] == '_')
            found = at + strlen(entity);
    if (!found || !isalnum((unsigned char)*found)) {
        put_safe(n, "none", false);
        return;
    }
    for (; isalnum((unsigned char)*found); found++)
        put(n, *found);
}

static void put_hash(naming *n, const char *identity) {
    char hash[17];
    target_hash(identity, hash);
    put_safe(n, hash, false);
}

/* What a letter stands for; false where a file has none. */
static bool put_letter(naming *n, char letter, const batch *b, const batch_turn *turn) {
    const ul_series_info *info = turn->series ? ul_series_get_info(turn->series) : NULL;
    char text[TARGET_PATH_BYTES];
    if (strchr("jks", letter) && !info)
        return false;
    if (letter == 'j') {
        target_identity(turn->series, NULL, text);
        put_hash(n, text);
    } else if (letter == 'k') {
        put_hash(n, info->study_uid);
    } else if (letter == 's') {
        snprintf(text, sizeof text, "%d", info->series_number);
        put_safe(n, text, false);
    } else if (letter == 'n') {
        snprintf(text, sizeof text, "%05zu", turn->item->number);
        put_safe(n, text, false);
    } else if (letter == 'c') {
        snprintf(text, sizeof text, "%.16s", turn->item->key);
        put_safe(n, text, false);
    } else if (letter == 'h') {
        snprintf(text, sizeof text, "%.8s", b->model.hash);
        put_safe(n, text, false);
    } else if (letter == 'm') {
        put_safe(n, b->model.card.name, false);
    } else if (letter == 'f') {
        put_safe(n, turn->item->name, true);
    } else {
        put_entity(n, turn->item->path, letter == 'u' ? "sub-" : "ses-");
    }
    return true;
}

ul_status batch_name_check(const char *pattern, ul_error *error) {
    if (*pattern == '/' || strstr(pattern, "..") || !*pattern)
        return ul_error_set(
            error, UL_ERROR_USAGE, "--name takes a pattern below OUT, not \"%s\"", pattern);
    for (const char *at = strchr(pattern, '%'); at; at = strchr(at + 2, '%'))
        if (!at[1] || !strchr(LETTERS "%", at[1]))
            return ul_error_set(error, UL_ERROR_USAGE,
                "--name: %%%c in \"%s\" is none of %%c %%e %%f %%h %%j %%k %%m %%n %%s %%u", at[1],
                pattern);
    return UL_OK;
}

/* Of the input's own kind where --format does not say. */
static const char *ending_of(const batch *b, const batch_turn *turn) {
    if (b->arguments->format_count > 0)
        return b->arguments->formats[0];
    return target_ending(
        target_of_image(turn->series ? IMAGE_NONE : image_file_kind(turn->source)));
}

/* The name of a file beside the output, where it is wanted; false where that is too long. */
static bool name_beside(
    const batch_turn *turn, const char *ending, bool wanted, char name[TARGET_PATH_BYTES]) {
    int length =
        wanted ? snprintf(name, TARGET_PATH_BYTES, "%.*s%s", (int)turn->stem, turn->output, ending)
               : 0;
    return length < TARGET_PATH_BYTES;
}

ul_status batch_name(const batch *b, batch_turn *turn, ul_error *error) {
    const char *pattern = b->arguments->name, *folder = b->arguments->folder;
    if (!pattern) /* of a series that of `ulite segment -o OUT/` */
        pattern = turn->series ? "%j-%m-%h" : "%f-%m-%h";
    naming n = {turn->output, turn->output + sizeof turn->output - 1};
    for (const char *at = folder; *at; at++)
        put(&n, *at);
    if (n.at > turn->output && n.at[-1] != '/')
        put(&n, '/');
    if (batch_is_bids(b, turn->item)) {
        char name[TARGET_PATH_BYTES];
        if (batch_bids_name(b, turn->item, name, error) != UL_OK)
            return error->status;
        put_safe(&n, name, true);
        pattern = "";
    }
    for (const char *at = pattern; *at; at++) {
        if (*at != '%')
            put(&n, *at);
        else if (*++at == '%')
            put(&n, '%');
        else if (!put_letter(&n, *at, b, turn))
            return ul_error_set(
                error, UL_ERROR_USAGE, "--name: %%%c is known of DICOM images only", *at);
    }
    turn->stem = (size_t)(n.at - turn->output);
    for (const char *at = ending_of(b, turn); *at; at++)
        put(&n, *at);
    *n.at = '\0';
    bool fits = n.at < n.end && name_beside(turn, ".sc.dcm", b->arguments->sc, turn->capture);
    for (size_t f = 1; f < b->arguments->format_count; f++)
        fits = fits && name_beside(turn, b->arguments->formats[f], true, turn->beside[f - 1]);
    return fits ? UL_OK
                : ul_error_set(error, UL_ERROR_OUTPUT, "the name of the output is too long");
}

void batch_make_folders(const char *path) {
    char folder[TARGET_PATH_BYTES];
    for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(at - path), path);
        mkdir(folder, 0777); /* that it cannot be made shows when the file is written */
    }
}
