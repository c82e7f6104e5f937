/* The numbers of an evaluation, as columns of its tables. */
#pragma once

#include "ulite/evaluate.h"

enum { COLUMNS = 12 };

typedef struct column {
    const char *key;                 /* in JSON and CSV, and on the terminal */
    const char *title;               /* over a column of a table for readers; NULL: not in it */
    int digits;                      /* after the point, in such a table */
    double (*written)(double value); /* with the digits that it has in JSON and CSV */
} column;

extern const column columns[COLUMNS];

/* The columns of one case and class, NaN where undefined. */
void columns_of(const ul_class_metrics *metrics, double values[COLUMNS]);

/* Column number which over the cases of the class with that number. spare: room for every score. */
ul_summary columns_summarise(
    const ul_evaluation *evaluation, unsigned number, int which, double *spare);

/* Whether the score is the first of its class. */
bool columns_first_of_class(const ul_evaluation *evaluation, size_t score);
