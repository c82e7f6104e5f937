#include "jobs/train/curves.h"

#include "jobs/base/paths.h"
#include "libulite/base/output.h"

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

typedef struct curve_point {
    double epoch, loss, dice;
} curve_point;

/* Draws loss (scaled to its largest) and Dice over the epochs in one frame of 600 x 300. */
static void draw(FILE *file, const curve_point *points, size_t count) {
    double largest = 1e-9, last = fmax(points[count - 1].epoch, 2.0);
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, points[i].loss);
    fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"380\" "
          "font-family=\"sans-serif\" font-size=\"12\">\n"
          "<rect width=\"680\" height=\"380\" fill=\"white\"/>\n",
        file);
    for (int tick = 0; tick <= 5; tick++)
        fprintf(file,
            "<path d=\"M50 %d h600\" stroke=\"#ddd\"/><text x=\"20\" y=\"%d\">%.1f</text>\n",
            320 - 60 * tick, 324 - 60 * tick, 0.2 * tick);
    for (int line = 0; line < 2; line++) {
        fprintf(file, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
            line ? "#2a7" : "#c63");
        for (size_t i = 0; i < count; i++) {
            double y = line ? points[i].dice : points[i].loss / largest;
            if (!isnan(y))
                fprintf(file, "%.1f,%.1f ", 50.0 + 600.0 * (points[i].epoch - 1.0) / (last - 1.0),
                    320.0 - 300.0 * y);
        }
        fputs("\"/>\n", file);
    }
    fprintf(file,
        "<text x=\"50\" y=\"350\" fill=\"#c63\">training loss (1 = %.3f)</text>\n"
        "<text x=\"300\" y=\"350\" fill=\"#2a7\">validation Dice</text>\n"
        "<text x=\"560\" y=\"350\">epochs to %.0f</text>\n</svg>\n",
        largest, last);
}

static ul_status draw_file(
    const char *path, const curve_point *points, size_t count, ul_error *error) {
    char *bytes = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&bytes, &size);
    if (!memory)
        return ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    draw(memory, points, count);
    ul_status status = fclose(memory) == 0
                           ? ul_output_write(path, bytes, size, error)
                           : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    free(bytes);
    return status;
}

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

/* points: [count_lines(text)] */
static size_t parse_points(const char *text, curve_point *points) {
    size_t count = 0;
    for (const char *line = next_line(text); line; line = next_line(line)) {
        const char *at = line;
        curve_point *p = &points[count++];
        p->epoch = next_number(&at);
        next_number(&at);
        p->loss = next_number(&at);
        p->dice = next_number(&at);
    }
    return count;
}

ul_status curves_add(
    const char *csv_path, const char *svg_path, const ul_epoch *epoch, ul_error *error) {
    char *text;
    curve_point *points = NULL;
    size_t count = 0;
    ul_status status = add_line(csv_path, epoch, &text, error);
    if (status == UL_OK)
        points = malloc((count_lines(text) + 1) * sizeof *points);
    if (points)
        count = parse_points(text, points);
    if (count > 0)
        status = draw_file(svg_path, points, count, error);
    else if (status == UL_OK)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", csv_path);
    free(points);
    free(text);
    return status;
}
