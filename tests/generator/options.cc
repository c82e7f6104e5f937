#include "options.h"

#include "series.h"

#include <cstring>
#include <getopt.h>
#include <sstream>
#include <stdexcept>

static const char help[] =
    "Usage: ulite-make-series SOURCE -o FOLDER [OPTION...]\n"
    "\n"
    "Writes a DICOM series cut from a real volume: SOURCE is a NIfTI file, a folder with one grey\n"
    "DICOM series, or one image, which stands for as many equal slices as are asked for. Without\n"
    "options: all of it, axial, as MR, one file per slice. Slices and instances are counted from\n"
    "1, in the order of acquisition. A UID depends on the options alone: the same command writes\n"
    "the same files.\n"
    "\n"
    "The cut\n"
    "  --box A:B,C:D,E:F     voxels A..B-1 and so on along the axes of the source file\n"
    "  --box-mm A:B,C:D,E:F  in mm towards L, P and S (DICOM patient coordinates)\n"
    "  --around FILE:LABEL   the bounding box of a label of another NIfTI file\n"
    "  --margin MM           around that bounding box\n"
    "  --extent L,P,S        mm: a box of that size about the label's middle instead\n"
    "  --plane P             axial (default), coronal, sagittal\n"
    "  --position P          HFS (default), HFP, HFDR, HFDL, FFS, FFP, FFDR, FFDL\n"
    "  --flip columns|rows|both, --transpose, --reversed (slice order)\n"
    "  --rotate L,P,S        oblique: degrees about the patient's axes\n"
    "  --tilt DEGREES        of the gantry\n"
    "  --spacing X[,Y]       mm between columns and rows\n"
    "  --step MM[,MM...]     between slices; several are repeated in turn: uneven spacing\n"
    "  --size C,R[,S]        columns, rows, slices\n"
    "  --thickness MM        SliceThickness as stated\n"
    "  --jitter MM           positions as stated are off by up to so much\n"
    "  --missing K,...       slices left out\n"
    "  --duplicate K,...     slices written twice, the same object\n"
    "  --clash K,...         slices written twice with different pixels and UIDs\n"
    "\n"
    "The values\n"
    "  --modality M          MR (default), CT, PT, US, CR, DX, OT\n"
    "  --values GAIN,OFFSET  applied to the source's values first\n"
    "  --rescale SLOPE,INTERCEPT   stored = (value - intercept) / slope\n"
    "  --slope-per-slice     another slope and intercept on each slice\n"
    "  --modality-lut        a table instead\n"
    "  --philips-slope SLOPE  Philips's private MR Scale Slope beside the rescaling\n"
    "  --bits STORED[,ALLOCATED[,HIGHBIT]]   default 16,16,15\n"
    "  --signed              two's complement\n"
    "  --junk                set the unused bits\n"
    "  --padding VALUE       PixelPaddingValue, stored outside a round field of view\n"
    "  --photometric P       MONOCHROME2 (default), MONOCHROME1, PALETTE, RGB, YBR_FULL,\n"
    "                        YBR_FULL_422; colours: red = v, green = v/2, blue = 255 - v\n"
    "  --planar              colour by plane\n"
    "\n"
    "The objects\n"
    "  --syntax NAME[,NAME...]  transfer syntax, in turn (see below)\n"
    "  --multi-frame         one enhanced object; with --no-positions a cine loop\n"
    "  --shuffle             images in a random order\n"
    "  --no-positions        2D images without a place\n"
    "  --echoes N, --times N, --phase, --localizer   several volumes in one series\n"
    "\n"
    "The headers\n"
    "  --series-number N, --description TEXT, --study TEXT (series of one study share it),\n"
    "  --body-part TEXT      default HEAD\n"
    "  --charset C           patient's name in latin1, utf8, greek, cyrillic, japanese, korean,\n"
    "                        chinese\n"
    "  --no-frame-of-reference\n"
    "  --round-cosines N     to N decimals\n"
    "  --instance-numbers X  right (default), wrong, same, missing\n"
    "  --names X             plain (default), random\n"
    "  --clutter             files between the images that are none\n"
    "  --no-meta             files without preamble and meta header\n"
    "  --seed N              of what is random\n"
    "  --anonymised          holes where names and dates stood\n"
    "  --invalid             values that the standard forbids\n"
    "  --set KEYWORD=VALUE[@N,...]   any attribute, on all instances or on those\n"
    "  --drop KEYWORD[@N,...]        takes it away\n"
    "  --cut-pixels BYTES[@N,...]    fewer bytes of PixelData than Rows and Columns say\n"
    "  --truncate BYTES[@N,...]      keeps so many bytes of the file\n"
    "\n"
    "The truth\n"
    "  --truth PREFIX        PREFIX.nii.gz (the values that a reader should get, sorted along the\n"
    "                        normal; without a form where no matrix can say where they lie) and\n"
    "                        PREFIX.json (file, frame and position of each slice)\n"
    "  --labels FILE[:LABEL] PREFIX_labels.nii.gz: another volume's labels on the same slices;\n"
    "                        FILE:any takes whatever is above 0 as 1\n"
    "\n"
    "Examples\n"
    "  ulite-make-series ch2.nii.gz -o head --box 20:160,20:200,30:90\n"
    "  ulite-make-series ch2.nii.gz -o tilted --modality CT --values 8,-1000 \\\n"
    "      --rescale 1,-1024 --bits 12,16,11 --tilt -18.5 --step 3 --syntax jpegls\n"
    "  ulite-make-series ch2.nii.gz -o left --around aal.nii.gz:37 --extent 36,50,36\n";

enum {
    BOX = 1000,
    BOX_MM,
    AROUND,
    MARGIN,
    EXTENT,
    PLANE,
    POSITION,
    FLIP,
    TRANSPOSE,
    REVERSED,
    ROTATE,
    TILT,
    SPACING,
    STEP,
    SIZE,
    THICKNESS,
    JITTER,
    MISSING,
    DUPLICATE,
    CLASH,
    MODALITY,
    VALUES,
    RESCALE,
    SLOPE_PER_SLICE,
    MODALITY_LUT,
    PHILIPS_SLOPE,
    BITS,
    SIGNED,
    JUNK,
    PADDING,
    PHOTOMETRIC,
    PLANAR,
    SYNTAX,
    MULTI_FRAME,
    SHUFFLE,
    NO_POSITIONS,
    ECHOES,
    TIMES,
    PHASE,
    LOCALIZER,
    SERIES_NUMBER,
    DESCRIPTION,
    STUDY,
    BODY_PART,
    CHARSET,
    NO_FRAME_OF_REFERENCE,
    ROUND_COSINES,
    INSTANCE_NUMBERS,
    NAMES,
    CLUTTER,
    NO_META,
    SEED,
    ANONYMISED,
    INVALID,
    SET,
    DROP,
    CUT_PIXELS,
    TRUNCATE,
    TRUTH,
    LABELS
};

static const option long_options[] = {{"help", no_argument, nullptr, 'h'},
    {"output", required_argument, nullptr, 'o'}, {"box", required_argument, nullptr, BOX},
    {"box-mm", required_argument, nullptr, BOX_MM}, {"around", required_argument, nullptr, AROUND},
    {"margin", required_argument, nullptr, MARGIN}, {"extent", required_argument, nullptr, EXTENT},
    {"plane", required_argument, nullptr, PLANE},
    {"position", required_argument, nullptr, POSITION}, {"flip", required_argument, nullptr, FLIP},
    {"transpose", no_argument, nullptr, TRANSPOSE}, {"reversed", no_argument, nullptr, REVERSED},
    {"rotate", required_argument, nullptr, ROTATE}, {"tilt", required_argument, nullptr, TILT},
    {"spacing", required_argument, nullptr, SPACING}, {"step", required_argument, nullptr, STEP},
    {"size", required_argument, nullptr, SIZE},
    {"thickness", required_argument, nullptr, THICKNESS},
    {"jitter", required_argument, nullptr, JITTER},
    {"missing", required_argument, nullptr, MISSING},
    {"duplicate", required_argument, nullptr, DUPLICATE},
    {"clash", required_argument, nullptr, CLASH},
    {"modality", required_argument, nullptr, MODALITY},
    {"values", required_argument, nullptr, VALUES},
    {"rescale", required_argument, nullptr, RESCALE},
    {"slope-per-slice", no_argument, nullptr, SLOPE_PER_SLICE},
    {"modality-lut", no_argument, nullptr, MODALITY_LUT},
    {"philips-slope", required_argument, nullptr, PHILIPS_SLOPE},
    {"bits", required_argument, nullptr, BITS}, {"signed", no_argument, nullptr, SIGNED},
    {"junk", no_argument, nullptr, JUNK}, {"padding", required_argument, nullptr, PADDING},
    {"photometric", required_argument, nullptr, PHOTOMETRIC},
    {"planar", no_argument, nullptr, PLANAR}, {"syntax", required_argument, nullptr, SYNTAX},
    {"multi-frame", no_argument, nullptr, MULTI_FRAME}, {"shuffle", no_argument, nullptr, SHUFFLE},
    {"no-positions", no_argument, nullptr, NO_POSITIONS},
    {"echoes", required_argument, nullptr, ECHOES}, {"times", required_argument, nullptr, TIMES},
    {"phase", no_argument, nullptr, PHASE}, {"localizer", no_argument, nullptr, LOCALIZER},
    {"series-number", required_argument, nullptr, SERIES_NUMBER},
    {"description", required_argument, nullptr, DESCRIPTION},
    {"study", required_argument, nullptr, STUDY},
    {"body-part", required_argument, nullptr, BODY_PART},
    {"charset", required_argument, nullptr, CHARSET},
    {"no-frame-of-reference", no_argument, nullptr, NO_FRAME_OF_REFERENCE},
    {"round-cosines", required_argument, nullptr, ROUND_COSINES},
    {"instance-numbers", required_argument, nullptr, INSTANCE_NUMBERS},
    {"names", required_argument, nullptr, NAMES}, {"clutter", no_argument, nullptr, CLUTTER},
    {"no-meta", no_argument, nullptr, NO_META}, {"seed", required_argument, nullptr, SEED},
    {"anonymised", no_argument, nullptr, ANONYMISED}, {"invalid", no_argument, nullptr, INVALID},
    {"set", required_argument, nullptr, SET}, {"drop", required_argument, nullptr, DROP},
    {"cut-pixels", required_argument, nullptr, CUT_PIXELS},
    {"truncate", required_argument, nullptr, TRUNCATE},
    {"truth", required_argument, nullptr, TRUTH}, {"labels", required_argument, nullptr, LABELS},
    {nullptr, 0, nullptr, 0}};

std::vector<double> parse_doubles(const std::string &text, char separator) {
    std::vector<double> values;
    std::istringstream stream(text);
    for (std::string word; std::getline(stream, word, separator);) {
        size_t used = 0;
        double value = 0;
        try {
            value = std::stod(word, &used);
        } catch (const std::exception &) {
        }
        if (used == 0 || used != word.size())
            throw std::runtime_error("not a number: \"" + word + "\" in \"" + text + "\"");
        values.push_back(value);
    }
    return values;
}

std::set<unsigned> parse_numbers(const std::string &text) {
    std::set<unsigned> numbers;
    for (double value : parse_doubles(text))
        numbers.insert((unsigned)value);
    return numbers;
}

size_t parse_bytes(const std::string &text, unsigned instance) {
    if (text.empty())
        return 0;
    size_t at = text.find('@');
    if (at != std::string::npos && !parse_numbers(text.substr(at + 1)).count(instance))
        return 0;
    return (size_t)parse_doubles(text.substr(0, at))[0];
}

/* Between least and most numbers. */
static std::vector<double> parse_some(const char *text, size_t least, size_t most) {
    std::vector<double> values = parse_doubles(text);
    if (values.size() < least || values.size() > most)
        throw std::runtime_error("a wrong count of numbers: \"" + std::string(text) + "\"");
    return values;
}

static header_change parse_change(const std::string &text, bool remove) {
    header_change change;
    change.remove = remove;
    size_t at = text.rfind('@');
    std::string what = text.substr(0, at);
    if (at != std::string::npos)
        change.instances = parse_numbers(text.substr(at + 1));
    size_t equals = what.find('=');
    if (remove != (equals == std::string::npos))
        throw std::runtime_error("--set takes KEYWORD=VALUE[@N,...], --drop KEYWORD[@N,...]");
    change.keyword = what.substr(0, equals);
    if (!remove)
        change.value = what.substr(equals + 1);
    return change;
}

static bool take_cut(int option, const char *text, options *o) {
    std::vector<double> v;
    switch (option) {
    case BOX:
        o->box = text;
        return true;
    case BOX_MM:
        o->box_mm = text;
        return true;
    case AROUND:
        o->around = text;
        return true;
    case MARGIN:
        o->margin_mm = parse_some(text, 1, 1)[0];
        return true;
    case EXTENT:
        v = parse_some(text, 3, 3);
        o->extent_mm = {v[0], v[1], v[2]};
        return true;
    case PLANE:
        o->plane = text;
        return true;
    case POSITION:
        o->position = text;
        return true;
    case FLIP:
        o->flip_columns = strcmp(text, "rows") != 0;
        o->flip_rows = strcmp(text, "columns") != 0;
        return true;
    case TRANSPOSE:
        o->transpose = true;
        return true;
    case REVERSED:
        o->reversed = true;
        return true;
    case ROTATE:
        v = parse_some(text, 3, 3);
        o->rotation = {v[0], v[1], v[2]};
        return true;
    case TILT:
        o->tilt = parse_some(text, 1, 1)[0];
        return true;
    case SPACING:
        v = parse_some(text, 1, 2);
        o->spacing_mm[0] = v[0];
        o->spacing_mm[1] = v.back();
        return true;
    case STEP:
        o->steps_mm = parse_doubles(text);
        return true;
    case SIZE:
        v = parse_some(text, 2, 3);
        for (size_t n = 0; n < v.size(); n++)
            o->size[n] = (size_t)v[n];
        return true;
    case THICKNESS:
        o->thickness_mm = parse_some(text, 1, 1)[0];
        return true;
    case JITTER:
        o->jitter_mm = parse_some(text, 1, 1)[0];
        return true;
    case MISSING:
        o->missing = parse_numbers(text);
        return true;
    case DUPLICATE:
        o->duplicates = parse_numbers(text);
        return true;
    case CLASH:
        o->clashes = parse_numbers(text);
        return true;
    default:
        return false;
    }
}

static bool take_values(int option, const char *text, options *o) {
    std::vector<double> v;
    switch (option) {
    case MODALITY:
        o->modality = text;
        return true;
    case VALUES:
        v = parse_some(text, 2, 2);
        o->gain = v[0];
        o->offset = v[1];
        return true;
    case RESCALE:
        v = parse_some(text, 2, 2);
        o->slope = v[0];
        o->intercept = v[1];
        o->has_rescale = true;
        return true;
    case SLOPE_PER_SLICE:
        o->slope_per_slice = true;
        return true;
    case PHILIPS_SLOPE:
        o->philips_slope = parse_some(text, 1, 1)[0];
        return true;
    case MODALITY_LUT:
        o->modality_lut = true;
        return true;
    case BITS:
        v = parse_some(text, 1, 3);
        o->bits_stored = (unsigned)v[0];
        o->bits_allocated = v.size() > 1 ? (unsigned)v[1] : o->bits_stored > 8 ? 16 : 8;
        o->high_bit = v.size() > 2 ? (unsigned)v[2] : o->bits_stored - 1;
        return true;
    case SIGNED:
        o->is_signed = true;
        return true;
    case JUNK:
        o->junk_bits = true;
        return true;
    case PADDING:
        o->has_padding = true;
        o->padding = (int)parse_some(text, 1, 1)[0];
        return true;
    case PHOTOMETRIC:
        o->photometric = strcmp(text, "PALETTE") == 0 ? "PALETTE COLOR" : text;
        return true;
    case PLANAR:
        o->planar = true;
        return true;
    default:
        return false;
    }
}

static bool take_objects(int option, const char *text, options *o) {
    switch (option) {
    case SYNTAX: {
        o->syntaxes.clear();
        std::istringstream stream(text);
        for (std::string word; std::getline(stream, word, ',');) {
            syntax_check(word);
            o->syntaxes.push_back(word);
        }
        return true;
    }
    case MULTI_FRAME:
        o->multi_frame = true;
        return true;
    case SHUFFLE:
        o->shuffle_frames = true;
        return true;
    case NO_POSITIONS:
        o->no_positions = true;
        return true;
    case ECHOES:
        o->echoes = (unsigned)parse_some(text, 1, 1)[0];
        return true;
    case TIMES:
        o->times = (unsigned)parse_some(text, 1, 1)[0];
        return true;
    case PHASE:
        o->phase = true;
        return true;
    case LOCALIZER:
        o->localizer = true;
        return true;
    default:
        return false;
    }
}

static bool take_headers(int option, const char *text, options *o) {
    switch (option) {
    case SERIES_NUMBER:
        o->series_number = (int)parse_some(text, 1, 1)[0];
        return true;
    case DESCRIPTION:
        o->description = text;
        return true;
    case STUDY:
        o->study = text;
        return true;
    case BODY_PART:
        o->body_part = text;
        return true;
    case CHARSET:
        o->charset = text;
        return true;
    case NO_FRAME_OF_REFERENCE:
        o->no_frame_of_reference = true;
        return true;
    case ROUND_COSINES:
        o->cosine_digits = (int)parse_some(text, 1, 1)[0];
        return true;
    case INSTANCE_NUMBERS:
        o->instance_numbers = text;
        return true;
    case NAMES:
        o->names = text;
        return true;
    case CLUTTER:
        o->clutter = true;
        return true;
    case NO_META:
        o->no_meta = true;
        return true;
    case SEED:
        o->seed = (unsigned)parse_some(text, 1, 1)[0];
        return true;
    case ANONYMISED:
        o->anonymised = true;
        return true;
    case INVALID:
        o->invalid_values = true;
        return true;
    case SET:
    case DROP:
        o->changes.push_back(parse_change(text, option == DROP));
        return true;
    case CUT_PIXELS:
        o->cut_pixels = text;
        return true;
    case TRUNCATE:
        o->truncate = text;
        return true;
    default:
        return false;
    }
}

static int usage(const std::string &text) {
    fprintf(stderr, "ulite-make-series: %s (see `ulite-make-series --help`)\n", text.c_str());
    return 2;
}

/* What the series cannot be. */
static void check(const options &o) {
    static const char *const photometrics[] = {
        "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422"};
    bool known = false;
    for (const char *name : photometrics)
        known = known || o.photometric == name;
    if (!known)
        throw std::runtime_error("--photometric does not take \"" + o.photometric + "\"");
    if ((o.bits_allocated != 8 && o.bits_allocated != 16) || o.bits_stored < 1 ||
        o.bits_stored > o.bits_allocated || o.high_bit >= o.bits_allocated ||
        o.high_bit + 1 < o.bits_stored)
        throw std::runtime_error("--bits: allocated is 8 or 16, stored fits below the high bit");
    if (o.modality_lut && o.is_signed)
        throw std::runtime_error("--modality-lut takes unsigned pixels");
    if (o.slope == 0)
        throw std::runtime_error("--rescale: the slope is zero");
    if (o.multi_frame && o.localizer)
        throw std::runtime_error("--localizer does not go with --multi-frame");
    if (!o.labels.empty() && o.truth.empty())
        throw std::runtime_error("--labels needs --truth");
}

int options_parse(int argc, char **argv, options *o) {
    try {
        for (int option; (option = getopt_long(argc, argv, "ho:", long_options, nullptr)) != -1;) {
            if (option == 'h') {
                printf("%s\nTransfer syntaxes: %s (JPEG 2000 through gdcmconv)\n", help,
                    syntax_names().c_str());
                return 0;
            }
            if (option == '?')
                return 2;
            if (option == 'o')
                o->output = optarg;
            else if (option == TRUTH)
                o->truth = optarg;
            else if (option == LABELS)
                o->labels = optarg;
            else if (!take_cut(option, optarg, o) && !take_values(option, optarg, o) &&
                     !take_objects(option, optarg, o))
                take_headers(option, optarg, o);
            if (option != 'o' && option != TRUTH && option != LABELS)
                o->identity += std::to_string(option) + "=" + (optarg ? optarg : "") + ";";
        }
        if (optind + 1 != argc)
            return usage("one SOURCE is needed");
        if (o->output.empty())
            return usage("-o FOLDER is needed");
        o->source = argv[optind];
        o->identity += o->source.substr(o->source.rfind('/') + 1);
        check(*o);
        return -1;
    } catch (const std::exception &e) {
        return usage(e.what());
    }
}
