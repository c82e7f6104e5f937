#include "curves.h"

#include "files.h"
#include "ulite/output.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ul_status append_line(const char *path, const ul_epoch *epoch, ul_error *error) {
    FILE *file = fopen(path, epoch->epoch == 1 ? "w" : "a");
    bool failed = !file;
    if (file) {
        if (epoch->epoch == 1)
            failed = fputs("epoch,rate,loss,val_dice,seconds\n", file) < 0;
        failed = fprintf(file, "%zu,%.6g,%.6f,%.6f,%.1f\n", epoch->epoch, epoch->rate, epoch->loss,
                     epoch->dice, epoch->seconds) < 0 ||
                 failed;
        failed = fclose(file) != 0 || failed;
    }
    return failed ? ul_error_set(
                        error, UL_ERROR_OUTPUT, "%s: cannot be written: %s", path, strerror(errno))
                  : UL_OK;
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
    fclose(memory);
    ul_status status = ul_output_write(path, bytes, size, error);
    free(bytes);
    return status;
}

ul_status curves_add(
    const char *csv_path, const char *svg_path, const ul_epoch *epoch, ul_error *error) {
    ul_status status = append_line(csv_path, epoch, error);
    char *text = NULL;
    if (status == UL_OK)
        status = files_read_text(csv_path, &text, error);
    curve_point *points = status == UL_OK ? malloc((strlen(text) / 8 + 1) * sizeof *points) : NULL;
    if (status == UL_OK && !points)
        status = ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", csv_path);
    size_t count = 0;
    for (char *line = text; status == UL_OK && line && *line;) {
        curve_point p;
        if (sscanf(line, "%lf,%*f,%lf,%lf", &p.epoch, &p.loss, &p.dice) == 3)
            points[count++] = p;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (status == UL_OK && count > 0)
        status = draw_file(svg_path, points, count, error);
    free(points);
    free(text);
    return status;
}
