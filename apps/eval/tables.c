#include "apps/eval/tables.h"

#include "apps/base/target.h"
#include "jobs/base/digits.h"
#include "libulite/base/output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct table {
    FILE *file;
    const ul_evaluation *evaluation;
    double *spare; /* room for every score */
    double tolerance;
} table;

struct table_form {
    const char *ending;
    void (*print)(const table *t);
};

static void print_csv(const table *t) {
    fputs("case,number,class", t->file);
    for (int c = 0; c < COLUMNS; c++)
        fprintf(t->file, ",%s", columns[c].key);
    fputs("\n", t->file);
    for (size_t i = 0; i < t->evaluation->count; i++) {
        const ul_score *score = &t->evaluation->scores[i];
        double values[COLUMNS];
        columns_of(&score->metrics, values);
        csv_put_text(t->file, score->name);
        fprintf(t->file, ",%u,", score->metrics.number);
        csv_put_text(t->file, score->class_name);
        for (int c = 0; c < COLUMNS; c++)
            if (isnan(values[c]))
                fputs(",", t->file);
            else
                fprintf(t->file, ",%.12g", columns[c].written(values[c]));
        fputs("\n", t->file);
    }
}

/* Which columns a table for readers has: those with a title and any value. */
static void choose_columns(const table *t, bool chosen[COLUMNS]) {
    memset(chosen, 0, COLUMNS * sizeof *chosen);
    for (size_t i = 0; i < t->evaluation->count; i++) {
        double values[COLUMNS];
        columns_of(&t->evaluation->scores[i].metrics, values);
        for (int c = 0; c < COLUMNS; c++)
            chosen[c] = chosen[c] || (columns[c].title && !isnan(values[c]));
    }
}

/* Text with what is a sign to the form behind a backslash, or in its own words. */
static void put_escaped(FILE *file, const char *text, const char *signs) {
    for (; *text; text++)
        if (*text == '\\')
            fputs(strchr(signs, '{') ? "\\textbackslash{}" : "\\\\", file);
        else if (strchr("~^", *text) && strchr(signs, '{'))
            fprintf(file, "\\%c{}", *text);
        else
            fprintf(file, strchr(signs, *text) ? "\\%c" : "%c", *text);
}

typedef struct look {
    const char *head, *between, *line_end, *plus_minus, *none, *signs;
} look;

static void put_row(
    const table *t, const look *how, const ul_score *score, const bool chosen[COLUMNS]) {
    unsigned number = score->metrics.number;
    fputs(how->head, t->file);
    put_escaped(t->file, score->class_name, how->signs);
    fprintf(t->file, "%s%zu", how->between,
        columns_summarise(t->evaluation, number, 0, t->spare).count);
    for (int c = 0; c < COLUMNS; c++) {
        if (!chosen[c])
            continue;
        ul_summary s = columns_summarise(t->evaluation, number, c, t->spare);
        fputs(how->between, t->file);
        if (s.count == 0)
            fputs(how->none, t->file);
        else if (s.count == 1)
            fprintf(t->file, "%.*f", columns[c].digits, s.mean);
        else
            fprintf(t->file, "%.*f%s%.*f", columns[c].digits, s.mean, how->plus_minus,
                columns[c].digits, s.sd);
    }
    fputs(how->line_end, t->file);
}

static void put_rows(const table *t, const look *how, const bool chosen[COLUMNS]) {
    for (size_t i = 0; i < t->evaluation->count; i++)
        if (columns_first_of_class(t->evaluation, i))
            put_row(t, how, &t->evaluation->scores[i], chosen);
}

static void put_caption(const table *t) {
    fprintf(t->file,
        "Mean and standard deviation over %zu case%s. NSD: normalised surface Dice at %g %s. HD95: "
        "95th percentile of surface distances. ASD: average symmetric surface distance.",
        t->evaluation->cases, t->evaluation->cases == 1 ? "" : "s", t->tolerance,
        t->evaluation->count && !t->evaluation->scores[0].metrics.in_mm ? "pixels" : "mm");
}

static void print_markdown(const table *t) {
    static const look how = {"| ", " | ", " |\n", " \u00b1 ", "", "|*_`[]<>"};
    bool chosen[COLUMNS];
    choose_columns(t, chosen);
    fputs("| Class | n |", t->file);
    for (int c = 0; c < COLUMNS; c++)
        if (chosen[c])
            fprintf(t->file, " %s |", columns[c].title);
    fputs("\n|---|---:|", t->file);
    for (int c = 0; c < COLUMNS; c++)
        if (chosen[c])
            fputs("---:|", t->file);
    fputs("\n", t->file);
    put_rows(t, &how, chosen);
    fputs("\n", t->file);
    put_caption(t);
    fputs("\n", t->file);
}

static void print_latex(const table *t) {
    static const look how = {"", " & ", " \\\\\n", " $\\pm$ ", "--", "&%$#_{}"};
    bool chosen[COLUMNS];
    choose_columns(t, chosen);
    fputs("% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\begin{tabular}{lr",
        t->file);
    for (int c = 0; c < COLUMNS; c++)
        if (chosen[c])
            fputs("r", t->file);
    fputs("}\n\\toprule\nClass & $n$", t->file);
    for (int c = 0; c < COLUMNS; c++)
        if (chosen[c])
            fprintf(t->file, " & %s", columns[c].title);
    fputs(" \\\\\n\\midrule\n", t->file);
    put_rows(t, &how, chosen);
    fputs("\\bottomrule\n\\end{tabular}\n\\caption{", t->file);
    put_caption(t);
    fputs("}\n\\end{table}\n", t->file);
}

const table_form *table_form_of(const char *path) {
    static const table_form forms[] = {
        {".csv", print_csv}, {".md", print_markdown}, {".tex", print_latex}};
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
        if (ends_in(path, forms[f].ending))
            return &forms[f];
    return NULL;
}

ul_status table_write(const char *path, const table_form *form, const ul_evaluation *evaluation,
    double tolerance, ul_error *error) {
    char *text = NULL;
    size_t size = 0;
    table t = {open_memstream(&text, &size), evaluation,
        malloc((evaluation->count + 1) * sizeof(double)), tolerance};
    if (t.file && t.spare)
        form->print(&t);
    ul_status status = t.file && fclose(t.file) == 0 && t.spare
                           ? ul_output_write(path, text, size, error)
                           : ul_error_set(error, UL_ERROR_LIMIT, "%s: out of memory", path);
    free(text);
    free(t.spare);
    return status;
}
