#include "jobs/generate/contrast.h"

#include <math.h>

/* --- What a scanner measures ----------------------------------------------------------------- */

/* Times in ms. */
typedef struct pulse_sequence {
    double repetition, echo;
    double inversion; /* 0: none */
    double flip;      /* radians, of a spoiled gradient echo; 0: spin echo */
} pulse_sequence;

/* From the least to the most of clinical protocols: ms, degrees. */
typedef struct protocol {
    size_t share;
    double repetition[2], echo[2];
    double inversion[2]; /* of nulled ones as a share of the time that nulls the fluid; 0: none */
    double flip[2];
    bool nulled;
} protocol;

/* T1 has three protocols of a share each, the other contrasts one of two. */
static const protocol protocols[] = {
    {.share = 1, .repetition = {400, 800}, .echo = {8, 20}},               /* T1, spin echo */
    {.share = 1, .repetition = {6, 30}, .echo = {2, 6}, .flip = {12, 30}}, /* T1, gradient echo */
    {.share = 1,                                                           /* T1, inversion */
        .repetition = {1800, 2500},
        .echo = {2, 5},
        .inversion = {800, 1100}},
    {.share = 2, .repetition = {2500, 7000}, .echo = {75, 120}}, /* T2 */
    {.share = 2, .repetition = {2000, 5000}, .echo = {10, 40}},  /* density */
    {.share = 2,                                                 /* FLAIR */
        .repetition = {6000, 11000},
        .echo = {80, 140},
        .inversion = {0.93, 1.07},
        .nulled = true},
};

/* The inversion time at which a tissue gives no signal. */
static double nulling(double t1, double repetition) {
    return t1 * (log(2.0) - log1p(exp(-repetition / t1)));
}

static pulse_sequence draw_sequence(random_stream *stream) {
    const double fluid_t1 = 4000.0, degree = 3.141592653589793 / 180.0;
    const size_t count = sizeof protocols / sizeof *protocols;
    size_t shares = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        shares += protocols[i].share;
    for (size_t left = random_below(stream, shares); left >= protocols[n].share; n++)
        left -= protocols[n].share;
    const protocol *p = &protocols[n];
    pulse_sequence s = {0};
    s.repetition = random_uniform(stream, p->repetition[0], p->repetition[1]);
    s.echo = random_uniform(stream, p->echo[0], p->echo[1]);
    if (p->inversion[1] > 0.0)
        s.inversion = random_uniform(stream, p->inversion[0], p->inversion[1]);
    if (p->nulled)
        s.inversion *= nulling(fluid_t1, s.repetition);
    if (p->flip[1] > 0.0)
        s.flip = degree * random_uniform(stream, p->flip[0], p->flip[1]);
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
    double scale = random_uniform(stream, 0.6, 1.0) * ranges->mean_high;
    scale /= most > 0.0 ? most : 1.0; /* times so short that nothing is left */
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
