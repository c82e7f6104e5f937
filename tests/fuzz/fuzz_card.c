/* Model cards: what is read is written and read again. */
#include "ulite/card.h"

#include "fuzz_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), *json = NULL;
    fuzz_check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    ul_error error = {0}, failure = {0};
    ul_card card, again;
    ul_status status = ul_card_parse(text, &card, &error);
    fuzz_check_error(status, &error);
    if (status == UL_OK) {
        fuzz_check(ul_card_write(&card, &json, &failure) == UL_OK);
        fuzz_check(ul_card_parse(json, &again, &failure) == UL_OK);
        ul_card_free(&again);
        for (size_t count = 1; count < 8; count += 2) {
            ul_error refused = {0};
            fuzz_check_error(ul_card_check(&card, count, count, &refused), &refused);
        }
        ul_card_free(&card);
    }
    free(json);
    free(text);
    return 0;
}
