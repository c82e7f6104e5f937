/* Writes heads drawn from the validation cases of a data set of label maps, and their labels: what
 * a whole-head model's signs of failure are measured on.
 *
 *     bench-draw-heads DATASET PLAN.json DRAWS FOLDER */
#include "jobs/generate/volume.h"
#include "ulite/nifti.h"

#include <stdio.h>
#include <stdlib.h>

static ul_status write_draw(const ul_dataset *dataset, size_t index, const ul_generation *ranges,
    size_t draw, const char *folder, ul_error *error) {
    char image[4096], truth[4096];
    ul_volume volume;
    ul_labels labels;
    const char *name = dataset->cases[index].name;
    snprintf(image, sizeof image, "%s/%s_%zu.nii.gz", folder, name, draw);
    snprintf(truth, sizeof truth, "%s/%s_%zu_labels.nii.gz", folder, name, draw);
    ul_status status = generate_volume(dataset, index, ranges, draw, 0, &volume, &labels, error);
    if (status != UL_OK)
        return status;
    status = ul_nifti_write(image, &volume, NULL, 0, NULL, error);
    if (status == UL_OK)
        status = ul_nifti_write_labels(truth, &labels, NULL, 0, NULL, error);
    ul_volume_free(&volume);
    ul_labels_free(&labels);
    return status;
}

static ul_status draw_all(
    const char *data, const char *plan_path, size_t draws, const char *folder, ul_error *error) {
    ul_dataset dataset;
    ul_fingerprint fingerprint = {0};
    ul_plan plan = {0};
    ul_status status = ul_dataset_open(data, NULL, 1, false, false, &dataset, error);
    if (status != UL_OK)
        return status;
    status = ul_fingerprint_measure(&dataset, NULL, &fingerprint, error);
    if (status == UL_OK)
        status = ul_plan_derive(&dataset, &fingerprint, plan_path, &plan, error);
    for (size_t i = 0; status == UL_OK && i < dataset.count; i++)
        for (size_t n = 0; status == UL_OK && n < draws; n++)
            if (dataset.cases[i].split == UL_SPLIT_VAL)
                status = write_draw(&dataset, i, &plan.training.generate, n, folder, error);
    ul_plan_free(&plan);
    ul_fingerprint_free(&fingerprint);
    ul_dataset_free(&dataset);
    return status;
}

int main(int argc, char **argv) {
    ul_error error = {0};
    if (argc != 5) {
        fprintf(stderr, "usage: bench-draw-heads DATASET PLAN.json DRAWS FOLDER\n");
        return UL_ERROR_USAGE;
    }
    if (draw_all(argv[1], argv[2], strtoul(argv[3], NULL, 10), argv[4], &error) != UL_OK)
        fprintf(stderr, "bench-draw-heads: %s\n", error.text);
    return (int)error.status;
}
