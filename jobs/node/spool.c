#define _DEFAULT_SOURCE /* flock */

#include "jobs/node/spool.h"

#include "io/base/sha256.h"
#include "libulite/base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

void spool_path(const node_spool *spool, const char *folder, const char *name, const char *more,
    char path[SPOOL_PATH_BYTES]) {
    snprintf(path, SPOOL_PATH_BYTES, "%s/%s%s%s%s%s", spool->root, folder, name ? "/" : "",
        name ? name : "", more ? "/" : "", more ? more : "");
}

void spool_study_key(const char *study_uid, char study[SPOOL_KEY_BYTES]) {
    ul_sha256_name("study", study_uid, study);
}

static ul_status cannot(const char *path, const char *what, ul_error *error) {
    return ul_error_set(
        error, UL_ERROR_OUTPUT, "%s: the spool cannot be %s: %s", path, what, strerror(errno));
}

/* Deletes all that a folder holds. */
static void empty(const node_spool *spool, const char *folder) {
    char path[SPOOL_PATH_BYTES];
    spool_path(spool, folder, NULL, NULL, path);
    files_clear(path);
    mkdir(path, 0700);
}

/* The processes of a killed node have the lock until they are gone. */
static bool own(int file) {
    const struct timespec wait = {0, 50000000};
    for (int tries = 0; tries < 100; tries++) {
        if (flock(file, LOCK_EX | LOCK_NB) == 0)
            return true;
        nanosleep(&wait, NULL);
    }
    return false;
}

ul_status spool_open(const char *folder, node_spool *spool, ul_error *error) {
    static const char *const folders[] = {
        "incoming", "new", "work", "done", "making", "outbox", "results", "crashes", NULL};
    char path[SPOOL_PATH_BYTES];
    *spool = (node_spool){.owner = -1};
    if ((size_t)snprintf(spool->root, sizeof spool->root, "%s", folder) >= sizeof spool->root)
        return ul_error_set(error, UL_ERROR_OUTPUT, "the path of the spool is too long");
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return cannot(folder, "made", error);
    spool_path(spool, "lock", NULL, NULL, path);
    spool->owner = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->owner < 0)
        return cannot(folder, "written", error);
    if (!own(spool->owner))
        return ul_error_set(error, UL_ERROR_OUTPUT,
            "%s: another node has this spool: stop it, or take another \"spool\"", folder);
    for (const char *const *name = folders; *name; name++) {
        spool_path(spool, *name, NULL, NULL, path);
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return cannot(path, "made", error);
    }
    empty(spool, "incoming");
    empty(spool, "making");
    return ul_output_sync_folder(folder) ? UL_OK : cannot(folder, "sent to the disk", error);
}

void spool_close(node_spool *spool) {
    if (spool->owner >= 0)
        close(spool->owner);
    spool->owner = -1;
}

uint64_t spool_free_bytes(const node_spool *spool) {
    struct statvfs disk;
    return statvfs(spool->root, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;
}

/* Who puts an object shares new/, who takes a study has it alone. Nobody holds it over an fsync. */
static int lock_new(const node_spool *spool, int how) {
    char path[SPOOL_PATH_BYTES];
    spool_path(spool, "new", NULL, NULL, path);
    int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (file >= 0 && flock(file, how) != 0)
        if (errno != EINTR) {
            close(file);
            return -1;
        }
    return file;
}

/* Where an object is put. */
typedef struct place {
    char key[SPOOL_KEY_BYTES]; /* of its series */
    char study[SPOOL_PATH_BYTES], series[SPOOL_PATH_BYTES], file[SPOOL_PATH_BYTES];
} place;

/* Makes the folders that are missing and renames the object. *fresh: this process cannot know that
 * they are on the disk. Returns the open folder, which is found by that wherever it is moved to; -1
 * where it failed. */
static int put_locked(node_spool *spool, const char *path, const place *to, bool *fresh) {
    *fresh = mkdir(to->study, 0700) == 0;
    *fresh = mkdir(to->series, 0700) == 0 || *fresh || strcmp(spool->synced, to->key) != 0;
    if (rename(path, to->file) != 0)
        return -1;
    return open(to->series, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool put(node_spool *spool, const char *path, const place *to) {
    bool fresh = false;
    int lock = lock_new(spool, LOCK_SH);
    if (lock < 0)
        return false;
    int series = put_locked(spool, path, to, &fresh);
    flock(lock, LOCK_UN);
    bool lasts = series >= 0 && fsync(series) == 0;
    if (lasts && fresh) { /* a study that was taken by now is in another folder, whose rename lasts
                             as well */
        ul_output_sync_folder(to->study);
        lasts = fsync(lock) == 0;
    }
    if (lasts)
        memcpy(spool->synced, to->key, sizeof spool->synced);
    if (series >= 0)
        close(series);
    close(lock);
    return lasts;
}

ul_status spool_put(node_spool *spool, const char *path, const char *study_uid,
    const char *series_uid, const char *instance_uid, ul_error *error) {
    place to;
    char study[SPOOL_KEY_BYTES], name[SPOOL_KEY_BYTES];
    spool_study_key(study_uid, study);
    ul_sha256_name("series", series_uid, to.key);
    ul_sha256_name("instance", instance_uid, name);
    spool_path(spool, "new", study, NULL, to.study);
    spool_path(spool, "new", study, to.key, to.series);
    if ((size_t)snprintf(to.file, sizeof to.file, "%s/%s", to.series, name) >= sizeof to.file)
        return ul_error_set(error, UL_ERROR_OUTPUT, "the path of the spool is too long");
    return put(spool, path, &to) ? UL_OK : cannot(to.file, "written", error);
}

void spool_drop(const node_spool *spool, const char *start) {
    char path[SPOOL_PATH_BYTES];
    name_list names;
    ul_error error = {0};
    spool_path(spool, "incoming", NULL, NULL, path);
    if (files_list(path, &names, &error) != UL_OK)
        return;
    for (size_t n = 0; n < names.count; n++)
        if (strncmp(names.names[n], start, strlen(start)) == 0) {
            spool_path(spool, "incoming", names.names[n], NULL, path);
            unlink(path);
        }
    files_free(&names);
}

/* When something was last put into a study; 0: it is not there. */
static double last_change(const char *folder) {
    struct stat info;
    name_list series;
    ul_error error = {0};
    if (stat(folder, &info) != 0 || files_list(folder, &series, &error) != UL_OK)
        return 0.0;
    double last = (double)info.st_mtim.tv_sec + (double)info.st_mtim.tv_nsec * 1e-9;
    for (size_t s = 0; s < series.count; s++) {
        char path[SPOOL_PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", folder, series.names[s]);
        if (stat(path, &info) != 0)
            continue;
        double changed = (double)info.st_mtim.tv_sec + (double)info.st_mtim.tv_nsec * 1e-9;
        last = changed > last ? changed : last;
    }
    files_free(&series);
    return last;
}

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool merge_series(const char *from, const char *into) {
    char source[SPOOL_PATH_BYTES], target[SPOOL_PATH_BYTES];
    name_list files;
    ul_error error = {0};
    bool moved = files_list(from, &files, &error) == UL_OK;
    mkdir(into, 0700);
    for (size_t f = 0; f < files.count; f++) {
        snprintf(source, sizeof source, "%s/%s", from, files.names[f]);
        snprintf(target, sizeof target, "%s/%s", into, files.names[f]);
        moved = (files_exists(target) || rename(source, target) == 0) && moved;
    }
    files_free(&files);
    return moved;
}

/* Moves what one study holds into another one, in which a file of the same name stays. False:
 * something could not be moved, and stays where it is. */
static bool merge(const char *from, const char *into) {
    char source[SPOOL_PATH_BYTES], target[SPOOL_PATH_BYTES];
    name_list series;
    ul_error error = {0};
    bool moved = files_list(from, &series, &error) == UL_OK;
    for (size_t s = 0; s < series.count; s++) {
        snprintf(source, sizeof source, "%s/%s", from, series.names[s]);
        snprintf(target, sizeof target, "%s/%s", into, series.names[s]);
        moved = merge_series(source, target) && moved;
    }
    files_free(&series);
    if (moved)
        files_clear(from);
    return moved;
}

/* Whoever is killed here, or has no room, leaves the study in new/, with more of it than before. */
static bool take(const node_spool *spool, const char *study) {
    char fresh[SPOOL_PATH_BYTES], kept[SPOOL_PATH_BYTES], work[SPOOL_PATH_BYTES];
    spool_path(spool, "new", study, NULL, fresh);
    spool_path(spool, "done", study, NULL, kept);
    spool_path(spool, "work", study, NULL, work);
    int lock = lock_new(spool, LOCK_EX);
    if (lock < 0)
        return false;
    bool taken = (!files_exists(kept) || merge(kept, fresh)) && rename(fresh, work) == 0;
    close(lock);
    return taken;
}

bool spool_take(const node_spool *spool, double quiet_seconds, spool_busy *busy, void *context,
    char study[SPOOL_KEY_BYTES]) {
    char path[SPOOL_PATH_BYTES];
    name_list studies;
    ul_error error = {0};
    double now = now_seconds(), oldest = now + 1.0;
    *study = '\0';
    spool_path(spool, "new", NULL, NULL, path);
    if (files_list(path, &studies, &error) != UL_OK)
        return false;
    for (size_t s = 0; s < studies.count; s++) {
        spool_path(spool, "work", studies.names[s], NULL, path);
        if (files_exists(path)) /* in its turn */
            continue;
        spool_path(spool, "new", studies.names[s], NULL, path);
        double changed = last_change(path), quiet = now - changed;
        /* A clock that was set back must not keep it here for ever. */
        bool complete = changed > 0.0 && (quiet >= quiet_seconds || quiet < -1.0);
        if (complete && changed < oldest && !busy(context, studies.names[s])) {
            oldest = changed;
            snprintf(study, SPOOL_KEY_BYTES, "%s", studies.names[s]);
        }
    }
    files_free(&studies);
    return *study && take(spool, study);
}

bool spool_work(const node_spool *spool, char study[SPOOL_KEY_BYTES]) {
    char path[SPOOL_PATH_BYTES];
    name_list studies;
    ul_error error = {0};
    spool_path(spool, "work", NULL, NULL, path);
    if (files_list(path, &studies, &error) != UL_OK)
        return false;
    bool any = studies.count > 0;
    if (any)
        snprintf(study, SPOOL_KEY_BYTES, "%s", studies.names[0]);
    files_free(&studies);
    return any;
}

ul_status spool_finish(const node_spool *spool, const char *study, ul_error *error) {
    char from[SPOOL_PATH_BYTES], to[SPOOL_PATH_BYTES], crashes[SPOOL_PATH_BYTES];
    spool_path(spool, "work", study, NULL, from);
    spool_path(spool, "done", study, NULL, to);
    spool_path(spool, "crashes", study, NULL, crashes);
    files_clear(to); /* an older one would be in the way */
    if (rename(from, to) != 0)
        return cannot(to, "written", error);
    utimensat(AT_FDCWD, to, NULL, 0); /* it is kept from now on */
    unlink(crashes);
    return UL_OK;
}

static void expire(const node_spool *spool, const char *folder, double seconds) {
    char path[SPOOL_PATH_BYTES];
    struct stat info;
    name_list names;
    ul_error error = {0};
    spool_path(spool, folder, NULL, NULL, path);
    if (files_list(path, &names, &error) != UL_OK)
        return;
    for (size_t n = 0; n < names.count; n++) {
        spool_path(spool, folder, names.names[n], NULL, path);
        if (stat(path, &info) == 0 && now_seconds() - (double)info.st_mtime > seconds)
            files_clear(path);
    }
    files_free(&names);
}

void spool_expire(const node_spool *spool, double keep_seconds, double remember_seconds) {
    expire(spool, "done", keep_seconds);
    expire(spool, "results", remember_seconds);
}

size_t spool_crashed(const node_spool *spool, const char *study) {
    char path[SPOOL_PATH_BYTES];
    struct stat info;
    spool_path(spool, "crashes", study, NULL, path);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        return 0;
    size_t count = write(file, "x", 1) == 1 && fstat(file, &info) == 0 ? (size_t)info.st_size : 0;
    close(file);
    return count;
}

static size_t count(const node_spool *spool, const char *folder) {
    char path[SPOOL_PATH_BYTES];
    name_list names;
    ul_error error = {0};
    spool_path(spool, folder, NULL, NULL, path);
    if (files_list(path, &names, &error) != UL_OK)
        return 0;
    size_t found = names.count;
    files_free(&names);
    return found;
}

void spool_count(const node_spool *spool, spool_counts *counts) {
    *counts = (spool_counts){count(spool, "new"), count(spool, "work"), count(spool, "outbox")};
}
