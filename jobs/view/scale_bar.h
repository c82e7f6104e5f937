/* How long a scale bar is. */
#pragma once

/* The longest of 1, 2, 5, 10, 20, 50, ... mm that is no more than a third of a length. */
static inline double scale_bar_mm(double length_mm) {
    double most = length_mm / 3.0, bar = 1e-3;
    for (int n = 0; n < 30; n++) {
        double longer = n % 3 == 1 ? bar * 2.5 : bar * 2.0;
        if (longer > most)
            break;
        bar = longer;
    }
    return bar;
}
