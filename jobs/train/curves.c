#include "jobs/train/curves.h"

#include "jobs/base/paths.h"
#include "jobs/view/chart.h"
#include "libulite/base/output.h"
#include "ulite/view.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "epoch,rate,loss,val_dice,seconds\n"

/* The first line of an epoch behind the line at text; NULL where there is none. Whatever else an
 * editor left in the file is passed over. */
static const char *next_line(const char *text) {
    while ((text = strchr(text, '\n')) && !isdigit((unsigned char)*++text))
        ;
    return text;
}

/* The lines of the epochs before this one and its own: a run that was interrupted after a line but
 * before its checkpoint writes that epoch again. */
static void write_lines(FILE *file, const char *old, const ul_epoch *epoch) {
    fputs(HEADER, file);
    for (const char *line = next_line(old); line; line = next_line(line)) {
        size_t length = strcspn(line, "\n");
        if (strtoul(line, NULL, 10) < epoch->epoch)
            fprintf(file, "%.*s\n", (int)length, line);
    }
    fprintf(file, "%zu,%.6g,%.6f,", epoch->epoch, epoch->rate, epoch->loss);
    if (!isnan(epoch->dice))
        fprintf(file, "%.6f", epoch->dice);
    fprintf(file, ",%.1f\n", epoch->seconds);
}

/* The CSV with the epoch added, *text, the caller's. */
static ul_status add_line(const char *path, const ul_epoch *epoch, char **text, ul_error *error) {
    char *old = NULL;
    size_t size;
    *text = NULL;
    if (epoch->epoch > 1 && files_exists(path)) {
        ul_status status = files_read_text(path, &old, error);
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

/* Loss and Dice by epoch, as a chart has them. */
typedef struct curve_points {
    double (*loss)[2], (*dice)[2]; /* [count] */
    size_t count;
} curve_points;

/* The number before the next comma, NAN where there is none; *text moves behind the comma. */
static double next_number(const char **text) {
    char *end;
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

/* Room for count_lines(text) points of each. */
static void parse_points(const char *text, curve_points *points) {
    for (const char *line = next_line(text); line; line = next_line(line)) {
        const char *at = line;
        double *loss = points->loss[points->count], *dice = points->dice[points->count];
        points->count++;
        loss[0] = dice[0] = next_number(&at);
        next_number(&at);
        loss[1] = next_number(&at);
        dice[1] = next_number(&at);
    }
}

static ul_status draw(const char *path, const curve_points *points, ul_error *error) {
    const chart drawn = {.title = "Training",
        .across = "epoch",
        .left = {"training loss", 0xb3491d, (const double(*)[2])points->loss, points->count, false},
        .right = {"validation Dice", 0x1b7a5a, (const double(*)[2])points->dice, points->count,
            true},
        .right_most = 1.0};
    return chart_write(path, &drawn, error);
}

static ul_status draw_both(
    const char *text, const char *svg_path, const char *pdf_path, ul_error *error) {
    size_t room = count_lines(text) + 1;
    curve_points points = {
        malloc(room * sizeof *points.loss), malloc(room * sizeof *points.dice), 0};
    ul_status status = points.loss && points.dice
                           ? UL_OK
                           : ul_error_set(error, UL_ERROR_LIMIT, "out of memory for the curves");
    if (status == UL_OK) {
        parse_points(text, &points);
        status = draw(svg_path, &points, error);
    }
    if (status == UL_OK)
        status = draw(pdf_path, &points, error);
    free(points.loss);
    free(points.dice);
    return status;
}

ul_status curves_add(const char *csv_path, const char *svg_path, const char *pdf_path,
    const ul_epoch *epoch, ul_error *error) {
    char *text;
    ul_status status = add_line(csv_path, epoch, &text, error);
    if (status == UL_OK && ul_view_draws())
        status = draw_both(text, svg_path, pdf_path, error);
    free(text);
    return status;
}
