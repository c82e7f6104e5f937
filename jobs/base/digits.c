#include "jobs/base/digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number that a text has of a value: the nearest one to its decimals. */
static double shortened(const char *format, int digits, double value) {
    char text[400];
    if (!isfinite(value))
        return value;
    snprintf(text, sizeof text, format, digits, value);
    return strtod(text, NULL) + 0.0; /* no -0 */
}

double digits_ml(double ml) {
    return fabs(ml) < 0.1 ? shortened("%.*g", 3, ml) : shortened("%.*f", 3, ml);
}

double digits_mm(double mm) {
    return shortened("%.*f", 3, mm);
}

double digits_seconds(double seconds) {
    return shortened("%.*f", 3, seconds);
}

double digits_mib(double mib) {
    return shortened("%.*f", 1, mib);
}

double digits_share(double share) {
    return shortened("%.*f", 4, share);
}

double digits_value(double value) {
    return value == rint(value) ? value : shortened("%.*g", 6, value);
}

const char *digits_text(double value, char text[DIGITS_TEXT_BYTES]) {
    snprintf(text, DIGITS_TEXT_BYTES, fabs(value) < 99.95 ? "%.3g" : "%.0f", value);
    return text;
}

void csv_put_text(FILE *stream, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}
