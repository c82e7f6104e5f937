#include "apps/archive/archive.h"
#include "apps/base/console.h"
#include "apps/base/inputs.h"
#include "apps/base/json_out.h"
#include "apps/base/target.h"
#include "apps/convert/label_table.h"
#include "apps/options/options.h"
#include "apps/segment/segment.h"
#include "jobs/base/digits.h"
#include "libulite/base/resources.h"

/* Neither a report nor an RT Structure Set. */
static bool is_seg(const char *path) {
    return target_of(path) == TARGET_SEG;
}

static segment_arguments given;
#define CLI_VALUES segment_arguments
static const cli_option table[] = {
    {"model", 'm', "MODEL", CLI_TEXT(model),
        .help = "a file, or the name of a bundled model; required"},
    {"output", 'o', "OUT", CLI_LIST(outputs, output_count),
        .help = "required, may be given several times"},
    {"series", 0, "X", CLI_TEXT(series),
        .help = "series number, NUMBER.PART for a part of one, or UID; `ulite info` lists them, "
                "with what tells parts apart"},
    {"frame", 0, "N", CLI_WHOLE(frame, 1, 1000000000),
        .help = "the N-th volume of a 4D NIfTI or NRRD file"},
    {"source", 0, "FOLDER", CLI_LIST(sources, source_count),
        .help = "the DICOM images that a .dcm of another input belongs to"},
    {"type", 0, "T", CLI_WORD(type, SEG_TYPES),
        .help = "of a .dcm: binary, fractional, labelmap (Supplement 243) or auto (default): "
                "binary where viewers read it rightly and there are up to 8 segments, else "
                "labelmap; a note says why"},
    {"rle", 0, NULL, CLI_FLAG(rle), .help = "a labelmap with compressed frames"},
    {"deflated", 0, NULL, CLI_FLAG(deflated),
        .help = "a SEG of any type compressed as a whole, which not all viewers read"},
    {"grid", 0, "G", CLI_WORD(regular, "original or regular"),
        .help = "original (default): labels lie on the slices of the source; regular: tilted or "
                "unevenly spaced slices are resampled to an even grid first, for models and "
                "readers that need one"},
    {"stats", 0, "F", CLI_FILE(stats, ".json or .csv"),
        .help = ".json or .csv: voxels, mL (2D: mm2), box, mean and sd of each segment"},
    {"label-table", 0, "F", CLI_FILE(label_table, LABEL_TABLE_ENDINGS),
        .help = "names and colours of the labels: .tsv (BIDS), .txt (ITK-SNAP) or .json (niivue); "
                "NIfTI and NRRD files hold them, too"},
    {"preview", 0, "F.png", CLI_FILE(preview, ".png"),
        .help = "a picture: each segment in three planes through its middle, with sides, places "
                "in mm, a scale, names and mL"},
    {"html", 0, "F.html", CLI_FILE(html, ".html"),
        .help = "a page for any browser in one file, without a network: slices in three planes to "
                "scroll through, with the segments over them, mL, notes and the model's card"},
    {"sc", 0, "F.dcm", CLI_FILE(sc, ".dcm"), .takes = is_seg,
        .help =
            "the picture of --preview as a DICOM Secondary Capture, for what cannot show a SEG"},
    {"report", 0, "F.json", CLI_FILE(report, ".json"),
        .help = "what was run on what, and which image became which slice"},
    {"only", 0, "NAME,...", CLI_TEXT(only),
        .help = "these classes of the model alone, or groups of them, of which each becomes one "
                "segment; `ulite info MODEL` lists them"},
    {"roi", 0, "R", CLI_TEXT(roi),
        .help = "segments the box R alone: X0:X1,Y0:Y1,Z0:Z1 in voxels as they are stored, from "
                "0, the ends not included, or in LPS mm with mm at the end (as the boxes of "
                "--stats); labels lie on all of the source"},
    {"mask", 0, "F", CLI_FILE(mask, ".nii, .nii.gz or .nrrd"),
        .help = ".nii or .nii.gz: the image with all that no segment covers set to padding, or 0: "
                "`--only Brain --mask F` strips the skull"},
    {"threads", 0, "N", CLI_WHOLE(threads, 0, UL_MOST_THREADS),
        .help = "0 (default): one per processor"},
    {"random-uids", 0, NULL, CLI_FLAG(random_uids), .help = "new UIDs at every run"},
    {"tta", 0, NULL, CLI_FLAG(flips), .help = "average flipped runs, where the model allows it"},
    {"force", 0, NULL, CLI_FLAG(force),
        .help = "run a model on what it was not made for; the SEG says so. Of real colour a model "
                "of grey images gets the luminance"},
    {"strict", 0, NULL, CLI_FLAG(strict),
        .help = "exit 1 where a segment is doubtful: empty, cut off by the field of view, in "
                "pieces, of a volume unlike those of the training cases, or with an uncertain "
                "surface; outputs are written"},
    {"json", 0, NULL, CLI_SAID, .help = "events on stdout, a line each"},
    {"progress", 0, "P", CLI_SAID,
        .help = "auto, always, never, or slicer: elements on stdout by which 3D Slicer draws its "
                "bar"},
    {"xml", 0, NULL, CLI_FLAG(xml),
        .help = "describes the program to 3D Slicer, whose module it becomes by "
                "share/ulite/slicer (docs/slicer-ohif.md)"},
    {0},
};

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
    double start = ul_seconds();
    cJSON *flags = console_settings.json ? cJSON_CreateArray() : NULL;
    if (flags)
        console_listen_too(segment_keep_note, flags);
    ul_status status = segment_model_open(a->model, &model, error);
    if (status == UL_OK)
        status = segment_case(a, &model, &result, error);
    console_listen(NULL, NULL);
    if (status == UL_OK && flags)
        tell_done(&result, flags, ul_seconds() - start);
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

static int segment_run(char **arguments, ul_error *error) {
    segment_arguments *a = &given;
    unpacked_inputs unpacked = {0};
    int exit_code = UL_OK;
    console_settings.events = true;
    a->command = console_settings.words;
    for (; *arguments; arguments++)
        a->inputs[a->input_count++] = *arguments;
    if (a->xml)
        return segment_describe_to_slicer();
    for (size_t n = 0; n < a->output_count; n++) /* a report holds mean values */
        a->measured = a->measured || target_of(a->outputs[n]) == TARGET_SR;
    if (a->input_count == 0 || !a->model || a->output_count == 0)
        return console_usage(&cmd_segment, "takes INPUT, -m MODEL and -o OUT: there is no%s%s%s",
            a->input_count ? "" : " INPUT", a->model ? "" : " -m", a->output_count ? "" : " -o");
    for (size_t n = 0; n < a->input_count && error->status == UL_OK; n++)
        unpacked_open(&unpacked, &a->inputs[n], error);
    if (error->status == UL_OK)
        exit_code = check_usage(a);
    if (error->status == UL_OK && exit_code == UL_OK)
        segment_all(a, error);
    unpacked_close(&unpacked, error);
    return error->status == UL_OK ? exit_code : (int)error->status;
}

const cli_command cmd_segment = {.name = "segment",
    .summary = "label a DICOM series, a NIfTI volume or a PNG picture with a model",
    .usage =
        "INPUT... -m MODEL -o OUT [-o OUT2] [--series UID|NUMBER] [--frame N] [--source FOLDER] "
        "[--type T] [--rle|--deflated] [--grid original|regular] [--stats F.json|F.csv] "
        "[--preview F.png] [--html F.html] [--sc F.dcm] [--report F.json] [--only NAME,...] "
        "[--label-table F.tsv|F.txt|F.json] [--roi X0:X1,Y0:Y1,Z0:Z1[mm]] [--mask F.nii.gz] "
        "[--threads N] [--random-uids] [--tta] [--force] [--strict]",
    .about =
        "INPUT is a DICOM file or folder (several may be given), .nii, .nii.gz, .hdr, .nrrd, "
        ".nhdr or .png, or a zip or tar archive of one of these. OUT says by its ending what is "
        "written: .dcm (a DICOM Segmentation), .rtstruct.dcm (an RT Structure Set), .sr.dcm (a "
        "report of the volumes, SR TID 1500, on the .dcm beside it), .nii or .nii.gz, .nrrd "
        "(.seg.nrrd for 3D Slicer), .png, or a folder, where the file gets a name from a hash of "
        "the series UID and from the model. Of several volumes in a folder the one that the model "
        "was made for is taken if just one is.\n"
        "A model of a part, as hippocampus, finds it in a whole head by the model that its card "
        "names (localiser), and labels it on both sides; what fits it already is taken as it is.\n"
        "To a model of grey images pictures stored in colour with equal channels are grey.",
    .options = table,
    .values = &given,
    .most = SEGMENT_MAX_PATHS,
    .takes = "at most 64 paths",
    .stream = true,
    .examples = "ulite segment mr/ -m hippocampus -o hippocampus.seg.dcm\n"
                "ulite segment head.nii.gz -m brain -o labels.nii.gz --stats volumes.csv\n"
                "ulite segment study/ --series 4 -m hippocampus -o out/ -o labels.nii.gz",
    .run = segment_run};
