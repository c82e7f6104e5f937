#include "jobs/node/outbox.h"

#include "io/base/sha256.h"
#include "libulite/base/output.h"

#include <cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const SENT = "to-", *const REFUSED = "refused-";

static int by_text(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

void result_name(const ul_series *series, size_t slices, const char *plan,
    char name[SPOOL_KEY_BYTES], ul_error *error) {
    const ul_series_info *info = ul_series_get_info(series);
    const char **uids = malloc((slices + 1) * sizeof *uids);
    ul_sha256 sha;
    uint8_t digest[32];
    char hex[65];
    if (!uids) {
        ul_error_set(error, UL_ERROR_LIMIT, "out of memory for %zu images", slices);
        return;
    }
    for (size_t k = 0; k < slices; k++)
        uids[k] = ul_series_instance(series, k)->sop_instance_uid;
    qsort(uids, slices, sizeof *uids, by_text);
    ul_sha256_init(&sha);
    const char *const parts[] = {"1", info->series_uid, info->split, plan};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        ul_sha256_update(&sha, parts[p], strlen(parts[p]) + 1);
    for (size_t k = 0; k < slices; k++)
        ul_sha256_update(&sha, uids[k], strlen(uids[k]) + 1);
    free(uids);
    ul_sha256_final(&sha, digest);
    ul_sha256_hex(digest, hex);
    snprintf(name, SPOOL_KEY_BYTES, "%.*s", SPOOL_KEY_BYTES - 1, hex);
}

static void record_path(const node_spool *spool, const char *name, char path[SPOOL_PATH_BYTES]) {
    char file[SPOOL_KEY_BYTES + 8];
    snprintf(file, sizeof file, "%s.json", name);
    spool_path(spool, "results", file, NULL, path);
}

/* In this order: a result that leaves the outbox is in results/ before. */
bool result_known(const node_spool *spool, const char *name) {
    char path[SPOOL_PATH_BYTES];
    spool_path(spool, "outbox", name, NULL, path);
    if (files_exists(path))
        return true;
    record_path(spool, name, path);
    return files_exists(path);
}

ul_status result_begin(
    const node_spool *spool, const char *name, char path[SPOOL_PATH_BYTES], ul_error *error) {
    spool_path(spool, "making", name, NULL, path);
    files_clear(path);
    if (mkdir(path, 0700) != 0)
        return ul_error_set(
            error, UL_ERROR_OUTPUT, "%s: cannot be made: %s", path, strerror(errno));
    spool_path(spool, "making", name, "result.seg.dcm", path);
    return UL_OK;
}

static ul_status write_record(const char *path, const cJSON *record, ul_error *error) {
    char *text = cJSON_PrintUnformatted(record);
    if (!text)
        return ul_error_set(error, UL_ERROR_LIMIT, "out of memory for a record");
    ul_status status = ul_output_write(path, text, strlen(text), error);
    free(text);
    return status;
}

ul_status result_fail(
    const node_spool *spool, const char *name, const cJSON *record, ul_error *error) {
    char path[SPOOL_PATH_BYTES];
    spool_path(spool, "making", name, NULL, path);
    files_clear(path);
    record_path(spool, name, path);
    return write_record(path, record, error);
}

static bool touch(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return file >= 0 && close(file) == 0;
}

ul_status result_post(const node_spool *spool, const char *name, const char *const *peers,
    size_t peer_count, const cJSON *record, ul_error *error) {
    char path[SPOOL_PATH_BYTES], from[SPOOL_PATH_BYTES], mark[64];
    spool_path(spool, "making", name, "record.json", path);
    ul_status status = write_record(path, record, error);
    bool posted = true;
    for (size_t p = 0; p < peer_count && posted; p++) {
        snprintf(mark, sizeof mark, "%s%s", SENT, peers[p]);
        spool_path(spool, "making", name, mark, path);
        posted = touch(path);
    }
    spool_path(spool, "making", name, NULL, from);
    spool_path(spool, "outbox", name, NULL, path);
    posted = posted && status == UL_OK && ul_output_sync_folder(from) && rename(from, path) == 0;
    if (posted) {
        spool_path(spool, "outbox", NULL, NULL, path);
        ul_output_sync_folder(path);
    } else if (status == UL_OK) {
        status = ul_error_set(
            error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, strerror(errno));
    }
    return status;
}

static bool is_for(const node_spool *spool, const char *name, const char *peer) {
    char path[SPOOL_PATH_BYTES], mark[64];
    snprintf(mark, sizeof mark, "%s%s", SENT, peer);
    spool_path(spool, "outbox", name, mark, path);
    return files_exists(path);
}

ul_status outbox_list(
    const node_spool *spool, const char *peer, size_t most, name_list *names, ul_error *error) {
    char path[SPOOL_PATH_BYTES];
    spool_path(spool, "outbox", NULL, NULL, path);
    ul_status status = files_list(path, names, error);
    size_t kept = 0;
    for (size_t n = 0; n < names->count; n++) {
        if (kept < most && is_for(spool, names->names[n], peer))
            names->names[kept++] = names->names[n];
        else
            free(names->names[n]);
    }
    names->count = kept;
    return status;
}

ul_status outbox_files(
    const node_spool *spool, const char *name, name_list *paths, ul_error *error) {
    char path[SPOOL_PATH_BYTES];
    name_list files;
    spool_path(spool, "outbox", name, NULL, path);
    ul_status status = files_list(path, &files, error);
    char **longer = realloc(paths->names, (paths->count + files.count + 1) * sizeof *longer);
    if (longer)
        paths->names = longer;
    for (size_t f = 0; longer && f < files.count; f++) {
        if (!files_ends_with(files.names[f], ".dcm"))
            continue;
        spool_path(spool, "outbox", name, files.names[f], path);
        longer[paths->count] = strdup(path);
        if (!longer[paths->count])
            longer = NULL;
        else
            paths->count++;
    }
    files_free(&files);
    if (!longer)
        status = ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the paths of results");
    return status;
}

bool outbox_any(const node_spool *spool, const char *peer) {
    name_list names;
    ul_error error = {0};
    if (outbox_list(spool, peer, 1, &names, &error) != UL_OK)
        return false;
    bool any = names.count > 0;
    files_free(&names);
    return any;
}

/* Whether a result waits for a peer, or was refused by one. */
static bool is_open(const char *folder) {
    name_list names;
    ul_error error = {0};
    bool open = false;
    if (files_list(folder, &names, &error) != UL_OK)
        return true;
    for (size_t n = 0; n < names.count; n++)
        open = open || strncmp(names.names[n], SENT, strlen(SENT)) == 0 ||
               strncmp(names.names[n], REFUSED, strlen(REFUSED)) == 0;
    files_free(&names);
    return open;
}

/* Ends a result that every peer has: its record is moved before its folder is deleted. Of two that
 * do so at once, each finds done what the other one has. */
static void end_result(const node_spool *spool, const char *name) {
    char folder[SPOOL_PATH_BYTES], from[SPOOL_PATH_BYTES], to[SPOOL_PATH_BYTES];
    spool_path(spool, "outbox", name, NULL, folder);
    if (is_open(folder))
        return;
    spool_path(spool, "outbox", name, "record.json", from);
    record_path(spool, name, to);
    if (rename(from, to) != 0 && errno != ENOENT)
        return; /* the next start tries again */
    spool_path(spool, "results", NULL, NULL, to);
    ul_output_sync_folder(to);
    files_clear(folder);
}

void outbox_sent(const node_spool *spool, const char *name, const char *peer) {
    char path[SPOOL_PATH_BYTES], mark[64];
    snprintf(mark, sizeof mark, "%s%s", SENT, peer);
    spool_path(spool, "outbox", name, mark, path);
    unlink(path);
    end_result(spool, name);
}

bool outbox_refused(const node_spool *spool, const char *name, const char *peer, size_t most) {
    char path[SPOOL_PATH_BYTES], aside[SPOOL_PATH_BYTES], mark[64];
    struct stat info;
    snprintf(mark, sizeof mark, "%s%s", SENT, peer);
    spool_path(spool, "outbox", name, mark, path);
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0)
        return false;
    bool enough =
        write(file, "x", 1) == 1 && fstat(file, &info) == 0 && (size_t)info.st_size >= most;
    close(file);
    snprintf(mark, sizeof mark, "%s%s", REFUSED, peer);
    spool_path(spool, "outbox", name, mark, aside);
    return enough && rename(path, aside) == 0;
}

static void recover_result(const node_spool *spool, const char *name) {
    char folder[SPOOL_PATH_BYTES], from[SPOOL_PATH_BYTES], to[SPOOL_PATH_BYTES], mark[64];
    name_list names;
    ul_error error = {0};
    spool_path(spool, "outbox", name, NULL, folder);
    if (files_list(folder, &names, &error) != UL_OK)
        return;
    for (size_t n = 0; n < names.count; n++)
        if (strncmp(names.names[n], REFUSED, strlen(REFUSED)) == 0) {
            snprintf(mark, sizeof mark, "%s%s", SENT, names.names[n] + strlen(REFUSED));
            spool_path(spool, "outbox", name, names.names[n], from);
            spool_path(spool, "outbox", name, mark, to);
            if (touch(to)) /* with no refusals */
                unlink(from);
        }
    files_free(&names);
    end_result(spool, name);
}

void outbox_recover(const node_spool *spool) {
    char path[SPOOL_PATH_BYTES];
    name_list names;
    ul_error error = {0};
    spool_path(spool, "outbox", NULL, NULL, path);
    if (files_list(path, &names, &error) != UL_OK)
        return;
    for (size_t n = 0; n < names.count; n++)
        recover_result(spool, names.names[n]);
    files_free(&names);
}
