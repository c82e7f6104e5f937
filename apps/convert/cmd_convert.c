#include "apps/archive/archive.h"
#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "apps/convert/convert.h"
#include "apps/convert/label_table.h"
#include "apps/options/options.h"

static int take_output(const cli_command *command, void *values, const char *argument) {
    convert_options *o = values;
    (void)command;
    if (target_of(argument) == TARGET_SR)
        o->sr = argument;
    else
        o->output = argument;
    return UL_OK;
}

enum { NO_TYPE = UL_SEG_LABELMAP + 1 }; /* --type may say what the default is */
static convert_options given = {.type = (ul_seg_type)NO_TYPE};
#define CLI_VALUES convert_options
static const cli_option table[] = {
    {"output", 'o', "OUT", CLI_CALL(take_output),
        .help = "required; beside a .dcm, or of a SEG as INPUT, also F.sr.dcm: a report of what "
                "the segments measure (SR TID 1500), on that SEG"},
    {"source", 0, "FOLDER", CLI_LIST(sources, source_count),
        .help = "the images that the segmentation belongs to (may be given several times); a SEG "
                "is then read on their full grid, else on that of its own frames"},
    {"series", 0, "X", CLI_TEXT(series),
        .help = "series number, NUMBER.PART for a part of one, or UID"},
    {"segments", 0, "F", CLI_TEXT(segments),
        .help = "what the label values mean: a JSON file (docs/segments.md), or a model, whose "
                "classes they are"},
    {"names", 0, "F", CLI_FILE(names, ".json"),
        .help = "from a SEG: write what its label values mean to F"},
    {"label-table", 0, "F", CLI_FILE(label_table, LABEL_TABLE_ENDINGS),
        .help = "names and colours of the labels: .tsv (BIDS), .txt (ITK-SNAP) or .json (niivue); "
                "NIfTI and NRRD files hold them, too"},
    {"type", 0, "T", CLI_WORD(type, SEG_TYPES),
        .help = "of a .dcm: binary, fractional, labelmap (Supplement 243) or auto (default): "
                "binary where viewers read it rightly and there are up to 8 segments, else "
                "labelmap; a note says why. Fractions stay fractional under auto; binary and "
                "labelmap take the most probable segment where it has at least one half"},
    {"rle", 0, NULL, CLI_FLAG(rle), .help = "a labelmap with compressed frames"},
    {"deflated", 0, NULL, CLI_FLAG(deflated),
        .help = "a SEG of any type compressed as a whole, which not all viewers read"},
    {"grid", 0, "G", CLI_WORD(regular, "original or regular"),
        .help = "original (default): on the slices of the source; regular: tilted or unevenly "
                "spaced slices are resampled to an even grid, labels may lie on one of their own"},
    {"all", 0, NULL, CLI_FLAG(all),
        .help = "the volumes of one series that lie on one grid (time points, b-values, echoes) "
                "as one NIfTI file of four dimensions, in the order in which `ulite info` lists "
                "them"},
    {"sidecar", 0, NULL, CLI_FLAG(sidecar),
        .help = "of a NIfTI image: OUT.json beside it, what the headers state of the acquisition "
                "by the names of BIDS; of diffusion OUT.bval and OUT.bvec as FSL reads them"},
    {"split", 0, NULL, CLI_FLAG(split),
        .help = "a file for each segment of a SEG, or for each volume of a folder: out-1.nii.gz, "
                "...; volumes that cannot be written are named (exit 1), the others are written"},
    {"philips-float", 0, NULL, CLI_FLAG(philips_float),
        .help = "Philips MR images to the scanner's floating-point values (private slope "
                "2005,100E), as dcm2niix does, rather than to the displayed ones (RescaleSlope), "
                "as viewers do"},
    {"random-uids", 0, NULL, CLI_FLAG(random_uids),
        .help = "new UIDs at every run; the default is the same for the same input"},
    {"json", 0, NULL, CLI_SAID,
        .help = "what was written, and the notes, as one JSON object on stdout"},
    {"progress", 0, "P", CLI_SAID, .help = "auto, always or never"},
    {0},
};

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
    if (o->label_table && kind == INPUT_SERIES)
        return console_usage(&cmd_convert, "--label-table is for labels");
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

static int convert_run(char **arguments, ul_error *error) {
    convert_options *o = &given;
    unpacked_inputs unpacked = {0};
    o->typed = (int)o->type != NO_TYPE || o->rle || o->deflated;
    if ((int)o->type == NO_TYPE)
        o->type = UL_SEG_AUTO;
    if (!o->output)
        o->output = o->sr;
    if (!o->output)
        return console_usage(&cmd_convert, "takes one INPUT and -o OUT: there is no -o");
    o->input = arguments[0];
    int exit_code = unpacked_open(&unpacked, &o->input, error);
    if (exit_code == UL_OK)
        exit_code = convert_input(o, error);
    unpacked_close(&unpacked, error);
    return error->status == UL_OK ? exit_code : (int)error->status;
}

const cli_command cmd_convert = {.name = "convert",
    .summary = "DICOM series to NIfTI or NRRD, segmentations between DICOM, NIfTI and NRRD",
    .usage =
        "INPUT -o OUT [-o F.sr.dcm] [--source FOLDER] [--series UID|NUMBER] [--segments "
        "F.json|MODEL] [--type T] [--rle|--deflated] [--grid original|regular] [--all|--split] "
        "[--sidecar] [--names F.json] [--label-table F.tsv|F.txt|F.json] [--philips-float]",
    .about =
        "INPUT is a DICOM folder or file, a DICOM Segmentation or RT Structure Set, labels in "
        "NIfTI, NRRD or PNG, or an image in NIfTI or NRRD; OUT says by its ending what is made of "
        "it: .nii or .nii.gz, .nrrd (labels: .seg.nrrd for 3D Slicer), .dcm (a DICOM "
        "Segmentation), .rtstruct.dcm (an RT Structure Set), .png (labels of one slice), or a "
        "folder, where the file gets a name from a hash of the series UID. INPUT may lie in a zip "
        "or tar archive, which is unpacked for the time of the run.\n"
        "Labels become a .dcm on the slices of --source: they must lie on its voxels and, of a "
        "NIfTI or PNG file, cover all of them, with axes in any order and direction.",
    .options = table,
    .values = &given,
    .fewest = 1,
    .most = 1,
    .takes = "one INPUT and -o OUT",
    .examples = "ulite convert ct/ -o ct.nii.gz\n"
                "ulite convert dwi/ -o sub-1_dwi.nii.gz --all --sidecar\n"
                "ulite convert liver.seg.dcm -o liver.nii.gz --source ct/ --names liver.json\n"
                "ulite convert liver.seg.dcm -o liver.seg.nrrd --source ct/\n"
                "ulite convert plan.dcm -o plan.nii.gz --source ct/\n"
                "ulite convert liver.nii.gz -o liver.seg.dcm --source ct/ --segments liver.json",
    .run = convert_run};
