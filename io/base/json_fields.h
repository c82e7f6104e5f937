/* Tables of what a JSON object holds: its keys, and the members of a struct that they fill and are
 * written from. */
#pragma once

#include "ulite/error.h"

#include <cJSON.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

typedef enum json_kind {
    JSON_ANY,        /* whatever it is; no member */
    JSON_VERSION,    /* 1; no member */
    JSON_TEXT,       /* char[] */
    JSON_DICOM_TEXT, /* char[], of at most high characters that DICOM can store */
    JSON_OWNED,      /* char *, malloc'd; NULL: none */
    JSON_BORROWED,   /* const char * into the JSON; of at least low bytes */
    JSON_FLAG,       /* bool */
    JSON_NUMBER,     /* double from low to high */
    JSON_WHOLE,      /* likewise, an integer of 1, 4 or 8 bytes */
    JSON_WORD,       /* its place in words, an integer, bool or enum */
    JSON_OBJECT      /* a struct with a table of its own */
} json_kind;

enum {
    JSON_NEEDED = 1,   /* must be there */
    JSON_NOT_NULL = 2, /* null is a value, too */
    JSON_SPARSE = 4,   /* is not written where it is empty: no text, 0, an object that begins so */
    JSON_NAMED = 8     /* messages on what an object holds begin with its name */
};

typedef struct json_field json_field;
typedef struct json_table json_table;

/* thing: the struct that the table is of. In place of what the kind would do. */
typedef ul_status json_read(
    const cJSON *value, const json_field *field, void *thing, ul_error *error);
typedef bool json_write(cJSON *object, const json_field *field, const void *thing);

struct json_field {
    const char *name;
    json_kind kind;
    size_t offset, size; /* of the member, in bytes */
    size_t count;        /* of the numbers that the member is an array of; 0: it is no array */
    unsigned flags;
    double low, high;
    const char *const *words; /* the last is NULL; of a text: what it may be */
    const char *expected;     /* of values, in messages; NULL: what kind and limits say */
    const json_table *table;
    bool (*when)(const void *thing); /* whether it is written; NULL: always */
    json_read *read;
    json_write *write;
};

struct json_table {
    const json_field *fields; /* the last has no name; are read and written in this order */
    ul_status wrong;          /* the status of what is not as it should be */
    const char *no_object;    /* what a value that is no object is told to be */
    const char *unknown[2];   /* around a key that is none of these, and null is a value; NULL: such
                                 keys are allowed, and null stands for an absent one */
    /* is called when all fields are read, or NULL */
    ul_status (*check)(const cJSON *object, void *thing, ul_error *error);
};

#define JSON_VERSION_FIELD                                                                         \
    { .name = "version", .kind = JSON_VERSION, .flags = JSON_NOT_NULL }

/* A field by the member of its name. */
#define JSON_AT(type, member) .offset = offsetof(type, member), .size = sizeof((type *)0)->member
#define JSON_FIELD(type, member, what) .name = #member, .kind = (what), JSON_AT(type, member)

/* Reads an object into thing; what it does not hold stays as it is. Errors: table->wrong names the
 * key, what it is, and what it must be; UL_ERROR_LIMIT. */
ul_status ul_json_read_fields(
    const cJSON *object, const json_table *table, void *thing, ul_error *error);

/* Reads one value as the field's kind wants it, into what at points to. Errors: likewise. */
ul_status ul_json_read_value(
    const cJSON *value, const json_field *field, void *at, ul_status wrong, ul_error *error);

/* Reads a list of objects of the field's table, each into the next of the items, of size bytes,
 * from *count on, which have room for all. Counts the one that fails, too: it may own something. A
 * list that is needed must not be empty. Errors: likewise, by expected. */
ul_status ul_json_read_list(const cJSON *list, const json_field *field, void *items, size_t size,
    size_t *count, ul_error *error);

/* Adds the fields of thing to object; false where it is NULL or memory ran out. */
bool ul_json_write_fields(cJSON *object, const json_table *table, const void *thing);

/* The same as an item of a list. */
bool ul_json_write_item(cJSON *list, const json_table *table, const void *thing);
