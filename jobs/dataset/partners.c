#include "jobs/dataset/partners.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

typedef struct side_words {
    const char *left, *right;
    bool alone; /* not as part of a longer word */
} side_words;

static const side_words words[] = {
    {"left", "right", false}, {"l", "r", true}, {"lh", "rh", true}, {"lt", "rt", true}};

/* Whether label [at, at + length) is a word of its own. */
static bool is_word(const char *label, size_t at, size_t length) {
    return (at == 0 || !isalnum((unsigned char)label[at - 1])) &&
           !isalnum((unsigned char)label[at + length]);
}

/* Whether a label becomes another one when a word for left in it becomes the one for right. */
static bool differ_by(const side_words *side, const char *left, const char *right) {
    const size_t length = strlen(side->left), other = strlen(side->right);
    bool found = false;
    for (size_t at = 0; left[at] && !found; at++)
        found = strncasecmp(left + at, side->left, length) == 0 &&
                (!side->alone || is_word(left, at, length)) && strncasecmp(left, right, at) == 0 &&
                strncasecmp(right + at, side->right, other) == 0 &&
                strcasecmp(left + at + length, right + at + other) == 0;
    return found;
}

static bool are_sides(const char *a, const char *b) {
    bool sides = false;
    for (size_t n = 0; n < sizeof words / sizeof *words; n++)
        sides = sides || differ_by(&words[n], a, b) || differ_by(&words[n], b, a);
    return sides;
}

void partners_find(ul_segments *classes) {
    for (size_t n = 0; n < classes->count; n++)
        for (size_t m = n + 1; m < classes->count; m++) {
            ul_segment *one = &classes->items[n], *other = &classes->items[m];
            if (one->mirror || other->mirror || !are_sides(one->label, other->label))
                continue;
            one->mirror = other->number;
            other->mirror = one->number;
        }
}
