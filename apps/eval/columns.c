#include "apps/eval/columns.h"

#include "jobs/base/digits.h"

#include <math.h>
#include <string.h>

const column columns[COLUMNS] = {{"dice", "Dice", 3, digits_share}, {"iou", NULL, 3, digits_share},
    {"precision", NULL, 3, digits_share}, {"recall", NULL, 3, digits_share},
    {"nsd", "NSD", 3, digits_share}, {"hd95_mm", "HD95 (mm)", 2, digits_mm},
    {"asd_mm", "ASD (mm)", 2, digits_mm}, {"hd95_px", "HD95 (pixels)", 2, digits_mm},
    {"asd_px", "ASD (pixels)", 2, digits_mm}, {"volume_ml", NULL, 2, digits_ml},
    {"truth_volume_ml", "True volume (mL)", 2, digits_ml},
    {"volume_difference_ml", "Difference (mL)", 2, digits_ml}};

/* Distances of 0 between empty sets go for any unit. */
void columns_of(const ul_class_metrics *m, double values[COLUMNS]) {
    double mm = m->in_mm || m->hd95 == 0.0 ? 1.0 : NAN, px = m->in_mm ? NAN : 1.0;
    const double all[COLUMNS] = {m->dice, m->iou, m->precision, m->recall, m->nsd, m->hd95 * mm,
        m->asd * mm, m->hd95 * px, m->asd * px, m->volume_ml, m->truth_volume_ml,
        m->volume_ml - m->truth_volume_ml};
    memcpy(values, all, sizeof all);
}

ul_summary columns_summarise(
    const ul_evaluation *evaluation, unsigned number, int which, double *spare) {
    size_t n = 0;
    for (size_t i = 0; i < evaluation->count; i++)
        if (evaluation->scores[i].metrics.number == number) {
            double values[COLUMNS];
            columns_of(&evaluation->scores[i].metrics, values);
            spare[n++] = values[which];
        }
    ul_summary summary;
    ul_summarise(spare, n, &summary, NULL);
    return summary;
}

bool columns_first_of_class(const ul_evaluation *evaluation, size_t score) {
    for (size_t i = 0; i < score; i++)
        if (evaluation->scores[i].metrics.number == evaluation->scores[score].metrics.number)
            return false;
    return true;
}
