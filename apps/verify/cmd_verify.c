#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/json_out.h"
#include "apps/options/options.h"
#include "ulite/seg.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>

static struct verify_values {
    const char *sources[64];
    size_t source_count;
} given;

#define CLI_VALUES struct verify_values
static const cli_option table[] = {
    {"source", 0, "FOLDER", CLI_LIST(sources, source_count),
        .help = "the images that it was made from: frames are checked against them (may be given "
                "several times)"},
    {"json", 0, NULL, CLI_SAID,
        .help = "one JSON object on stdout: {\"version\", \"file\", \"findings\": [{\"who\", "
                "\"text\"}]}"},
    {0},
};

static void print_findings(const ul_seg_finding *findings, size_t count) {
    for (size_t i = 0; i < count; i++)
        printf("%s: %s\n", findings[i].who, findings[i].text);
}

static ul_status print_json(
    const char *path, const ul_seg_finding *findings, size_t count, ul_error *error) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", 1);
    cJSON_AddStringToObject(object, "file", path);
    cJSON *array = cJSON_AddArrayToObject(object, "findings");
    for (size_t i = 0; i < count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "who", findings[i].who);
        cJSON_AddStringToObject(item, "text", findings[i].text);
        cJSON_AddItemToArray(array, item);
    }
    return json_out_print(object, error);
}

static int verify_run(char **arguments, ul_error *error) {
    const char *path = arguments[0];
    ul_catalog *catalog = NULL;
    ul_seg_finding *findings = NULL;
    ul_seg_counts counts = {0, 0};
    size_t count = 0;
    ul_status status = UL_OK;
    if (given.source_count > 0)
        status = choose_open(given.sources, given.source_count, 0, &catalog, error);
    if (status == UL_OK)
        status = ul_seg_verify(path, catalog, &findings, &count, error);
    if (status == UL_OK && count == 0)
        status = ul_seg_count(path, &counts, error);
    if (status == UL_OK && catalog)
        choose_note_faults(catalog);
    ul_catalog_close(catalog);
    if (status != UL_OK)
        return status;
    if (console_settings.json)
        status = print_json(path, findings, count, error);
    else
        print_findings(findings, count);
    free(findings);
    if (status != UL_OK)
        return status;
    if (count == 0 && !console_settings.json)
        console_say("%s: no problem found (%zu segment%s, %zu frame%s)", path, counts.segments,
            counts.segments == 1 ? "" : "s", counts.frames, counts.frames == 1 ? "" : "s");
    return count > 0;
}

const cli_command cmd_verify = {.name = "verify",
    .summary = "check a DICOM Segmentation for what viewers would refuse",
    .usage = "SEG [--source FOLDER] [--json]",
    .about =
        "Checks a DICOM Segmentation, whoever wrote it: attributes, segments, colours, frames, "
        "geometry and references, and what 3D Slicer, OHIF or dcmqi would refuse or show wrongly. "
        "Prints one line for each finding, with who minds it.",
    .options = table,
    .values = &given,
    .fewest = 1,
    .most = 1,
    .takes = "one SEG file",
    .exits = "Exits 0 when nothing is found and 1 when something is.",
    .examples = "ulite verify liver.seg.dcm\n"
                "ulite verify liver.seg.dcm --source ct/\n"
                "ulite verify liver.seg.dcm --source ct/ --json | jq '.findings[].text'",
    .run = verify_run};
