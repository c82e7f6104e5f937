/* Files that the build puts into the program. */
#pragma once

#include <stddef.h>

extern const unsigned char serve_page_html[], serve_openapi_yaml[];
extern const size_t serve_page_html_bytes, serve_openapi_yaml_bytes;
