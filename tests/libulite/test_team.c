/* Teams of threads: all work is done once, by as many threads as there are. */
#include "libulite/base/resources.h"
#include "support/failing.h"
#include "ulite/resources.h"

#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ITEMS = 1000, TEAM = 4 };

typedef struct seen {
    ul_team *team;
    atomic_int items[ITEMS];   /* how often */
    atomic_int threads[TEAM];  /* calls by each */
    atomic_int inner, strange; /* items of nested calls; what must not be */
} seen;

static void take_item(void *context, size_t item, int thread) {
    seen *s = context;
    if (thread < 0 || thread >= TEAM)
        s->strange++;
    else
        s->threads[thread]++;
    s->items[item]++;
}

static void expect_each_once(seen *s, size_t count) {
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(s->items[i], i < count);
    assert_int_equal(s->strange, 0);
}

static void items_come_once(void **state) {
    (void)state;
    const int sizes[] = {1, 2, TEAM};
    const size_t counts[] = {0, 1, 2, 3, ITEMS};
    for (size_t t = 0; t < 3; t++) {
        ul_team *team = ul_team_create(sizes[t]);
        assert_int_equal(ul_team_threads(team), sizes[t]);
        assert_int_equal(team == NULL, sizes[t] == 1);
        for (int round = 0; round < 200; round++) {
            seen s = {0};
            ul_team_for(team, counts[round % 5], take_item, &s);
            expect_each_once(&s, counts[round % 5]);
        }
        ul_team_close(team);
    }
    ul_team *fitting = ul_team_create_for(3, TEAM);
    assert_int_equal(ul_team_threads(fitting), 3);
    ul_team_close(fitting);
    assert_null(ul_team_create_for(1, TEAM));
    assert_null(ul_team_create_for(0, 0));
}

/* --- Barriers -------------------------------------------------------------------------------- */

enum { STEPS = 300 };

typedef struct relay {
    ul_team *team;
    int value[2][TEAM]; /* written by one, read by all after the barrier */
    atomic_int strange;
} relay;

static void pass_on(void *context, int thread, int threads) {
    relay *r = context;
    for (int step = 1; step <= STEPS; step++) {
        r->value[step % 2][thread] = step;
        if (threads > 1)
            ul_team_barrier(r->team);
        for (int other = 0; other < threads; other++)
            if (r->value[step % 2][other] != step)
                r->strange++;
    }
}

static void barriers_hold(void **state) {
    (void)state;
    for (int threads = 1; threads <= TEAM; threads++) {
        relay r = {.team = ul_team_create(threads)};
        for (int round = 0; round < 3; round++)
            ul_team_run(r.team, pass_on, &r);
        assert_int_equal(r.strange, 0);
        for (int thread = 0; thread < TEAM; thread++)
            assert_int_equal(r.value[0][thread], thread < threads ? STEPS : 0);
        ul_team_close(r.team);
    }
}

/* --- Calls within calls, many teams, children ------------------------------------------------ */

static void take_inner(void *context, size_t item, int thread) {
    seen *s = context;
    (void)item;
    s->inner++;
    if (thread < 0 || thread >= TEAM)
        s->strange++;
}

static void inner_part(void *context, int thread, int threads) {
    seen *s = context;
    if (thread != 0 || threads != 1)
        s->strange++;
    s->inner++;
}

static void nest(void *context, size_t item, int thread) {
    seen *s = context;
    ul_team_for(s->team, 3, take_inner, s);
    ul_team_run(s->team, inner_part, s);
    ul_team *own = ul_team_create(2);
    ul_team_for(own, 3, take_inner, s);
    ul_team_close(own);
    take_item(context, item, thread);
}

static void calls_nest(void **state) {
    (void)state;
    seen s = {.team = ul_team_create(TEAM)};
    ul_team_for(s.team, 50, nest, &s);
    expect_each_once(&s, 50);
    assert_int_equal(s.inner, 50 * (3 + 1 + 3));
    ul_team_close(s.team);
}

static void see_rounding(void *context, int thread, int threads) {
    atomic_int *upward = context;
    (void)thread, (void)threads;
    *upward += fegetround() == FE_UPWARD;
}

static void workers_round_as_the_caller(void **state) {
    (void)state;
    atomic_int upward = 0;
    ul_team *team = ul_team_create(TEAM);
    ul_team_run(team, see_rounding, &upward);
    assert_int_equal(upward, 0);
    fesetround(FE_UPWARD);
    ul_team_run(team, see_rounding, &upward);
    fesetround(FE_TONEAREST);
    assert_int_equal(upward, TEAM);
    ul_team_run(team, see_rounding, &upward);
    assert_int_equal(upward, TEAM);
    ul_team_close(team);
}

static void *user_of_a_team(void *context) {
    atomic_int *wrong = context;
    for (int round = 0; round < 20; round++) {
        relay r = {.team = ul_team_create(TEAM)};
        seen s = {.team = r.team};
        ul_team_for(r.team, 100, take_item, &s);
        ul_team_run(r.team, pass_on, &r);
        for (int i = 0; i < 100; i++)
            *wrong += s.items[i] != 1;
        *wrong += r.strange;
        ul_team_close(r.team);
    }
    return NULL;
}

static void teams_stand_side_by_side(void **state) {
    (void)state;
    enum { USERS = 6 };
    pthread_t users[USERS];
    atomic_int wrong = 0;
    for (int i = 0; i < USERS; i++)
        assert_int_equal(pthread_create(&users[i], NULL, user_of_a_team, &wrong), 0);
    for (int i = 0; i < USERS; i++)
        pthread_join(users[i], NULL);
    assert_int_equal(wrong, 0);
}

/* One team that two threads give work at once: nothing is lost. */
static void *intruder(void *context) {
    seen *s = context;
    for (int round = 0; round < 100; round++)
        ul_team_for(s->team, 10, take_inner, s);
    return NULL;
}

static void work_from_two_threads_is_done(void **state) {
    (void)state;
    seen s = {.team = ul_team_create(2)};
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, intruder, &s), 0);
    intruder(&s);
    pthread_join(other, NULL);
    assert_int_equal(s.inner, 2 * 100 * 10);
    assert_int_equal(s.strange, 0);
    ul_team_close(s.team);
}

static void a_child_works_alone(void **state) {
    (void)state;
    seen s = {.team = ul_team_create(TEAM)};
    ul_team_for(s.team, 10, take_item, &s);
    pid_t child = fork();
    if (child == 0) {
        seen mine = {.team = s.team};
        ul_team_for(s.team, ITEMS, take_item, &mine);
        ul_team_run(s.team, inner_part, &mine);
        bool well = mine.inner == 1 && mine.strange == 0;
        for (int i = 0; i < ITEMS; i++)
            well = well && mine.items[i] == 1;
        ul_team_close(s.team);
        _exit(well ? 0 : 1);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
    seen after = {0};
    ul_team_for(s.team, ITEMS, take_item, &after);
    expect_each_once(&after, ITEMS);
    ul_team_close(s.team);
}

/* --- Threads that cannot be had -------------------------------------------------------------- */

static void fewer_threads_do_the_work(void **state) {
    (void)state;
    for (size_t at = 0; at < TEAM; at++) { /* the at-th thread is not started, nor one after it */
        failing_threads_on = true;
        failing_at = at;
        failing_seen = 0;
        ul_team *team = ul_team_create(TEAM);
        failing_threads_on = false;
        assert_int_equal(ul_team_threads(team), at < TEAM - 1 ? 1 + at : TEAM);
        assert_int_equal(failing_seen, at < TEAM - 1 ? at + 1 : TEAM - 1);
        seen s = {0};
        ul_team_for(team, ITEMS, take_item, &s);
        expect_each_once(&s, ITEMS);
        relay r = {.team = team};
        ul_team_run(team, pass_on, &r);
        assert_int_equal(r.strange, 0);
        ul_team_close(team);
    }
    failing_on = true; /* no memory for the team */
    failing_at = failing_seen = 0;
    ul_team *none = ul_team_create(TEAM);
    failing_on = false;
    assert_null(none);
}

/* A worker's stack is the team's own affair, and signals are the caller's. */
static void use_stack(void *context, int thread, int threads) {
    enum { BYTES = 4 << 20 };
    volatile char large[BYTES];
    sigset_t blocked;
    (void)threads;
    for (size_t i = 0; i < BYTES; i += 4096)
        large[i] = (char)i;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (large[0] != 0 || sigismember(&blocked, SIGINT) != (thread > 0) ||
        sigismember(&blocked, SIGSEGV))
        ++*(atomic_int *)context;
}

static void workers_are_as_they_should(void **state) {
    (void)state;
    atomic_int wrong = 0;
    ul_team *team = ul_team_create(2);
    ul_team_run(team, use_stack, &wrong);
    ul_team_close(team);
    assert_int_equal(wrong, 0);
}

/* --- How many -------------------------------------------------------------------------------- */

static void expect_default(const char *wanted, int threads) {
    if (wanted)
        setenv("OMP_NUM_THREADS", wanted, 1);
    else
        unsetenv("OMP_NUM_THREADS");
    assert_int_equal(ul_default_threads(), threads);
}

static void the_environment_says_how_many(void **state) {
    (void)state;
    int all = ul_processors();
    assert_true(all >= 1);
    expect_default(NULL, all);
    expect_default("3", 3);
    expect_default("5,2", 5);
    expect_default("1024", 1024);
    const char *const nonsense[] = {
        "", "0", "-2", "1025", "many", "3 or 4", "99999999999999999999"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        expect_default(nonsense[i], all);
    unsetenv("OMP_NUM_THREADS");
}

static void write_text(const char *root, const char *path, const char *text) {
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void control_groups_say_how_many(void **state) {
    (void)state;
    char root[] = "test_team.XXXXXX", command[64];
    assert_non_null(mkdtemp(root));
    assert_int_equal(ul_cgroup_processors(root), 0);
    write_text(root, "proc/self/cgroup", "0::/jobs/one\n");
    assert_int_equal(ul_cgroup_processors(root), 0);
    write_text(root, "sys/fs/cgroup/jobs/one/cpu.max", "max 100000\n");
    assert_int_equal(ul_cgroup_processors(root), 0);
    write_text(root, "sys/fs/cgroup/jobs/cpu.max", "250000 100000\n");
    assert_int_equal(ul_cgroup_processors(root), 3);
    write_text(root, "sys/fs/cgroup/jobs/one/cpu.max", "20000 100000\n");
    assert_int_equal(ul_cgroup_processors(root), 1);
    write_text(root, "proc/self/cgroup", "0::/\n"); /* a group of its own for a container */
    write_text(root, "sys/fs/cgroup/cpu.max", "400000 100000\n");
    assert_int_equal(ul_cgroup_processors(root), 4);
    write_text(
        root, "proc/self/cgroup", "5:cpuset:/x\n4:cpu,cpuacct:/docker/id\n1:name=systemd:/\n");
    assert_int_equal(ul_cgroup_processors(root), 0);
    write_text(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
    write_text(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_int_equal(ul_cgroup_processors(root), 2);
    write_text(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(ul_cgroup_processors(root), 0);
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_once),
        cmocka_unit_test(barriers_hold),
        cmocka_unit_test(calls_nest),
        cmocka_unit_test(workers_round_as_the_caller),
        cmocka_unit_test(teams_stand_side_by_side),
        cmocka_unit_test(work_from_two_threads_is_done),
        cmocka_unit_test(a_child_works_alone),
        cmocka_unit_test(fewer_threads_do_the_work),
        cmocka_unit_test(workers_are_as_they_should),
        cmocka_unit_test(the_environment_says_how_many),
        cmocka_unit_test(control_groups_say_how_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
