#include "io/seg/findings.h"

#include <cstdarg>
#include <cstdio>

void SegFindings::add(const char *who, const char *format, ...) {
    ul_seg_finding finding = {};
    std::snprintf(finding.who, sizeof finding.who, "%s", who);
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(finding.text, sizeof finding.text, format, arguments);
    va_end(arguments);
    list.push_back(finding);
}
