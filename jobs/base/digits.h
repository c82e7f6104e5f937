/* Numbers with the digits that they deserve, wherever they are written as JSON or CSV: more would
 * claim what nobody measured. What is not finite stays as it is. */
#pragma once

#include <stdio.h>

/* To 3 decimals; below 0.1 mL (a hundred voxels of 1 mm) to 3 digits, so that nothing becomes 0. */
double digits_ml(double ml);

/* To 3 decimals: lengths, areas. */
double digits_mm(double mm);
double digits_seconds(double seconds);

/* To 1 decimal. */
double digits_mib(double mib);

/* To 4 decimals: Dice and other shares of 1, bits. */
double digits_share(double share);

/* For people: three digits, whole numbers from 100 on, never an exponent of large ones. Returns
 * text. */
enum { DIGITS_TEXT_BYTES = 32 };
const char *digits_text(double value, char text[DIGITS_TEXT_BYTES]);

/* To 6 digits, whole numbers as they are: values of an image, spacings, rates, losses. */
double digits_value(double value);

/* Fields of CSV files (RFC 4180). */

/* Writes a text as a field, in quotes where it needs them. */
void csv_put_text(FILE *stream, const char *text);
