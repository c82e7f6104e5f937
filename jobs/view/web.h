/* The parts of self-contained HTML pages: styles and scripts that the build puts into the library.
 */
#pragma once

#include "ulite/error.h"

#include <stdio.h>

typedef enum web_page { WEB_CASE, WEB_INDEX } web_page;

/* A page begins: what may be loaded (nothing from anywhere) and its title. */
void web_begin(FILE *file, const char *title);

/* Ends the head, and writes the fixed part of the body. */
void web_body(FILE *file, web_page page);

/* Data for the script: a JSON text by an id. */
void web_json(FILE *file, const char *id, const char *json);

/* The script, and the end. */
void web_end(FILE *file, web_page page);
