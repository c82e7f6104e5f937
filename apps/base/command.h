/* A subcommand of the ulite program. Each lives in a file of its own and is listed in main.c. */
#ifndef COMMAND_H
#define COMMAND_H

typedef struct cli_command {
    const char *name;
    const char *summary; /* one line for `ulite --help` */
    const char *
        help; /* usage, options and examples: what --help begins with and the man page is made of */
    int (*run)(int argc, char **argv); /* argv[0] is "ulite NAME"; returns the exit code */
} cli_command;

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

#endif
