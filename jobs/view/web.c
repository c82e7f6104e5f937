#include "jobs/view/web.h"

/* By cmake/embed.cmake of web/. */
extern const unsigned char view_page_css[], view_case_html[], view_case_js[], view_index_html[],
    view_index_js[];
extern const size_t view_page_css_bytes, view_case_html_bytes, view_case_js_bytes,
    view_index_html_bytes, view_index_js_bytes;

/* Text as HTML has it. */
static void web_text(FILE *file, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default:
            fputc(*text, file);
        }
}

void web_begin(FILE *file, const char *title) {
    fputs(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"robots\" content=\"noindex\">\n<title>",
        file);
    web_text(file, title);
    fputs(" - ulite</title>\n", file);
}

void web_body(FILE *file, web_page page) {
    fputs("<style>\n", file);
    fwrite(view_page_css, 1, view_page_css_bytes, file);
    fputs("</style></head><body>\n", file);
    if (page == WEB_CASE)
        fwrite(view_case_html, 1, view_case_html_bytes, file);
    else
        fwrite(view_index_html, 1, view_index_html_bytes, file);
}

void web_json(FILE *file, const char *id, const char *json) {
    fprintf(file, "<script type=\"application/json\" id=\"%s\">", id);
    for (; *json; json++)
        if (*json == '<') /* no text ends the element */
            fputs("\\u003c", file);
        else
            fputc(*json, file);
    fputs("</script>\n", file);
}

void web_end(FILE *file, web_page page) {
    fputs("<script>\n", file);
    if (page == WEB_CASE)
        fwrite(view_case_js, 1, view_case_js_bytes, file);
    else
        fwrite(view_index_js, 1, view_index_js_bytes, file);
    fputs("</script></body></html>\n", file);
}
