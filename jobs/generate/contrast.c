#include "jobs/generate/contrast.h"

#include <math.h>

/* --- What a scanner measures ----------------------------------------------------------------- */

/* Times in ms. */
typedef struct pulse_sequence {
    double repetition, echo;
    double inversion; /* 0: none */
    double flip;      /* radians, of a spoiled gradient echo; 0: spin echo */
} pulse_sequence;

enum { T1_SPIN_ECHO, T1_GRADIENT_ECHO, T1_INVERSION, T2, DENSITY, FLAIR, WEIGHTINGS };

/* The inversion time at which a tissue gives no signal. */
static double nulling(double t1, double repetition) {
    return t1 * (log(2.0) - log1p(exp(-repetition / t1)));
}

/* As clinical protocols have them. */
static pulse_sequence draw_sequence(random_stream *stream) {
    enum { FLUID_T1 = 4000 };
    const double degree = 3.141592653589793 / 180.0;
    pulse_sequence s = {0};
    switch (random_below(stream, WEIGHTINGS)) {
    case T1_SPIN_ECHO:
        s.repetition = random_uniform(stream, 400.0, 800.0);
        s.echo = random_uniform(stream, 8.0, 20.0);
        break;
    case T1_GRADIENT_ECHO:
        s.repetition = random_uniform(stream, 6.0, 30.0);
        s.echo = random_uniform(stream, 2.0, 6.0);
        s.flip = random_uniform(stream, 12.0, 30.0) * degree;
        break;
    case T1_INVERSION:
        s.repetition = random_uniform(stream, 1800.0, 2500.0);
        s.echo = random_uniform(stream, 2.0, 5.0);
        s.inversion = random_uniform(stream, 800.0, 1100.0);
        break;
    case T2:
        s.repetition = random_uniform(stream, 2500.0, 7000.0);
        s.echo = random_uniform(stream, 75.0, 120.0);
        break;
    case DENSITY:
        s.repetition = random_uniform(stream, 2000.0, 5000.0);
        s.echo = random_uniform(stream, 10.0, 40.0);
        break;
    default:
        s.repetition = random_uniform(stream, 6000.0, 11000.0);
        s.echo = random_uniform(stream, 80.0, 140.0);
        s.inversion = random_uniform(stream, 0.93, 1.07) * nulling(FLUID_T1, s.repetition);
    }
    return s;
}

/* The signal equations of spin echo, inversion recovery (magnitude) and spoiled gradient echo. */
static double signal_of(const label_tissue *tissue, const pulse_sequence *s) {
    double e1 = exp(-s->repetition / tissue->t1_ms);
    double decay = tissue->density * exp(-s->echo / tissue->t2_ms);
    if (s->flip > 0.0)
        return decay * sin(s->flip) * (1.0 - e1) / (1.0 - cos(s->flip) * e1);
    if (s->inversion > 0.0)
        return decay * fabs(1.0 - 2.0 * exp(-s->inversion / tissue->t1_ms) + e1);
    return decay * (1.0 - e1);
}

/* Groups without relaxation times keep the brightness that they have. */
static void draw_signals(const label_values *values, const ul_generation *ranges,
    random_stream *stream, head_tissue *group) {
    const pulse_sequence sequence = draw_sequence(stream);
    const double field = random_uniform(stream, 0.75, 1.15); /* T1 grows with the field strength */
    double signal[LABEL_VALUES_MOST], most = 0.0;
    for (size_t g = 0; g < values->group_count; g++) {
        label_tissue tissue = values->tissues[g];
        if (tissue.t1_ms == 0.0)
            continue;
        tissue.t1_ms *= field * exp(ranges->relaxation_sd * random_normal(stream));
        tissue.t2_ms *= exp(ranges->relaxation_sd * random_normal(stream));
        tissue.density *= exp(0.5 * ranges->relaxation_sd * random_normal(stream));
        signal[g] = signal_of(&tissue, &sequence);
        most = fmax(most, signal[g]);
    }
    double scale = random_uniform(stream, 0.6, 1.0) * ranges->mean_high / most;
    for (size_t g = 0; g < values->group_count; g++)
        if (values->tissues[g].t1_ms > 0.0) {
            group[g].mean = (float)(scale * signal[g]);
            group[g].variance *= 0.25f; /* tissue is more even than any label of any contrast */
        }
}

/* --- Any contrast ---------------------------------------------------------------------------- */

head_tissue contrast_draw_tissue(const ul_generation *ranges, random_stream *stream) {
    double mean = random_uniform(stream, ranges->mean_low, ranges->mean_high);
    double sd = random_uniform(stream, 0.0, ranges->sd);
    return (head_tissue){.mean = (float)mean, .variance = (float)(sd * sd), .solid = 1.0f};
}

static void relate(const label_values *values, const ul_generation *ranges, random_stream *stream,
    head_tissue *group) {
    for (size_t r = 0; r < values->relation_count; r++) {
        const label_relation *relation = &values->relations[r];
        group[relation->group].mean =
            group[relation->near].mean + (float)(ranges->related_sd * random_normal(stream));
    }
}

/* Pulls what lies inside the head together. */
static void make_faint(const label_values *values, random_stream *stream, head_tissue *tissue) {
    double factor = random_uniform(stream, 0.1, 0.5), sum = 0.0, count = 0.0;
    for (size_t i = 1; i < values->count; i++)
        if (values->items[i].label > 0) {
            sum += (double)tissue[i].mean;
            count += 1.0;
        }
    for (size_t i = 1; i < values->count; i++)
        if (values->items[i].label > 0) {
            double mean = sum / count;
            tissue[i].mean = (float)(mean + factor * ((double)tissue[i].mean - mean));
            tissue[i].variance *= (float)(factor * factor);
        }
}

void contrast_draw(const label_values *values, const ul_generation *ranges, random_stream *stream,
    head_tissue *tissue) {
    head_tissue group[LABEL_VALUES_MOST];
    for (size_t g = 0; g < values->group_count; g++)
        group[g] = contrast_draw_tissue(ranges, stream);
    bool measured = values->tissues_known && random_happens(stream, ranges->sequence_p);
    if (measured)
        draw_signals(values, ranges, stream, group);
    else if (random_happens(stream, ranges->related_p))
        relate(values, ranges, stream, group);
    bool apart = !measured && random_happens(stream, ranges->apart_p);
    for (size_t i = 1; i < values->count; i++)
        tissue[i] = apart ? contrast_draw_tissue(ranges, stream) : group[values->items[i].group];
    if (!measured && random_happens(stream, ranges->faint_p))
        make_faint(values, stream, tissue);
    tissue[0] = (head_tissue){.solid = 1.0f};
    if (random_happens(stream, ranges->background_p)) {
        double sd = random_uniform(stream, 0.0, 0.5 * ranges->sd);
        tissue[0].mean = (float)random_uniform(stream, 0.0, ranges->mean_high);
        tissue[0].variance = (float)(sd * sd);
    }
}
