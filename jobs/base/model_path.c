#include "jobs/base/model_path.h"

#include "jobs/base/paths.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".safetensors"
#define MAX_FOLDERS 16
#define MAX_MODELS 256
#define NAME_BYTES 64

typedef struct folders {
    char path[MAX_FOLDERS][MODEL_PATH_BYTES];
    size_t count;
} folders;

static void add_folder(folders *all, const char *base, const char *below) {
    if (all->count == MAX_FOLDERS || !*base)
        return;
    int length = snprintf(all->path[all->count], MODEL_PATH_BYTES, "%s%s", base, below);
    all->count += length < MODEL_PATH_BYTES;
}

/* The folders that may hold bundled models, the first to be searched first. */
static void list_folders(folders *all) {
    all->count = 0;
    const char *variable = getenv("ULITE_MODELS");
    while (variable && *variable) {
        char folder[MODEL_PATH_BYTES];
        size_t length = strcspn(variable, ":");
        snprintf(folder, sizeof folder, "%.*s", (int)length, variable);
        add_folder(all, folder, "");
        variable += length + (variable[length] == ':');
    }
    char program[FILES_PATH_BYTES];
    if (!files_program_folder(program))
        return;
    add_folder(all, program, "/../share/ulite/models"); /* PREFIX/bin/ulite */
    add_folder(all, program, "/../../../models");       /* SOURCE/build/PRESET/bin/ulite */
}

static bool is_file(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

/* A folder holds a model as NAME.safetensors or, with its papers, as NAME/NAME.safetensors. */
static bool find_in(const char *folder, const char *name, char path[MODEL_PATH_BYTES]) {
    int length = snprintf(path, MODEL_PATH_BYTES, "%s/%.*s" SUFFIX, folder, NAME_BYTES, name);
    if (length < MODEL_PATH_BYTES && is_file(path))
        return true;
    length = snprintf(
        path, MODEL_PATH_BYTES, "%s/%.*s/%.*s" SUFFIX, folder, NAME_BYTES, name, NAME_BYTES, name);
    return length < MODEL_PATH_BYTES && is_file(path);
}

typedef struct listing {
    char text[512];
} listing;

static void add_name(void *context, const char *name, const char *path) {
    listing *names = context;
    (void)path;
    size_t used = strlen(names->text);
    snprintf(names->text + used, sizeof names->text - used, used ? ", %s" : "%s", name);
}

static ul_status find_bundled(const char *model, char path[MODEL_PATH_BYTES], ul_error *error) {
    folders all;
    list_folders(&all);
    for (size_t i = 0; i < all.count && !strchr(model, '/'); i++)
        if (find_in(all.path[i], model, path))
            return UL_OK;
    listing names = {""};
    model_path_each(add_name, &names);
    return ul_error_set(error, UL_ERROR_INPUT,
        "%s: no model file and no bundled model of this name; bundled are: %s", model,
        *names.text ? names.text : "none, see ULITE_MODELS in `ulite help models`");
}

ul_status model_path_find(const char *model, char path[MODEL_PATH_BYTES], ul_error *error) {
    if (is_file(model)) {
        if (snprintf(path, MODEL_PATH_BYTES, "%s", model) < MODEL_PATH_BYTES)
            return UL_OK;
        return ul_error_set(error, UL_ERROR_INPUT, "the path of the model is too long");
    }
    return find_bundled(model, path, error);
}

ul_status model_path_find_beside(
    const char *path, const char *name, char found[MODEL_PATH_BYTES], ul_error *error) {
    char folder[MODEL_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    for (int form = 0; form < 2; form++) {
        int used = snprintf(folder, sizeof folder, form ? "%.*s/.." : "%.*s",
            slash ? (int)length : 1, slash ? path : ".");
        if (used < MODEL_PATH_BYTES && find_in(folder, name, found))
            return UL_OK;
    }
    return find_bundled(name, found, error);
}

typedef struct bundled {
    char name[NAME_BYTES];
    size_t folder;
} bundled;

static int compare(const void *a, const void *b) {
    const bundled *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : left->folder < right->folder ? -1 : 1;
}

static size_t list_models(const folders *all, bundled models[MAX_MODELS]) {
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        DIR *folder = opendir(all->path[i]);
        if (!folder)
            continue;
        for (struct dirent *entry = readdir(folder); entry && count < MAX_MODELS;
             entry = readdir(folder)) {
            char name[NAME_BYTES], path[MODEL_PATH_BYTES];
            size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);
            if (length > suffix && strcmp(entry->d_name + length - suffix, SUFFIX) == 0)
                length -= suffix;
            if (length >= NAME_BYTES)
                continue;
            snprintf(name, sizeof name, "%.*s", (int)length, entry->d_name);
            if (!find_in(all->path[i], name, path))
                continue;
            memcpy(models[count].name, name, sizeof name);
            models[count++].folder = i;
        }
        closedir(folder);
    }
    qsort(models, count, sizeof *models, compare);
    return count;
}

void model_path_each(model_path_visit *visit, void *context) {
    folders all;
    list_folders(&all);
    bundled models[MAX_MODELS];
    size_t count = list_models(&all, models);
    for (size_t i = 0; i < count; i++) {
        if (i && strcmp(models[i].name, models[i - 1].name) == 0)
            continue; /* an earlier folder's stands before it */
        char path[MODEL_PATH_BYTES];
        if (find_in(all.path[models[i].folder], models[i].name, path))
            visit(context, models[i].name, path);
    }
}
