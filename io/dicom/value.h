/* Values of DICOM attributes as real files bring them, made valid for a new object. */
#pragma once

#include "ulite/error.h"

#include <stddef.h>

UL_BEGIN_C

#define DICOM_VALUE_BYTES 1024

typedef enum dicom_value_state {
    DICOM_VALUE_VALID,    /* as it was, spaces around it aside */
    DICOM_VALUE_REPAIRED, /* cut, re-formatted, a wrong character replaced */
    DICOM_VALUE_INVALID   /* nothing could be made of it: clean is empty */
} dicom_value_state;

/* One value of a value representation (AS, CS, DA, DS, IS, LO, PN, SH, TM, UI; others are taken as
 * LO), UTF-8. An empty value is valid. */
dicom_value_state dicom_value_clean(
    const char *vr, const char *value, char clean[DICOM_VALUE_BYTES]);

/* A number as a decimal string of at most 16 characters, as close as it gets; buffer of 17. Zero
 * where it is not finite. */
void dicom_value_decimal(double number, char text[17]);

UL_END_C
