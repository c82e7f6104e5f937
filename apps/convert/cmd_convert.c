#include "apps/archive/unpacked.h"
#include "apps/base/console.h"
#include "apps/base/ending.h"
#include "apps/base/input_kind.h"
#include "apps/base/json_out.h"
#include "apps/base/seg_type.h"
#include "apps/base/target.h"
#include "apps/convert/convert.h"
#include "apps/convert/label_table.h"

#include <string.h>

static int convert_run(int argc, char **argv);

const cli_command cmd_convert = {.name = "convert",
    .summary = "DICOM series to NIfTI or NRRD, segmentations between DICOM, NIfTI and NRRD",
    .help =
        "Usage: ulite convert INPUT -o OUT [-o F.sr.dcm] [--source FOLDER]\n"
        "                     [--series UID|NUMBER] [--segments F.json|MODEL]\n"
        "                     [--type T] [--rle|--deflated]\n"
        "                     [--grid original|regular] [--all|--split] [--sidecar]\n"
        "                     [--names F.json]\n"
        "                     [--label-table F.tsv|F.txt|F.json]\n"
        "                     [--philips-float]\n"
        "\n"
        "INPUT is a DICOM folder or file, a DICOM Segmentation or RT Structure Set, labels in\n"
        "NIfTI, NRRD or PNG, or an image in NIfTI or NRRD; OUT says by its ending what is made of\n"
        "it: .nii or .nii.gz, .nrrd (labels: .seg.nrrd for 3D Slicer), .dcm (a DICOM\n"
        "Segmentation), .rtstruct.dcm (an RT Structure Set), .png (labels of one slice), or a\n"
        "folder, where the file gets a name from a hash of the series UID. INPUT may lie in a zip\n"
        "or tar archive, which is unpacked for the time of the run.\n"
        "Labels become a .dcm on the slices of --source: they must lie on its voxels and, of a\n"
        "NIfTI or PNG file, cover all of them, with axes in any order and direction.\n"
        "\n"
        "  -o, --output OUT      required; beside a .dcm, or of a SEG as INPUT, also F.sr.dcm: a\n"
        "                        report of what the segments measure (SR TID 1500), on that SEG\n"
        "      --source FOLDER   the images that the segmentation belongs to (may be given\n"
        "                        several times); a SEG is then read on their full grid, else on\n"
        "                        that of its own frames\n"
        "      --series X        series number, NUMBER.PART for a part of one, or UID\n"
        "      --segments F      what the label values mean: a JSON file (docs/segments.md), or a\n"
        "                        model, whose classes they are\n"
        "      --names F         from a SEG: write what its label values mean to F\n"
        "      --label-table F   names and colours of the labels: .tsv (BIDS), .txt (ITK-SNAP) or\n"
        "                        .json (niivue); NIfTI and NRRD files hold them, too\n"
        "      --type T          of a .dcm: binary, fractional, labelmap (Supplement 243) or auto\n"
        "                        (default): binary where viewers read it rightly and there are\n"
        "                        up to 8 segments, else labelmap; a note says why\n"
        "                        Fractions stay fractional under auto; binary and labelmap take\n"
        "                        the most probable segment where it has at least one half\n"
        "      --rle             a labelmap with compressed frames\n"
        "      --deflated        a SEG of any type compressed as a whole, which not all viewers "
        "read\n"
        "      --grid G          original (default): on the slices of the source; regular: tilted\n"
        "                        or unevenly spaced slices are resampled to an even grid, labels\n"
        "                        may lie on one of their own\n"
        "      --all             the volumes of one series that lie on one grid (time points,\n"
        "                        b-values, echoes) as one NIfTI file of four dimensions, in the\n"
        "                        order in which `ulite info` lists them\n"
        "      --sidecar         of a NIfTI image: OUT.json beside it, what the headers state of\n"
        "                        the acquisition by the names of BIDS; of diffusion OUT.bval and\n"
        "                        OUT.bvec as FSL reads them\n"
        "      --split           a file for each segment of a SEG, or for each volume of a\n"
        "                        folder: out-1.nii.gz, ...; volumes that cannot be written\n"
        "                        are named (exit 1), the others are written\n"
        "      --philips-float   Philips MR images to the scanner's floating-point values "
        "(private\n"
        "                        slope 2005,100E), as dcm2niix does, rather than to the displayed\n"
        "                        ones (RescaleSlope), as viewers do\n"
        "      --random-uids     new UIDs at every run; the default is the same for the same\n"
        "                        input\n"
        "      --json            what was written, and the notes, as one JSON object on stdout\n"
        "      --progress P      auto, always or never\n"
        "  -q, --quiet           no messages\n"
        "\n"
        "Examples:\n"
        "  ulite convert ct/ -o ct.nii.gz\n"
        "  ulite convert dwi/ -o sub-1_dwi.nii.gz --all --sidecar\n"
        "  ulite convert liver.seg.dcm -o liver.nii.gz --source ct/ --names liver.json\n"
        "  ulite convert liver.seg.dcm -o liver.seg.nrrd --source ct/\n"
        "  ulite convert plan.dcm -o plan.nii.gz --source ct/\n"
        "  ulite convert liver.nii.gz -o liver.seg.dcm --source ct/ --segments liver.json\n",
    .run = convert_run};

enum {
    OPTION_SOURCE = 2000,
    OPTION_SERIES,
    OPTION_SEGMENTS,
    OPTION_NAMES,
    OPTION_LABEL_TABLE,
    OPTION_TYPE,
    OPTION_RLE,
    OPTION_DEFLATED,
    OPTION_GRID,
    OPTION_SPLIT,
    OPTION_ALL,
    OPTION_SIDECAR,
    OPTION_PHILIPS_FLOAT,
    OPTION_RANDOM_UIDS,
    MAX_SOURCES = 64
};

static const struct option long_options[] = {CONSOLE_OPTIONS,
    {"output", required_argument, NULL, 'o'}, {"source", required_argument, NULL, OPTION_SOURCE},
    {"series", required_argument, NULL, OPTION_SERIES},
    {"segments", required_argument, NULL, OPTION_SEGMENTS},
    {"names", required_argument, NULL, OPTION_NAMES},
    {"label-table", required_argument, NULL, OPTION_LABEL_TABLE},
    {"type", required_argument, NULL, OPTION_TYPE}, {"rle", no_argument, NULL, OPTION_RLE},
    {"deflated", no_argument, NULL, OPTION_DEFLATED},
    {"grid", required_argument, NULL, OPTION_GRID}, {"split", no_argument, NULL, OPTION_SPLIT},
    {"all", no_argument, NULL, OPTION_ALL}, {"sidecar", no_argument, NULL, OPTION_SIDECAR},
    {"philips-float", no_argument, NULL, OPTION_PHILIPS_FLOAT},
    {"random-uids", no_argument, NULL, OPTION_RANDOM_UIDS}, {0}};

static int take_type(convert_options *o, const char *argument) {
    o->typed = true;
    if (!seg_type_parse(argument, &o->type))
        return console_usage(&cmd_convert, "--type takes " SEG_TYPES ", not \"%s\"", argument);
    return UL_OK;
}

static int take_grid(convert_options *o, const char *argument) {
    if (strcmp(argument, "original") != 0 && strcmp(argument, "regular") != 0)
        return console_usage(
            &cmd_convert, "--grid takes original or regular, not \"%s\"", argument);
    o->regular = strcmp(argument, "regular") == 0;
    return UL_OK;
}

/* Takes one option; the exit code of a wrong one, else UL_OK. sources holds MAX_SOURCES. */
static int take_option(convert_options *o, const char **sources, int option, const char *argument) {
    switch (option) {
    case 'o':
        if (target_of(argument) == TARGET_SR)
            o->sr = argument;
        else
            o->output = argument;
        return UL_OK;
    case OPTION_SOURCE:
        if (o->source_count == MAX_SOURCES)
            return console_usage(&cmd_convert, "at most %d sources are allowed", MAX_SOURCES);
        sources[o->source_count++] = argument;
        return UL_OK;
    case OPTION_SERIES:
        o->series = argument;
        return UL_OK;
    case OPTION_SEGMENTS:
        o->segments = argument;
        return UL_OK;
    case OPTION_NAMES:
        o->names = argument;
        return UL_OK;
    case OPTION_LABEL_TABLE:
        o->label_table = argument;
        return UL_OK;
    case OPTION_TYPE:
        return take_type(o, argument);
    case OPTION_RLE:
        o->rle = o->typed = true;
        return UL_OK;
    case OPTION_DEFLATED:
        o->deflated = o->typed = true;
        return UL_OK;
    case OPTION_GRID:
        return take_grid(o, argument);
    case OPTION_SPLIT:
        o->split = true;
        return UL_OK;
    case OPTION_ALL:
        o->all = true;
        return UL_OK;
    case OPTION_SIDECAR:
        o->sidecar = true;
        return UL_OK;
    case OPTION_PHILIPS_FLOAT:
        o->philips_float = true;
        return UL_OK;
    case OPTION_RANDOM_UIDS:
        o->random_uids = true;
        return UL_OK;
    default:
        return console_usage(&cmd_convert, "wrong option");
    }
}

static bool is_labels(input_kind kind) {
    return kind == INPUT_NIFTI || kind == INPUT_NRRD || kind == INPUT_PNG;
}

/* Likewise, of what is for DICOM images alone. */
static int check_images(const convert_options *o, input_kind kind, target_kind target) {
    if ((o->philips_float || o->all || o->sidecar) && kind != INPUT_SERIES)
        return console_usage(
            &cmd_convert, "--philips-float, --all and --sidecar are for DICOM images");
    if (o->all && o->split)
        return console_usage(&cmd_convert, "--all and --split exclude each other");
    if ((o->all || o->sidecar) && target == TARGET_NRRD)
        return console_usage(&cmd_convert,
            "--all and --sidecar are for NIfTI (.nii, .nii.gz); --split writes an NRRD file for "
            "each volume");
    return UL_OK;
}

/* What no job can serve is a wrong command line. */
static int check_usage(const convert_options *o, input_kind kind) {
    target_kind target = target_of(o->output);
    if (target == TARGET_UNKNOWN)
        return console_usage(&cmd_convert,
            "-o takes a name in " TARGET_ENDINGS ", or a folder, not \"%s\"", o->output);
    if (target == TARGET_SR ? kind != INPUT_SEG : o->sr && target != TARGET_SEG)
        return console_usage(&cmd_convert,
            "a report (.sr.dcm) is on a DICOM Segmentation: give one as INPUT, or -o F.dcm too");
    bool to_seg = target_is_dicom(target) || (target == TARGET_FOLDER && is_labels(kind));
    if (kind == INPUT_SERIES && (to_seg || target == TARGET_PNG))
        return console_usage(
            &cmd_convert, "DICOM images become NIfTI or NRRD; \"%s\" is neither", o->output);
    if (kind == INPUT_PNG && !to_seg)
        return console_usage(&cmd_convert,
            "labels in PNG become a DICOM Segmentation (.dcm); \"%s\" is none", o->output);
    if (kind == INPUT_SERIES && (o->source_count > 0 || o->segments || o->names || o->typed))
        return console_usage(&cmd_convert, "--source, --segments, --names, --type, --rle and "
                                           "--deflated are for segmentations, not for "
                                           "images");
    if (kind == INPUT_RTSTRUCT && o->source_count == 0)
        return console_usage(&cmd_convert,
            "an RT Structure Set needs --source, the images that its contours were drawn on");
    if ((kind == INPUT_SEG || kind == INPUT_RTSTRUCT) && o->segments)
        return console_usage(
            &cmd_convert, "--segments is for labels: a SEG or RT Structure Set names its own");
    if (is_labels(kind) && (o->names || o->split))
        return console_usage(&cmd_convert, "--names and --split are for a SEG");
    if (is_labels(kind) && !to_seg && (o->source_count > 0 || o->typed))
        return console_usage(
            &cmd_convert, "--source, --type, --rle and --deflated are for a .dcm output");
    if (o->rle && o->deflated)
        return console_usage(&cmd_convert, "--rle and --deflated exclude each other");
    if (o->rle && !seg_type_takes_rle(o->type))
        return console_usage(&cmd_convert, "--rle goes with --type labelmap");
    if (o->names && !ends_in(o->names, ".json"))
        return console_usage(&cmd_convert, "--names takes a name in .json, not \"%s\"", o->names);
    if (o->label_table && (kind == INPUT_SERIES || !label_table_takes(o->label_table)))
        return console_usage(&cmd_convert,
            "--label-table is for labels and takes a name in " LABEL_TABLE_ENDINGS ", not \"%s\"",
            o->label_table);
    if (o->source_count == 0 && to_seg)
        return console_usage(
            &cmd_convert, "a .dcm output needs --source, the images it belongs to");
    return check_images(o, kind, target);
}

static ul_status run_job(const convert_options *o, input_kind kind, ul_error *error) {
    target_kind target = target_of(o->output);
    bool plain = target == TARGET_NIFTI || target == TARGET_NRRD;
    if (is_labels(kind))
        return plain && !o->label_table && !convert_holds_labels(o) ? convert_image(o, error)
                                                                    : convert_labels(o, error);
    return kind == INPUT_SERIES ? convert_series(o, error) : convert_seg(o, error);
}

/* Converts the input, once it is no archive. Returns the exit code; an error that is not yet told
 * is in *error. */
static int convert_input(convert_options *o, ul_error *error) {
    input_kind kind = input_kind_of(o->input);
    o->structures = kind == INPUT_RTSTRUCT;
    int exit_code = check_usage(o, kind);
    if (exit_code != UL_OK)
        return exit_code;
    if (console_settings.json) {
        o->report = cJSON_CreateObject();
        cJSON_AddNumberToObject(o->report, "version", 1);
        cJSON_AddArrayToObject(o->report, "outputs");
        cJSON_AddArrayToObject(o->report, "notes");
    }
    ul_status status = run_job(o, kind, error);
    if (status == UL_OK && o->report)
        status = json_out_print(o->report, error);
    else
        cJSON_Delete(o->report);
    return status;
}

static int convert_run(int argc, char **argv) {
    const char *sources[MAX_SOURCES];
    convert_options o = {.sources = sources};
    for (int option;
         (option = getopt_long(argc, argv, CONSOLE_SHORT "o:", long_options, NULL)) >= 0;) {
        int exit_code = UL_OK;
        if (console_option(&cmd_convert, option, optarg, &exit_code)) {
            if (exit_code >= 0)
                return exit_code;
            continue;
        }
        exit_code = take_option(&o, sources, option, optarg);
        if (exit_code != UL_OK)
            return exit_code;
    }
    if (!o.output)
        o.output = o.sr;
    if (optind + 1 != argc || !o.output)
        return console_usage(&cmd_convert, "takes one INPUT and -o OUT");
    o.input = argv[optind];
    unpacked_inputs unpacked = {0};
    ul_error error = {0};
    ul_status status = unpacked_open(&unpacked, &o.input, &error);
    int exit_code = status == UL_OK ? convert_input(&o, &error) : UL_OK;
    unpacked_close(&unpacked, &error);
    return error.status == UL_OK ? exit_code : console_fail(&cmd_convert, &error);
}
