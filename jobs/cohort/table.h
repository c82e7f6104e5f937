/* The rows of volumes.csv. */
#pragma once

#include <cJSON.h>
#include <stdio.h>

/* The first line. */
void table_head(FILE *stream);

/* A row for each of the run's "volumes". */
void table_rows(FILE *stream, const cJSON *run);
