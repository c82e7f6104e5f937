#include "io/dicom/value.h"

#include "io/base/uid.h"
#include "io/base/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool all_digits(const char *text, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

static int two_digits(const char *text) {
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* Removes the characters of unwanted. */
static void strip(char *text, const char *unwanted) {
    char *to = text;
    for (const char *from = text; *from; from++)
        if (!strchr(unwanted, *from))
            *to++ = *from;
    *to = '\0';
}

/* YYYYMMDD; YYYY.MM.DD and YYYY-MM-DD lose their dots. */
static bool make_date(char *text) {
    if (strlen(text) == 10)
        strip(text, ".-/");
    if (strlen(text) != 8 || !all_digits(text, 8))
        return false;
    int month = two_digits(text + 4), day = two_digits(text + 6);
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] &&
           strncmp(text, "0000", 4) != 0;
}

/* HHMMSS.FFFFFF, of which the end may be missing; HH:MM:SS loses its colons. A second 60 is a leap
 * second. */
static bool make_time(char *text) {
    strip(text, ":");
    size_t whole = strcspn(text, ".");
    if ((whole != 2 && whole != 4 && whole != 6) || !all_digits(text, whole))
        return false;
    if (two_digits(text) > 23 || (whole >= 4 && two_digits(text + 2) > 59) ||
        (whole == 6 && two_digits(text + 4) > 60))
        return false;
    if (text[whole] == '\0')
        return true;
    size_t fraction = strlen(text + whole + 1);
    if (whole != 6 || !all_digits(text + whole + 1, fraction))
        return false;
    text[fraction == 0 ? whole : whole + 1 + (fraction > 6 ? 6 : fraction)] = '\0';
    return true;
}

/* 045Y; "45" and "45Y" are years. */
static bool make_age(char *text) {
    size_t digits = strspn(text, "0123456789");
    char unit = (char)toupper((unsigned char)text[digits]);
    if (digits == 0 || digits > 3 || (unit && (text[digits + 1] || !strchr("DWMY", unit))))
        return false;
    int age = atoi(text);
    snprintf(text, 5, "%03d%c", age, unit ? unit : 'Y');
    return true;
}

/* Upper case letters, digits, space and underscore, at most 16. */
static bool make_code(char *text) {
    if (strlen(text) > 16)
        return false;
    for (char *at = text; *at; at++) {
        *at = (char)toupper((unsigned char)*at);
        if (!((*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == ' ' || *at == '_'))
            return false;
    }
    return true;
}

static bool make_decimal(char *text) {
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number) || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    if (strlen(text) > 16)
        dicom_value_decimal(number, text);
    return true;
}

static bool make_integer(char *text) {
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || number != floor(number) || fabs(number) > 2147483647)
        return false;
    if (strspn(text, "0123456789+-") != strlen(text) || strlen(text) > 12)
        snprintf(text, 13, "%.0f", number);
    return true;
}

/* Up to three groups (alphabetic = ideographic = phonetic) of up to five components of together 64
 * characters; what is over is cut. */
static bool make_name(char *text) {
    char name[DICOM_VALUE_BYTES];
    snprintf(name, sizeof name, "%s", text);
    text[0] = '\0';
    size_t used = 0;
    char *group = name;
    for (int groups = 0; group && groups < 3; groups++) {
        char *next = strchr(group, '=');
        if (next)
            *next++ = '\0';
        int carets = 0;
        for (char *at = group; *at; at++)
            if (*at == '^' && ++carets > 4)
                *at = ' ';
        if (groups > 0)
            text[used++] = '=';
        ul_utf8_clip(text + used, DICOM_VALUE_BYTES - 2 - used, 64, group);
        used += strlen(text + used);
        group = next;
    }
    return true;
}

static bool make_text(char *text, size_t characters) {
    char copy[DICOM_VALUE_BYTES];
    snprintf(copy, sizeof copy, "%s", text);
    ul_utf8_clip(text, DICOM_VALUE_BYTES, characters, copy);
    return true;
}

static bool make_uid(char *text) {
    return uid_usable(text);
}

static bool make_valid(const char *vr, char *text) {
    static const struct {
        char vr[3];
        bool (*make)(char *text);
    } makers[] = {
        {"AS", make_age},
        {"CS", make_code},
        {"DA", make_date},
        {"DS", make_decimal},
        {"IS", make_integer},
        {"PN", make_name},
        {"TM", make_time},
        {"UI", make_uid},
    };
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
        if (strcmp(vr, makers[i].vr) == 0)
            return makers[i].make(text);
    return make_text(text, strcmp(vr, "SH") == 0 ? 16 : 64);
}

dicom_value_state dicom_value_clean(
    const char *vr, const char *value, char clean[DICOM_VALUE_BYTES]) {
    /* Control characters go, invalid UTF-8 is read as Latin-1, spaces around the value go. */
    ul_utf8_clip(clean, DICOM_VALUE_BYTES, DICOM_VALUE_BYTES, value);
    size_t start = strspn(clean, " ");
    memmove(clean, clean + start, strlen(clean + start) + 1);
    size_t end = strlen(clean);
    while (end > 0 && clean[end - 1] == ' ')
        clean[--end] = '\0';
    if (end == 0)
        return value[strspn(value, " ")] ? DICOM_VALUE_INVALID : DICOM_VALUE_VALID;
    if (!make_valid(vr, clean) || !clean[0]) {
        clean[0] = '\0';
        return DICOM_VALUE_INVALID;
    }
    const char *found = strstr(value, clean);
    bool same = found && strspn(value, " ") == (size_t)(found - value);
    const char *rest = same ? found + strlen(clean) : "";
    return same && rest[strspn(rest, " ")] == '\0' ? DICOM_VALUE_VALID : DICOM_VALUE_REPAIRED;
}

void dicom_value_decimal(double number, char text[17]) {
    if (!isfinite(number))
        number = 0;
    if (number == 0)
        number = 0; /* no minus zero */
    char longer[40];
    int precision = 1;
    do
        snprintf(longer, sizeof longer, "%.*g", precision, number);
    while (strtod(longer, NULL) != number && ++precision <= 17);
    /* The shortest exact form may be too long: drop digits until it fits. */
    while (strlen(longer) > 16 && --precision > 0)
        snprintf(longer, sizeof longer, "%.*g", precision, number);
    memcpy(text, longer, strlen(longer) + 1);
}
