#include "jobs/train/curves.h"

#include "io/base/text_file.h"
#include "jobs/base/digits.h"
#include "jobs/base/paths.h"
#include "jobs/view/chart.h"
#include "libulite/base/output.h"
#include "ulite/view.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "epoch,rate,loss,val_dice,seconds"
enum { COLUMNS = 5 }; /* of the header, before those of the classes */

/* The first line of an epoch behind the line at text; NULL where there is none. Whatever else an
 * editor left in the file is passed over. */
static const char *next_line(const char *text) {
    while ((text = strchr(text, '\n')) && !isdigit((unsigned char)*++text))
        ;
    return text;
}

/* How many classes an epoch has a Dice of. */
static size_t classes_of(const ul_epoch *epoch) {
    return epoch->classes ? epoch->classes->count : 0;
}

/* "val_dice" and the name of a class, on one line. */
static void put_class(FILE *file, const ul_segment *class) {
    char name[sizeof class->label + 16];
    snprintf(name, sizeof name, "val_dice %s", class->label);
    for (char *c = name; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
    fputc(',', file);
    csv_put_text(file, name);
}

static void put_dice(FILE *file, double dice) {
    if (!isnan(dice))
        fprintf(file, "%.4f", dice);
}

/* A line of an earlier epoch; with empty fields for the classes where an older ulite wrote it. */
static void put_line(FILE *file, const char *line, size_t classes) {
    size_t length = strcspn(line, "\n"), commas = 0;
    for (size_t i = 0; i < length; i++)
        commas += line[i] == ',';
    fprintf(file, "%.*s", (int)length, line);
    for (; classes > 0 && commas < COLUMNS - 1 + classes; commas++)
        fputc(',', file);
    fputc('\n', file);
}

/* The lines of the epochs before this one and its own: a run that was interrupted after a line but
 * before its checkpoint writes that epoch again. */
static void write_lines(FILE *file, const char *old, const ul_epoch *epoch) {
    fputs(HEADER, file);
    for (size_t c = 0; c < classes_of(epoch); c++)
        put_class(file, &epoch->classes->items[c]);
    fputc('\n', file);
    for (const char *line = next_line(old); line; line = next_line(line))
        if (strtoul(line, NULL, 10) < epoch->epoch)
            put_line(file, line, classes_of(epoch));
    fprintf(file, "%zu,%.6g,%.6g,", epoch->epoch, epoch->rate, epoch->loss);
    put_dice(file, epoch->dice);
    fprintf(file, ",%.1f", epoch->seconds);
    for (size_t c = 0; c < classes_of(epoch); c++) {
        fputc(',', file);
        put_dice(file, epoch->class_dice[c]);
    }
    fputc('\n', file);
}

/* The CSV with the epoch added, *text, the caller's. */
static ul_status add_line(const char *path, const ul_epoch *epoch, char **text, ul_error *error) {
    char *old = NULL;
    size_t size;
    *text = NULL;
    if (epoch->epoch > 1 && files_exists(path)) {
        ul_status status = ul_text_read(path, TEXT_MOST_MIB, &old, error);
        if (status != UL_OK)
            return status;
    }
    FILE *memory = open_memstream(text, &size);
    if (memory)
        write_lines(memory, old ? old : "", epoch);
    free(old);
    if (!memory || fclose(memory) != 0)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    return ul_output_write(path, *text, size, error);
}

/* Loss, Dice and the Dice of each class by epoch, as a chart has them: curves of [room] points, one
 * behind the other. */
typedef struct curve_points {
    double (*points)[2];
    size_t room, count;
} curve_points;

enum { LOSS, DICE, FIRST_CLASS };

static double (*points_of(const curve_points *p, size_t curve))[2] {
    return p->points + curve * p->room;
}

/* The number before the next comma, NAN where there is none; *text moves behind the comma. */
static double next_number(const char **text) {
    char *end;
    if (isspace((unsigned char)**text)) /* the end of the line, which strtod would pass over */
        return NAN;
    double value = strtod(*text, &end);
    bool empty = end == *text;
    *text = *end == ',' ? end + 1 : end;
    return empty ? NAN : value;
}

static size_t count_lines(const char *text) {
    size_t count = 0;
    for (const char *line = next_line(text); line; line = next_line(line))
        count++;
    return count;
}

static void parse_points(const char *text, size_t classes, curve_points *p) {
    for (const char *line = next_line(text); line; line = next_line(line), p->count++) {
        const char *at = line;
        double epoch = next_number(&at);
        for (size_t curve = 0; curve < FIRST_CLASS + classes; curve++)
            points_of(p, curve)[p->count][0] = epoch;
        next_number(&at);
        points_of(p, LOSS)[p->count][1] = next_number(&at);
        points_of(p, DICE)[p->count][1] = next_number(&at);
        next_number(&at);
        for (size_t c = 0; c < classes; c++)
            points_of(p, FIRST_CLASS + c)[p->count][1] = next_number(&at);
    }
}

static chart_curve curve_of(
    const curve_points *p, size_t curve, const char *name, uint32_t colour, bool marked) {
    return (chart_curve){
        name, colour, (const double(*)[2])points_of(p, curve), p->count, marked, false};
}

/* Whether any epoch was validated; not where all cases are trained on. */
static bool is_validated(const curve_points *p) {
    for (size_t n = 0; n < p->count; n++)
        if (!isnan(points_of(p, DICE)[n][1]))
            return true;
    return false;
}

/* Colours that are told apart on white; behind the last one they begin again, dashed. */
static const uint32_t class_colours[] = {
    0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x8c6d00, 0x56b4e9, 0x7b3294, 0x444444};

static ul_status draw_both(const char *text, const char *svg_path, const char *pdf_path,
    const ul_segments *classes, size_t class_count, ul_error *error) {
    enum { COLOURS = sizeof class_colours / sizeof *class_colours };
    curve_points p = {.room = count_lines(text) + 1};
    p.points = malloc((FIRST_CLASS + class_count) * p.room * sizeof *p.points);
    chart_curve *below = malloc((class_count + 1) * sizeof *below);
    ul_status status = p.points && below
                           ? UL_OK
                           : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the curves");
    if (status == UL_OK) {
        parse_points(text, class_count, &p);
        for (size_t c = 0; c < class_count; c++) {
            below[c] = curve_of(
                &p, FIRST_CLASS + c, classes->items[c].label, class_colours[c % COLOURS], false);
            below[c].dashed = c / COLOURS % 2;
        }
        bool validated = is_validated(&p);
        chart drawn = {.title = "Training",
            .across = "epoch",
            .left = curve_of(&p, LOSS, "training loss", 0xb3491d, false),
            .right_most = 1.0,
            .below_title = "Validation Dice of each class",
            .below = below,
            .below_count = validated && class_count > 1 ? class_count : 0}; /* one is above */
        if (validated)
            drawn.right = curve_of(&p, DICE, "validation Dice", 0x1b7a5a, true);
        status = chart_write(svg_path, &drawn, error);
        if (status == UL_OK)
            status = chart_write(pdf_path, &drawn, error);
    }
    free(p.points);
    free(below);
    return status;
}

ul_status curves_add(const char *csv_path, const char *svg_path, const char *pdf_path,
    const ul_epoch *epoch, ul_error *error) {
    char *text;
    ul_status status = add_line(csv_path, epoch, &text, error);
    if (status == UL_OK && ul_view_draws())
        status = draw_both(text, svg_path, pdf_path, epoch->classes, classes_of(epoch), error);
    free(text);
    return status;
}
