/* A folder of DICOM images and a model to a DICOM Segmentation: segment_series FOLDER MODEL OUT.dcm
 */
#include <stdio.h>
#include <ulite.h>

int main(int argc, char **argv) {
    ul_error error = {0};
    ul_model *model = NULL;
    ul_catalog *catalog = NULL;
    const ul_series *series;
    ul_labels labels = {0};
    if (argc == 4 && ul_model_open(argv[2], &model, &error) == UL_OK &&
        ul_catalog_open(argv[1], NULL, &catalog, &error) == UL_OK &&
        ul_catalog_choose(catalog, model, &series, &error) == UL_OK &&
        ul_segment_series(model, series, NULL, &labels, &error) == UL_OK)
        ul_seg_write(argv[3], &labels, series, NULL, &error);
    ul_labels_free(&labels), ul_catalog_close(catalog), ul_model_close(model);
    if (error.status != UL_OK)
        fprintf(stderr, "%s\n", error.text);
    return (int)error.status;
}
