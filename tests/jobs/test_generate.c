/* Heads drawn from label maps: the same for a stream, sides exchanged with the mirror, labels where
 * the image has them, blurred by thick slices, stripped and cut, neighbours at their distance. */
#include "jobs/generate/generate.h"
#include "jobs/generate/swelling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/assert_near.h"

enum { SIZE = 96, PATCH = 64, AREA = PATCH * PATCH, CHANNELS = 3, DRAWS = 12 };

/* Values 1 and 2: left and right half; 3 and 4: a marker in each; 5: a shell outside. */
enum { LEFT = 1, RIGHT, LEFT_SPOT, RIGHT_SPOT, SHELL };

static label_values values;
static bool spots_swell;

static void make_values(void) {
    static const unsigned mirror[] = {0, RIGHT, LEFT, RIGHT_SPOT, LEFT_SPOT, SHELL};
    values = (label_values){.count = 6, .group_count = 4};
    for (unsigned i = 0; i < values.count; i++)
        values.items[i] = (label_value){.value = i,
            .label = (uint8_t)(i < SHELL ? i : 0),
            .group = (uint8_t)((i + 1) / 2),
            .mirror = (uint8_t)mirror[i],
            .swells = spots_swell && (i == LEFT_SPOT || i == RIGHT_SPOT),
            .outside = i == SHELL};
}

static unsigned halves(double x, double y, double z) {
    double r = sqrt(x * x + y * y + z * z);
    if (r > 40.0)
        return r < 46.0 ? SHELL : 0;
    if ((x > 0.0 ? x - 20.0 : x + 20.0) * (x > 0.0 ? x - 20.0 : x + 20.0) + y * y + z * z < 100.0)
        return x > 0.0 ? LEFT_SPOT : RIGHT_SPOT;
    return x > 0.0 ? LEFT : RIGHT;
}

/* One marker alone, on the left. */
static unsigned one_sided(double x, double y, double z) {
    unsigned value = halves(x, y, z);
    return value == RIGHT_SPOT ? RIGHT : value;
}

/* Cells of 4 mm. */
static unsigned cells(double x, double y, double z) {
    if (sqrt(x * x + y * y + z * z) > 44.0)
        return 0;
    int n = (int)floor(x / 4.0) + (int)floor(y / 4.0) + (int)floor(z / 4.0);
    return n % 2 ? SHELL : LEFT;
}

typedef unsigned (*shape_function)(double x, double y, double z);

/* A map of 1 mm, x to the left, y to the back, z to the head. */
static label_map make_map(shape_function shape) {
    const size_t size[3] = {SIZE, SIZE, SIZE};
    const double affine[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    static const ul_segments none = {0};
    ul_grid grid;
    ul_labels labels;
    label_map map;
    ul_error error = {0};
    make_values();
    assert_int_equal(ul_grid_from_affine(size, affine, &grid, &error), UL_OK);
    assert_int_equal(ul_labels_create(&grid, &none, false, &labels, &error), UL_OK);
    for (size_t i = 0; i < SIZE * SIZE * SIZE; i++)
        labels.map[i] = (uint16_t)shape((double)(i % SIZE) - 0.5 * (SIZE - 1),
            (double)(i / SIZE % SIZE) - 0.5 * (SIZE - 1),
            (double)(i / SIZE / SIZE) - 0.5 * (SIZE - 1));
    assert_int_equal(label_map_build(&labels, &values, &map, &error), UL_OK);
    ul_labels_free(&labels);
    ul_grid_free(&grid);
    return map;
}

static ul_segment segments[4];

/* Draws what the ranges leave open; nothing but a contrast where they are zero. */
static ul_plan make_plan(ul_generation ranges) {
    ul_plan plan = {.input_channels = CHANNELS, .classes = 5};
    static const unsigned mirror[] = {2, 1, 4, 3};
    for (unsigned i = 0; i < 4; i++)
        segments[i] = (ul_segment){.number = i + 1, .mirror = mirror[i]};
    plan.card.channels = UL_CHANNELS_NEIGHBOURS;
    plan.card.classes = (ul_segments){4, segments};
    plan.card.plane_count = 1;
    plan.card.planes[0] = UL_PLANE_AXIAL;
    plan.card.spacing_mm[0] = plan.card.spacing_mm[1] = 1.5;
    plan.card.normalisation.kind = UL_NORMALISE_UNIT;
    plan.training.patch[0] = plan.training.patch[1] = PATCH;
    plan.training.foreground = 1.0;
    if (ranges.scale_low == 0.0)
        ranges.scale_low = ranges.scale_high = 1.0;
    if (ranges.resolution_low == 0.0)
        ranges.resolution_low = ranges.resolution_high = 1.0;
    ranges.elastic_spacing_mm = ranges.bias_spacing_mm = 40.0;
    ranges.mean_low = 0.2;
    ranges.mean_high = 0.9;
    plan.training.generate = ranges;
    return plan;
}

typedef struct drawn {
    float image[CHANNELS * AREA];
    uint8_t labels[AREA];
} drawn;

static void draw(const label_map *map, const ul_plan *plan, uint64_t seed, drawn *patch) {
    label_map maps[1] = {*map};
    const patch_generator generator = {&values, 1, maps};
    generator_scratch scratch;
    random_stream stream = random_at(1, 2, seed);
    ul_error error = {0};
    assert_int_equal(generator_scratch_create(plan, &scratch, &error), UL_OK);
    generator_draw(&generator, plan, &stream, &scratch, patch->image, patch->labels);
    generator_scratch_free(&scratch);
}

static const ul_generation everything = {.rotate_degrees = 20,
    .scale_low = 0.8,
    .scale_high = 1.2,
    .shear = 0.05,
    .elastic_mm = 4,
    .mirror_p = 0.5,
    .strip_p = 0.4,
    .strip_some_p = 0.3,
    .cut_p = 0.3,
    .sd = 0.1,
    .apart_p = 0.1,
    .background_p = 0.2,
    .thick_p = 0.6,
    .thick_low = 2,
    .thick_high = 7,
    .resolution_low = 1,
    .resolution_high = 2,
    .bias = 0.4,
    .gamma = 0.3,
    .noise = 0.1,
    .rician_p = 0.5,
    .jitter = 0.05};

static void draws_depend_on_the_stream_alone(void **state) {
    (void)state;
    static drawn one, again, other;
    label_map map = make_map(halves);
    ul_plan plan = make_plan(everything);
    plan.card.neighbour_mm = 3.0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        draw(&map, &plan, seed, &one);
        draw(&map, &plan, seed + 1, &other);
        draw(&map, &plan, seed, &again);
        assert_memory_equal(&one, &again, sizeof one);
        assert_memory_not_equal(&one, &other, sizeof one);
        for (size_t i = 0; i < CHANNELS * AREA; i++)
            assert_true(one.image[i] >= 0.0f && one.image[i] <= 1.0f);
    }
    label_map_free(&map);
}

static double mean_column(const uint8_t *labels, uint8_t label) {
    double sum = 0.0, count = 0.0;
    for (size_t i = 0; i < AREA; i++)
        if (labels[i] == label) {
            sum += (double)(i % PATCH);
            count += 1.0;
        }
    return count > 0.0 ? sum / count : -1.0;
}

/* Axial columns run to the left: a left class lies right of a right one in the picture, and the
 * marker changes its side and its class. */
static void a_mirror_exchanges_sides(void **state) {
    (void)state;
    static drawn patch;
    label_map map = make_map(one_sided);
    for (int mirrored = 0; mirrored < 2; mirrored++) {
        ul_plan plan = make_plan((ul_generation){.mirror_p = mirrored});
        bool marked = false;
        for (uint64_t seed = 0; seed < DRAWS; seed++) {
            draw(&map, &plan, seed, &patch);
            double left = mean_column(patch.labels, LEFT), right = mean_column(patch.labels, RIGHT);
            double spot = mean_column(patch.labels, mirrored ? RIGHT_SPOT : LEFT_SPOT);
            assert_true(mean_column(patch.labels, mirrored ? LEFT_SPOT : RIGHT_SPOT) < 0.0);
            if (left < 0.0 || right < 0.0)
                continue;
            assert_true(left > right + 5.0);
            if (spot < 0.0)
                continue;
            assert_true(mirrored ? spot < left : spot > right);
            marked = true;
        }
        assert_true(marked);
    }
    label_map_free(&map);
}

static bool is_interior(const uint8_t *labels, size_t pixel) {
    size_t x = pixel % PATCH, y = pixel / PATCH;
    if (x < 3 || y < 3 || x + 3 >= PATCH || y + 3 >= PATCH || labels[pixel] == 255)
        return false;
    for (size_t j = y - 3; j <= y + 3; j++)
        for (size_t i = x - 3; i <= x + 3; i++)
            if (labels[j * PATCH + i] != labels[pixel])
                return false;
    return true;
}

/* Smallest and largest value of a class inside it, in the middle channel. */
static size_t find_range(const drawn *patch, uint8_t label, float range[2]) {
    size_t count = 0;
    for (size_t i = 0; i < AREA; i++)
        if (patch->labels[i] == label && is_interior(patch->labels, i)) {
            float v = patch->image[AREA + i];
            range[0] = count == 0 || v < range[0] ? v : range[0];
            range[1] = count == 0 || v > range[1] ? v : range[1];
            count++;
        }
    return count;
}

static void labels_lie_where_the_image_has_them(void **state) {
    (void)state;
    static drawn patch;
    static const ul_plane planes[] = {UL_PLANE_AXIAL, UL_PLANE_CORONAL, UL_PLANE_SAGITTAL};
    label_map map = make_map(halves);
    ul_generation ranges = {.rotate_degrees = 20,
        .scale_low = 0.9,
        .scale_high = 1.1,
        .shear = 0.05,
        .elastic_mm = 3,
        .mirror_p = 0.5};
    size_t seen = 0;
    for (uint64_t seed = 0; seed < 3 * DRAWS; seed++) {
        ul_plan plan = make_plan(ranges);
        plan.card.planes[0] = planes[seed % 3];
        draw(&map, &plan, seed, &patch);
        for (uint8_t label = LEFT; label <= RIGHT_SPOT; label++) {
            float range[2] = {0.0f, 0.0f};
            size_t count = find_range(&patch, label, range);
            /* The slice above may hold a bit of what lies there. */
            if (count > 20 && label <= RIGHT) {
                assert_true(range[1] - range[0] < 0.15f);
                seen++;
            }
        }
    }
    assert_true(seen > DRAWS);
    label_map_free(&map);
}

static double spread_of(const drawn *patch) {
    double sum = 0.0, squares = 0.0, n = 0.0;
    for (size_t y = PATCH / 2 - 8; y < PATCH / 2 + 8; y++)
        for (size_t x = PATCH / 2 - 8; x < PATCH / 2 + 8; x++) {
            double v = (double)patch->image[AREA + y * PATCH + x];
            sum += v;
            squares += v * v;
            n += 1.0;
        }
    return sqrt(fmax(squares / n - sum / n * sum / n, 0.0));
}

/* Cells of 4 mm are seen by voxels of 1 mm and not by slices of 7 mm. */
static void thick_slices_blur(void **state) {
    (void)state;
    static drawn patch;
    label_map map = make_map(cells);
    double thin = 0.0, thick = 0.0;
    for (uint64_t seed = 0; seed < 2 * DRAWS; seed++) {
        ul_plan plan = make_plan((ul_generation){.mirror_p = 0.0});
        plan.card.spacing_mm[0] = plan.card.spacing_mm[1] = 1.0;
        draw(&map, &plan, seed, &patch);
        thin += spread_of(&patch);
        plan.training.generate.thick_p = 1.0;
        plan.training.generate.thick_low = plan.training.generate.thick_high = 7.0;
        draw(&map, &plan, seed, &patch);
        thick += spread_of(&patch);
    }
    assert_true(thin > 0.0);
    print_message("spread %.3f in thin slices, %.3f in thick ones\n", thin, thick);
    assert_true(thick < 0.5 * thin);
    label_map_free(&map);
}

static void sagittal_patches_have_left_classes_alone(void **state) {
    (void)state;
    static drawn patch;
    label_map map = make_map(halves);
    ul_plan plan = make_plan(everything);
    plan.card.planes[0] = UL_PLANE_SAGITTAL;
    bool left = false, right = false;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        draw(&map, &plan, seed, &patch);
        for (size_t i = 0; i < AREA; i++) {
            left = left || patch.labels[i] == LEFT || patch.labels[i] == LEFT_SPOT;
            right = right || patch.labels[i] == RIGHT || patch.labels[i] == RIGHT_SPOT;
        }
    }
    assert_true(left);
    assert_false(right);
    label_map_free(&map);
}

/* Without its shell the head lies in black, noise or not; with it there is something beyond 41 mm.
 */
static void stripping_takes_the_outside_away(void **state) {
    (void)state;
    static drawn patch;
    label_map map = make_map(halves);
    for (int stripped = 0; stripped < 2; stripped++) {
        ul_plan plan = make_plan((ul_generation){.strip_p = stripped, .noise = 0.0});
        size_t bright = 0;
        for (uint64_t seed = 0; seed < 4 * DRAWS; seed++) {
            draw(&map, &plan, seed, &patch);
            for (size_t i = 0; i < AREA; i++)
                bright += patch.labels[i] == 0 && is_interior(patch.labels, i) &&
                          patch.image[AREA + i] > 0.05f;
        }
        assert_true(stripped ? bright == 0 : bright > 0);
    }
    label_map_free(&map);
}

/* What is cut off has no labels: nothing to learn, or background. */
static void a_cut_goes_through_image_and_labels(void **state) {
    (void)state;
    static drawn patch;
    label_map map = make_map(halves);
    ul_plan plan = make_plan((ul_generation){.cut_p = 1.0});
    size_t cut = 0;
    for (uint64_t seed = 0; seed < 4 * DRAWS; seed++) {
        draw(&map, &plan, seed, &patch);
        for (size_t i = 0; i < AREA; i++) {
            bool learnt = patch.labels[i] != 255;
            if (!learnt || (patch.labels[i] == 0 && is_interior(patch.labels, i)))
                cut += patch.image[AREA + i] == 0.0f;
            if (!learnt)
                assert_true(patch.image[AREA + i] == 0.0f);
            if (learnt && patch.labels[i] > 0 && is_interior(patch.labels, i))
                assert_true(patch.image[AREA + i] > 0.1f);
        }
    }
    assert_true(cut > 0);
    label_map_free(&map);
}

/* Planes across the head, each 8 mm a value of its own: what a neighbour shows says how far it lies
 * away. */
static unsigned floors(double x, double y, double z) {
    return fabs(x) < 40.0 && fabs(y) < 40.0 && fabs(z) < 40.0 ? 1 + (unsigned)((z + 40.0) / 20.0)
                                                              : 0;
}

static void neighbours_lie_at_the_cards_distance(void **state) {
    (void)state;
    static drawn patch;
    label_map map = make_map(floors);
    size_t moved[2] = {0, 0};
    for (int far = 0; far < 2; far++)
        for (uint64_t seed = 0; seed < 4 * DRAWS; seed++) {
            ul_plan plan = make_plan((ul_generation){.mirror_p = 0.0, .apart_p = 1.0});
            plan.card.neighbour_mm = far ? 20.0 : 1.0;
            draw(&map, &plan, seed, &patch);
            size_t middle = PATCH / 2 * PATCH + PATCH / 2;
            for (size_t c = 0; c < CHANNELS; c += 2)
                moved[far] +=
                    fabsf(patch.image[c * AREA + middle] - patch.image[AREA + middle]) > 0.01f;
        }
    assert_true(moved[1] > 3 * moved[0]);
    assert_true(moved[1] > 6 * DRAWS);
    label_map_free(&map);
}

/* Spots of a radius of 10 mm, whose reach ends near the surface. */
static void what_swells_takes_its_surroundings_along(void **state) {
    (void)state;
    static drawn patch;
    enum { GROWTHS = 3 };
    static const double growth_mm[GROWTHS] = {-3.0, 0.0, 3.0};
    spots_swell = true;
    label_map map = make_map(halves);
    spots_swell = false;
    size_t spots[GROWTHS] = {0}, brain[GROWTHS] = {0};
    for (int g = 0; g < GROWTHS; g++) {
        ul_plan plan =
            make_plan((ul_generation){.shrink_mm = -growth_mm[g], .grow_mm = growth_mm[g]});
        for (uint64_t seed = 0; seed < 4 * DRAWS; seed++) {
            draw(&map, &plan, seed, &patch);
            for (size_t i = 0; i < AREA; i++) {
                spots[g] += patch.labels[i] == LEFT_SPOT || patch.labels[i] == RIGHT_SPOT;
                brain[g] += patch.labels[i] >= LEFT && patch.labels[i] <= RIGHT_SPOT;
            }
            for (uint8_t label = LEFT_SPOT; label <= RIGHT_SPOT; label++) {
                float range[2] = {0.0f, 0.0f};
                if (find_range(&patch, label, range) > 0)
                    assert_true(range[1] - range[0] < 0.15f);
            }
        }
    }
    print_message("pixels of spots %zu, %zu, %zu of %zu\n", spots[0], spots[1], spots[2], brain[1]);
    assert_true(spots[0] < 0.6 * (double)spots[1] && spots[0] > 0.4 * (double)spots[1]);
    assert_true(spots[2] > 1.6 * (double)spots[1] && spots[2] < 2.0 * (double)spots[1]);
    for (int g = 0; g < GROWTHS; g++)
        assert_near((double)brain[g], (double)brain[1], 0.01 * (double)brain[1]);
    label_map_free(&map);
}

/* A plate of 3 mm across the middle that grows by 4 mm on either side is one of 11 mm, and whole.
 */
static void what_is_thin_grows_without_holes(void **state) {
    (void)state;
    static uint8_t voxels[SIZE * SIZE * SIZE];
    const size_t size[3] = {SIZE, SIZE, SIZE};
    const double spacing_mm[3] = {1.0, 1.0, 1.0};
    const bool swells[256] = {[1] = true};
    int8_t *distance;
    for (size_t i = 0; i < sizeof voxels; i++)
        voxels[i] = i % SIZE >= SIZE / 2 - 1 && i % SIZE <= SIZE / 2 + 1;
    assert_int_equal(swelling_measure(voxels, size, spacing_mm, swells, &distance, NULL), UL_OK);
    for (float x = 0.5f; x < SIZE; x += 0.25f) {
        const float middle = SIZE / 2 + 0.5f, off = fabsf(x - middle);
        float place[3] = {x, middle, middle};
        swelling_move(distance, size, spacing_mm, 4.0f, place);
        bool plate = voxels[(size_t)place[0]] != 0;
        if (off < 4.5f || off > 6.5f)
            assert_int_equal(plate, off < 4.5f);
    }
    free(distance);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_depend_on_the_stream_alone),
        cmocka_unit_test(a_mirror_exchanges_sides),
        cmocka_unit_test(labels_lie_where_the_image_has_them),
        cmocka_unit_test(thick_slices_blur),
        cmocka_unit_test(sagittal_patches_have_left_classes_alone),
        cmocka_unit_test(stripping_takes_the_outside_away),
        cmocka_unit_test(a_cut_goes_through_image_and_labels),
        cmocka_unit_test(neighbours_lie_at_the_cards_distance),
        cmocka_unit_test(what_swells_takes_its_surroundings_along),
        cmocka_unit_test(what_is_thin_grows_without_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
