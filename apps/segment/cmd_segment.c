#include "apps/archive/unpacked.h"
#include "apps/base/console.h"
#include "apps/base/ending.h"
#include "apps/base/event.h"
#include "apps/base/input_kind.h"
#include "apps/base/seg_type.h"
#include "apps/base/target.h"
#include "apps/convert/label_table.h"
#include "apps/segment/segment.h"
#include "jobs/base/digits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int segment_run(int argc, char **argv);

const cli_command cmd_segment = {.name = "segment",
    .summary = "label a DICOM series, a NIfTI volume or a PNG picture with a model",
    .help =
        "Usage: ulite segment INPUT... -m MODEL -o OUT [-o OUT2] [--series UID|NUMBER]\n"
        "                     [--frame N] [--source FOLDER] [--type T] [--rle|--deflated]\n"
        "                     [--grid original|regular] [--stats F.json|F.csv]\n"
        "                     [--preview F.png] [--html F.html] [--sc F.dcm] [--report F.json]\n"
        "                     [--only NAME,...]\n"
        "                     [--label-table F.tsv|F.txt|F.json]\n"
        "                     [--roi X0:X1,Y0:Y1,Z0:Z1[mm]]\n"
        "                     [--mask F.nii.gz] [--threads N] [--random-uids] [--tta]\n"
        "                     [--force] [--strict]\n"
        "\n"
        "INPUT is a DICOM file or folder (several may be given), .nii, .nii.gz, .hdr, .nrrd,\n"
        ".nhdr or .png, or a zip or tar archive of one of these. OUT says by its ending what is\n"
        "written: .dcm (a DICOM Segmentation), .rtstruct.dcm (an RT Structure Set), .sr.dcm (a\n"
        "report of the volumes, SR TID 1500, on the .dcm beside it), .nii or .nii.gz, .nrrd\n"
        "(.seg.nrrd for 3D Slicer), .png, or a folder, where the file gets a name from a hash of\n"
        "the series UID and from the model. Of several volumes in a folder the one that the model\n"
        "was made for is taken if just one is.\n"
        "A model of a part, as hippocampus, finds it in a whole head by the model that its card\n"
        "names (localiser), and labels it on both sides; what fits it already is taken as it is.\n"
        "To a model of grey images pictures stored in colour with equal channels are grey.\n"
        "\n"
        "  -m, --model MODEL     a file, or the name of a bundled model; required\n"
        "  -o, --output OUT      required, may be given several times\n"
        "      --series X        series number, NUMBER.PART for a part of one, or UID; `ulite\n"
        "                        info` lists them, with what tells parts apart\n"
        "      --frame N         the N-th volume of a 4D NIfTI or NRRD file\n"
        "      --source FOLDER   the DICOM images that a .dcm of another input belongs to\n"
        "      --type T          of a .dcm: binary, fractional, labelmap (Supplement 243) or auto\n"
        "                        (default): binary where viewers read it rightly and there are\n"
        "                        up to 8 segments, else labelmap; a note says why\n"
        "      --rle             a labelmap with compressed frames\n"
        "      --deflated        a SEG of any type compressed as a whole, which not all viewers "
        "read\n"
        "      --grid G          original (default): labels lie on the slices of the source;\n"
        "                        regular: tilted or unevenly spaced slices are resampled to an\n"
        "                        even grid first, for models and readers that need one\n"
        "      --stats F         .json or .csv: voxels, mL (2D: mm2), box, mean and sd of each\n"
        "                        segment\n"
        "      --label-table F   names and colours of the labels: .tsv (BIDS), .txt (ITK-SNAP) or\n"
        "                        .json (niivue); NIfTI and NRRD files hold them, too\n"
        "      --preview F.png   a picture: each segment in three planes through its middle, with\n"
        "                        sides, places in mm, a scale, names and mL\n"
        "      --html F.html     a page for any browser in one file, without a network: slices in\n"
        "                        three planes to scroll through, with the segments over them,\n"
        "                        mL, notes and the model's card\n"
        "      --sc F.dcm        the picture of --preview as a DICOM Secondary Capture, for what\n"
        "                        cannot show a SEG\n"
        "      --report F.json   what was run on what, and which image became which slice\n"
        "      --only NAME,...   these classes of the model alone, or groups of them, of which\n"
        "                        each becomes one segment; `ulite info MODEL` lists them\n"
        "      --roi R           segments the box R alone: X0:X1,Y0:Y1,Z0:Z1 in voxels as they\n"
        "                        are stored, from 0, the ends not included, or in LPS mm with mm\n"
        "                        at the end (as the boxes of --stats); labels lie on all of the\n"
        "                        source\n"
        "      --mask F          .nii or .nii.gz: the image with all that no segment covers set\n"
        "                        to padding, or 0: `--only Brain --mask F` strips the skull\n"
        "      --threads N       0 (default): one per processor\n"
        "      --random-uids     new UIDs at every run\n"
        "      --tta             average flipped runs, where the model allows it\n"
        "      --force           run a model on what it was not made for; the SEG says so. Of\n"
        "                        real colour a model of grey images gets the luminance\n"
        "      --strict          exit 1 where a segment is doubtful: empty, cut off by the field\n"
        "                        of view, in pieces, of a volume unlike those of the training\n"
        "                        cases, or with an uncertain surface; outputs are written\n"
        "      --json            events on stdout, a line each\n"
        "      --progress P      auto, always, never, or slicer: elements on stdout by which 3D\n"
        "                        Slicer draws its bar\n"
        "      --xml             describes the program to 3D Slicer, whose module it becomes by\n"
        "                        share/ulite/slicer (docs/slicer-ohif.md)\n"
        "  -q, --quiet           no messages\n"
        "\n"
        "Examples:\n"
        "  ulite segment mr/ -m hippocampus -o hippocampus.seg.dcm\n"
        "  ulite segment head.nii.gz -m brain -o labels.nii.gz --stats volumes.csv\n"
        "  ulite segment study/ --series 4 -m hippocampus -o out/ -o labels.nii.gz\n",
    .run = segment_run};

enum {
    OPTION_SERIES = 2000,
    OPTION_FRAME,
    OPTION_SOURCE,
    OPTION_TYPE,
    OPTION_RLE,
    OPTION_DEFLATED,
    OPTION_GRID,
    OPTION_STATS,
    OPTION_REPORT,
    OPTION_PREVIEW,
    OPTION_HTML,
    OPTION_SC,
    OPTION_LABEL_TABLE,
    OPTION_ONLY,
    OPTION_MASK,
    OPTION_ROI,
    OPTION_THREADS,
    OPTION_RANDOM_UIDS,
    OPTION_TTA,
    OPTION_FORCE,
    OPTION_STRICT,
    OPTION_XML
};

static const struct option long_options[] = {CONSOLE_OPTIONS,
    {"model", required_argument, NULL, 'm'}, {"output", required_argument, NULL, 'o'},
    {"series", required_argument, NULL, OPTION_SERIES},
    {"frame", required_argument, NULL, OPTION_FRAME},
    {"source", required_argument, NULL, OPTION_SOURCE},
    {"type", required_argument, NULL, OPTION_TYPE}, {"rle", no_argument, NULL, OPTION_RLE},
    {"deflated", no_argument, NULL, OPTION_DEFLATED},
    {"grid", required_argument, NULL, OPTION_GRID},
    {"stats", required_argument, NULL, OPTION_STATS},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"preview", required_argument, NULL, OPTION_PREVIEW},
    {"html", required_argument, NULL, OPTION_HTML},
    {"label-table", required_argument, NULL, OPTION_LABEL_TABLE},
    {"sc", required_argument, NULL, OPTION_SC}, {"only", required_argument, NULL, OPTION_ONLY},
    {"mask", required_argument, NULL, OPTION_MASK}, {"roi", required_argument, NULL, OPTION_ROI},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"random-uids", no_argument, NULL, OPTION_RANDOM_UIDS}, {"tta", no_argument, NULL, OPTION_TTA},
    {"force", no_argument, NULL, OPTION_FORCE}, {"strict", no_argument, NULL, OPTION_STRICT},
    {"xml", no_argument, NULL, OPTION_XML}, {0}};

static int add_path(const char **paths, size_t *count, const char *path) {
    if (*count == SEGMENT_MAX_PATHS)
        return console_usage(&cmd_segment, "at most %d paths are allowed", SEGMENT_MAX_PATHS);
    paths[(*count)++] = path;
    return UL_OK;
}

static int take_type(segment_arguments *a, const char *text) {
    if (!seg_type_parse(text, &a->type))
        return console_usage(&cmd_segment, "--type takes " SEG_TYPES ", not \"%s\"", text);
    return UL_OK;
}

static int take_grid(segment_arguments *a, const char *text) {
    a->regular = strcmp(text, "regular") == 0;
    if (!a->regular && strcmp(text, "original") != 0)
        return console_usage(&cmd_segment, "--grid takes original or regular, not \"%s\"", text);
    return UL_OK;
}

static bool takes_stats(const char *path) {
    return ends_in(path, ".json") || ends_in(path, ".csv");
}

static bool takes_json(const char *path) {
    return ends_in(path, ".json");
}

static bool takes_png(const char *path) {
    return ends_in(path, ".png");
}

static bool takes_html(const char *path) {
    return ends_in(path, ".html");
}

static bool takes_dicom(const char *path) {
    return target_of(path) == TARGET_SEG;
}

static bool takes_volume(const char *path) {
    return target_of(path) == TARGET_NIFTI || target_of(path) == TARGET_NRRD;
}

/* The options that are a text, and how it ends where it is a file's name. */
static const struct text_option {
    int option;
    size_t offset; /* in segment_arguments */
    const char *name, *endings;
    bool (*takes)(const char *path);
} text_options[] = {
    {'m', offsetof(segment_arguments, model), "--model", NULL, NULL},
    {OPTION_SERIES, offsetof(segment_arguments, series), "--series", NULL, NULL},
    {OPTION_ONLY, offsetof(segment_arguments, only), "--only", NULL, NULL},
    {OPTION_ROI, offsetof(segment_arguments, roi), "--roi", NULL, NULL},
    {OPTION_STATS, offsetof(segment_arguments, stats), "--stats", ".json or .csv", takes_stats},
    {OPTION_REPORT, offsetof(segment_arguments, report), "--report", ".json", takes_json},
    {OPTION_LABEL_TABLE, offsetof(segment_arguments, label_table), "--label-table",
        LABEL_TABLE_ENDINGS, label_table_takes},
    {OPTION_MASK, offsetof(segment_arguments, mask), "--mask", ".nii, .nii.gz or .nrrd",
        takes_volume},
    {OPTION_PREVIEW, offsetof(segment_arguments, preview), "--preview", ".png", takes_png},
    {OPTION_SC, offsetof(segment_arguments, sc), "--sc", ".dcm", takes_dicom},
    {OPTION_HTML, offsetof(segment_arguments, html), "--html", ".html", takes_html},
};

/* Takes an option that is a text; the exit code of a wrong one, else UL_OK. */
static int take_text(segment_arguments *a, int option, const char *argument) {
    for (size_t t = 0; t < sizeof text_options / sizeof text_options[0]; t++) {
        const struct text_option *o = &text_options[t];
        if (o->option != option)
            continue;
        if (o->takes && !o->takes(argument))
            return console_usage(
                &cmd_segment, "%s takes a name in %s, not \"%s\"", o->name, o->endings, argument);
        *(const char **)((char *)a + o->offset) = argument;
        return UL_OK;
    }
    return console_usage(&cmd_segment, "wrong option");
}

/* Takes one option; the exit code of a wrong one, else UL_OK. */
static int take_option(segment_arguments *a, int option, const char *argument) {
    long number = 0;
    int code = UL_OK;
    switch (option) {
    case 'o':
        return add_path(a->outputs, &a->output_count, argument);
    case OPTION_FRAME:
        code = console_number(&cmd_segment, "--frame", argument, 1, 1000000000, &number);
        a->frame = (size_t)number;
        return code;
    case OPTION_SOURCE:
        return add_path(a->sources, &a->source_count, argument);
    case OPTION_TYPE:
        return take_type(a, argument);
    case OPTION_RLE:
        a->rle = true;
        return UL_OK;
    case OPTION_DEFLATED:
        a->deflated = true;
        return UL_OK;
    case OPTION_GRID:
        return take_grid(a, argument);
    case OPTION_THREADS:
        code = console_number(&cmd_segment, "--threads", argument, 0, UL_MOST_THREADS, &number);
        a->threads = (int)number;
        return code;
    case OPTION_RANDOM_UIDS:
        a->random_uids = true;
        return UL_OK;
    case OPTION_TTA:
        a->flips = true;
        return UL_OK;
    case OPTION_FORCE:
        a->force = true;
        return UL_OK;
    case OPTION_STRICT:
        a->strict = true;
        return UL_OK;
    case OPTION_XML:
        a->xml = true;
        return UL_OK;
    default:
        return take_text(a, option, argument);
    }
}

/* The last event: what was written, measured and noted. The result loses its list of outputs, and
 * flags are taken over. */
static void tell_done(segment_result *result, cJSON *flags, double seconds) {
    cJSON *event = event_begin("done");
    cJSON_AddItemToObject(event, "outputs", result->outputs);
    result->outputs = NULL;
    segment_add_volumes(event, result);
    cJSON_AddItemToObject(event, "flags", flags);
    cJSON_AddNumberToObject(event, "seconds", digits_seconds(seconds));
    event_print(event);
}

static ul_status segment_all(const segment_arguments *a, ul_error *error) {
    segment_model model;
    segment_result result = {0};
    double start = console_seconds();
    cJSON *flags = console_settings.json ? cJSON_CreateArray() : NULL;
    if (flags)
        console_listen_too(segment_keep_note, flags);
    ul_status status = segment_model_open(a->model, &model, error);
    if (status == UL_OK)
        status = segment_case(a, &model, &result, error);
    console_listen(NULL, NULL);
    if (status == UL_OK && flags)
        tell_done(&result, flags, console_seconds() - start);
    else
        cJSON_Delete(flags);
    segment_result_free(&result);
    segment_model_close(&model);
    return status;
}

/* What no input can make right is a wrong command line. */
static int check_usage(const segment_arguments *a) {
    input_kind kind = input_kind_of(a->inputs[0]);
    bool dicom = kind == INPUT_SERIES || kind == INPUT_SEG || kind == INPUT_RTSTRUCT;
    if (a->frame && kind != INPUT_NIFTI && kind != INPUT_NRRD)
        return console_usage(&cmd_segment, "--frame is for NIfTI and NRRD files");
    if (dicom && a->source_count > 0)
        return console_usage(&cmd_segment, "--source is for labels of NIfTI, NRRD or PNG inputs");
    if (!dicom && a->series && a->source_count == 0)
        return console_usage(&cmd_segment, "--series is for DICOM images");
    if (a->rle && a->deflated)
        return console_usage(&cmd_segment, "--rle and --deflated exclude each other");
    if (a->rle && !seg_type_takes_rle(a->type))
        return console_usage(&cmd_segment, "--rle goes with --type labelmap");
    return UL_OK;
}

/* command: the words that were typed, in their order, of which getopt makes another one in argv. */
static int run_command(int argc, char **argv, const char *const *command) {
    segment_arguments a = {.command = command};
    console_settings.events = true;
    console_settings.failed = event_failed;
    for (int option;
         (option = getopt_long(argc, argv, CONSOLE_SHORT "m:o:", long_options, NULL)) >= 0;) {
        int exit_code = UL_OK;
        if (console_option(&cmd_segment, option, optarg, &exit_code)) {
            if (exit_code >= 0)
                return exit_code;
            continue;
        }
        exit_code = take_option(&a, option, optarg);
        if (exit_code != UL_OK)
            return exit_code;
    }
    for (; optind < argc; optind++)
        if (add_path(a.inputs, &a.input_count, argv[optind]) != UL_OK)
            return UL_ERROR_USAGE;
    if (a.xml)
        return segment_describe_to_slicer();
    for (size_t n = 0; n < a.output_count; n++) /* a report holds mean values */
        a.measured = a.measured || target_of(a.outputs[n]) == TARGET_SR;
    if (a.input_count == 0 || !a.model || a.output_count == 0)
        return console_usage(&cmd_segment, "takes INPUT, -m MODEL and -o OUT: there is no%s%s%s",
            a.input_count ? "" : " INPUT", a.model ? "" : " -m", a.output_count ? "" : " -o");
    unpacked_inputs unpacked = {0};
    ul_error error = {0};
    int exit_code = UL_OK;
    for (size_t n = 0; n < a.input_count && error.status == UL_OK; n++)
        unpacked_open(&unpacked, &a.inputs[n], &error);
    if (error.status == UL_OK)
        exit_code = check_usage(&a);
    if (error.status == UL_OK && exit_code == UL_OK)
        segment_all(&a, &error);
    unpacked_close(&unpacked, &error);
    return error.status == UL_OK ? exit_code : console_fail(&cmd_segment, &error);
}

static int segment_run(int argc, char **argv) {
    const char **command = calloc((size_t)argc + 2, sizeof *command);
    if (!command)
        return console_fail(&cmd_segment, &(ul_error){UL_ERROR_LIMIT, "out of memory"});
    command[0] = "ulite";
    command[1] = cmd_segment.name;
    for (int n = 1; n < argc; n++)
        command[n + 1] = argv[n];
    int exit_code = run_command(argc, argv, command);
    free(command);
    return exit_code;
}
