/* The floor: a C program that does nothing but read one sensor of GPU 0 on an absolute schedule, and write what it
 * read. `absolute power|ring|counter HZ SECONDS OUT`; or `absolute work SECONDS`, which works on every CPU and prints
 * how much. Prints one line of JSON. Build: cc -O2 -o absolute absolute.c -ldl -lpthread */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

typedef void *device;
/* nvmlSample_t of nvml.h: a stamp in microseconds, and a union of eight bytes. */
struct sample { unsigned long long stamp_us; unsigned long long value; };
/* What is written: before, after, and the value or the stamp of a sample with its value. */
struct row { int64_t before_ns, after_ns; uint64_t stamp, value; };

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *need(void *library, const char *name) {
    void *symbol = dlsym(library, name);
    if (!symbol) { fprintf(stderr, "no %s\n", name); exit(2); }
    return symbol;
}

static _Atomic int stop;
static void *work(void *done) {
    uint64_t value = 1, pieces = 0;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        for (int step = 0; step < 10000; step++) {
            value = value * 6364136223846793005u + 1442695040888963407u;
            __asm__ volatile("" : "+r"(value));
        }
        pieces++;
    }
    *(uint64_t *)done = pieces;
    return NULL;
}

static int work_all(double seconds) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t threads[cpus];
    uint64_t done[cpus], sum = 0;
    int64_t begin = now_ns();
    for (long cpu = 0; cpu < cpus; cpu++) pthread_create(&threads[cpu], NULL, work, &done[cpu]);
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&stop, 1);
    for (long cpu = 0; cpu < cpus; cpu++) { pthread_join(threads[cpu], NULL); sum += done[cpu]; }
    printf("{\"speed\": %.6g}\n", (double)sum / ((now_ns() - begin) * 1e-9));
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "work")) return work_all(atof(words[2]));
    if (count != 5) { fprintf(stderr, "usage: absolute power|ring|counter HZ SECONDS OUT\n"); return 2; }
    double hz = atof(words[2]), seconds = atof(words[3]);
    int ring = !strcmp(words[1], "ring"), counter = !strcmp(words[1], "counter");
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    void *nvml = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (!nvml) { fprintf(stderr, "%s\n", dlerror()); return 2; }
    int (*init)(void) = need(nvml, "nvmlInit_v2");
    int (*by_index)(unsigned, device *) = need(nvml, "nvmlDeviceGetHandleByIndex_v2");
    int (*power)(device, unsigned *) = need(nvml, "nvmlDeviceGetPowerUsage");
    int (*energy)(device, unsigned long long *) = need(nvml, "nvmlDeviceGetTotalEnergyConsumption");
    int (*samples)(device, int, unsigned long long, int *, unsigned *, struct sample *) = need(nvml, "nvmlDeviceGetSamples");
    int (*shutdown)(void) = need(nvml, "nvmlShutdown");
    device gpu;
    if (init() || by_index(0, &gpu)) { fprintf(stderr, "no GPU\n"); return 2; }
    FILE *out = fopen(words[4], "wb");
    if (!out) { perror(words[4]); return 2; }
    int64_t period = (int64_t)(1e9 / hz), begin = now_ns(), due = begin;
    int64_t end = begin + (int64_t)(seconds * 1e9);
    unsigned long long since = 0;
    uint64_t reads = 0, missed = 0, readings = 0;
    static struct sample held[1024];
    for (; due < end; due += period) {
        int64_t late = now_ns() - due;
        if (late >= period) { missed += late / period; due += late / period * period; }
        struct timespec at = { due / 1000000000, due % 1000000000 };
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        struct row row = { now_ns(), 0, 0, 0 };
        int code;
        unsigned got = 1, milliwatts = 0;
        unsigned long long millijoules = 0;
        int type = 0;
        if (ring) {
            got = 1024;
            code = samples(gpu, 0, since, &type, &got, held);
            if (code == 6) { code = 0; got = 0; } /* NVML_ERROR_NOT_FOUND: nothing new */
        } else if (counter) {
            code = energy(gpu, &millijoules);
            row.value = millijoules;
        } else {
            code = power(gpu, &milliwatts);
            row.value = milliwatts;
        }
        row.after_ns = now_ns();
        reads++;
        if (code) continue;
        for (unsigned index = 0; ring && index < got; index++) {
            row.stamp = since = held[index].stamp_us;
            row.value = held[index].value;
            fwrite(&row, sizeof row, 1, out);
        }
        if (!ring) fwrite(&row, sizeof row, 1, out);
        readings += got;
    }
    double passed = (now_ns() - begin) * 1e-9;
    fclose(out);
    shutdown();
    printf("{\"reads\": %llu, \"missed\": %llu, \"readings\": %llu, \"seconds\": %.3f}\n", (unsigned long long)reads,
           (unsigned long long)missed, (unsigned long long)readings, passed);
    return 0;
}
