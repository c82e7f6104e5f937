/* A subcommand of the ulite program. Each lives in a file of its own. */
#pragma once

#include "ulite/error.h"

#include <stdbool.h>

/* Texts are whole lines, each of which --help breaks at 80 columns. */
typedef struct cli_command {
    const char *name;
    const char *summary; /* one line for `ulite --help` */
    const char *usage;   /* what follows `ulite NAME`, a line for each way to call it */
    const char *about;   /* what it does; an indented line is an item of a list */
    const struct cli_option *options; /* a last one has no name; NULL: those of every command */
    void *values;                     /* what they set */
    int fewest, most;                 /* arguments beside the options */
    const char *takes;                /* what these are, said where there are more or fewer */
    bool stream;          /* --json prints events, a line each, of which a failure is one */
    const char *exits;    /* of exit codes, beyond what every command has; NULL: nothing */
    const char *examples; /* a line each */
    /* arguments: beside the options, then NULL. Returns the exit code, and where *error is
     * set that of it: main tells it. NULL: a command of ulite-server, which lies beside ulite. */
    int (*run)(char **arguments, ul_error *error);
} cli_command;

/* Those of the program that main() belongs to, in the order of --help; NULL ends them. */
extern const cli_command *const cli_commands[];

#define NODE_SUMMARY "receive DICOM studies, segment them, send the results to a PACS"
#define SERVE_SUMMARY "segment for 3D Slicer, OHIF, a browser and scripts over HTTP"

extern const cli_command cmd_batch;
extern const cli_command cmd_bench;
extern const cli_command cmd_convert;
extern const cli_command cmd_eval;
extern const cli_command cmd_export;
extern const cli_command cmd_info;
extern const cli_command cmd_models;
extern const cli_command cmd_node;
extern const cli_command cmd_segment;
extern const cli_command cmd_serve;
extern const cli_command cmd_train;
extern const cli_command cmd_verify;
