/* Training without files: a small network learns to find bright discs, one step after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <ulite.h>

enum { SIDE = 64, BATCH = 4, STEPS = 60, PIXELS = SIDE * SIDE };

/* A disc somewhere in noise, and where it is. */
static void draw(float *image, uint8_t *labels) {
    const int x = 16 + rand() % 32, y = 16 + rand() % 32, radius = 6 + rand() % 8;
    for (int i = 0; i < PIXELS; i++) {
        const int dx = i % SIDE - x, dy = i / SIDE - y;
        labels[i] = dx * dx + dy * dy < radius * radius;
        image[i] = (float)labels[i] + (float)(rand() % 1000) / 1000;
    }
}

int main(int argc, char **argv) {
    static float images[BATCH * PIXELS];
    static uint8_t labels[BATCH * PIXELS];
    const ul_model_shape shape = {
        .input_channels = 1, .classes = 1, .width = {8, 16, 16, 32, 32, 64}, .bottleneck = 16};
    ul_error error = {0};
    ul_model *initial = NULL, *trained = NULL;
    ul_trainer *trainer = NULL;
    ul_trainer_options options;
    ul_trainer_options_init(&options); /* the paper's loss and optimiser */
    options.height = options.width = SIDE;
    options.batch = BATCH;
    double first = 0, loss = 0;
    ul_status status = ul_model_create(&shape, 1, &initial, &error);
    if (status == UL_OK)
        status = ul_trainer_create(initial, &options, &trainer, &error);
    for (int step = 0; status == UL_OK && step < STEPS; step++) {
        for (int n = 0; n < BATCH; n++)
            draw(images + n * PIXELS, labels + n * PIXELS);
        status = ul_trainer_step(
            trainer, images, BATCH * PIXELS, labels, BATCH * PIXELS, 3e-3f, &loss, &error);
        first = step ? first : loss;
    }
    if (status == UL_OK)
        status = ul_trainer_model(trainer, &trained, &error);
    if (status == UL_OK && argc > 1)
        status = ul_model_save(trained, argv[1], NULL, 0, &error);
    if (status == UL_OK)
        printf("loss %.3f after %d steps, %.3f before\n", loss, STEPS, first);
    else
        fprintf(stderr, "%s\n", error.text);
    ul_trainer_close(trainer);
    ul_model_close(trained);
    ul_model_close(initial);
    return (int)status;
}
