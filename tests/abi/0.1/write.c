/* Wrote tests/data/0.1: checkpoints, models and what 0.1 measured, for the cases of tests/abi/cases.h. Kept so that one can
 * see how; the files themselves do not change. From the root of this tree, with that of 0.1 in $OLD:
 *
 *     make -C "$OLD" lib BLAS=builtin CC=gcc
 *     gcc -std=c11 -Itests/abi/0.1 -Itests -o write tests/abi/0.1/write.c "$OLD/lib/libvae.a" -lz -lm -lpthread
 *     ./write tests/data/0.1/ > tests/data/0.1/expected.inc */
#include <stdio.h>

#include "abi/cases.h"

static const char *folder;

static const char *in_folder(const char *name, const char *end) {
    static char path[200];
    snprintf(path, sizeof path, "%s%s%s", folder, name, end);
    return path;
}

static void check(vae_status status, const char *name) {
    if (!status) return;
    fprintf(stderr, "%s: %s: %s\n", name, vae_status_name(status), vae_last_error());
    exit(1);
}

/* The data sets that are files: 60 rows of 6 numbers, as decimals that no float holds exactly, and as float64. */
static double table_value(size_t i, size_t j) {
    return old_value(ROWS_REAL, i, j) / 10;
}

static void write_table_csv(void) {
    FILE *file = fopen(in_folder("table", ".csv"), "w");
    if (!file) exit(1);
    fprintf(file, "a,b,c,d,e,f\n");
    for (size_t i = 0; i < 60; i++) {
        for (size_t j = 0; j < 6; j++) fprintf(file, "%s%.6f", j ? "," : "", table_value(i, j));
        fprintf(file, "\n");
    }
    if (fclose(file)) exit(1);
}

static void write_table_npy(void) {
    const char header[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (60, 6), }";
    FILE *file = fopen(in_folder("table", ".npy"), "wb");
    if (!file) exit(1);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fprintf(file, "%-117s\n", header);
    for (size_t i = 0; i < 60; i++) {
        for (size_t j = 0; j < 6; j++) {
            double value = table_value(i, j);
            fwrite(&value, sizeof value, 1, file);
        }
    }
    if (fclose(file)) exit(1);
}

static void print_values(const double *values, size_t count) {
    printf("{");
    for (size_t i = 0; i < count; i++)
        printf("%s%a", i == 0 ? "" : i % 6 ? ", " : ",\n     ", values[i]);
    printf("}");
}

static void write_case(vae_context *context, const old_case *c) {
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    vae_dataset *dataset = NULL;
    old_values found = {c->name, {{0}}, {0}};
    check(old_dataset(context, c, &dataset), c->name);
    check(vae_model_create(context, c->spec, &model), c->name);
    check(vae_model_initialize(model, dataset), c->name);
    check(vae_optimizer_create(model, c->optimizer, &optimizer), c->name);
    check(old_steps(model, optimizer, dataset, c->before, found.report), c->name);
    if (vae_dataset_position(dataset) == 0) {
        fprintf(stderr, "%s: is not cut inside an epoch\n", c->name);
        exit(1);
    }
    check(old_measure(model, dataset, found.values[0]), c->name);
    check(vae_checkpoint_save(model, optimizer, dataset, in_folder(c->name, ".checkpoint")),
          c->name);
    check(old_steps(model, optimizer, dataset, c->after, found.report), c->name);
    check(old_measure(model, dataset, found.values[1]), c->name);
    check(vae_model_save(model, in_folder(c->name, ".safetensors")), c->name);
    printf("{\"%s\",\n    {", c->name);
    print_values(found.values[0], VALUES);
    printf(",\n    ");
    print_values(found.values[1], VALUES);
    printf("},\n    ");
    print_values(found.report, REPORT);
    printf("},\n");
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_dataset_destroy(dataset);
}

int main(int count, char **arguments) {
    vae_context *context = NULL;
    if (count != 2) return 2;
    folder = arguments[1];
    write_table_csv();
    write_table_npy();
    check(vae_context_create("simd=sse2", &context), "context");
    printf("/* Written by tests/abi/0.1/write.c with %s, kernels of sse2. */\n", vae_build_info());
    printf("static const uint64_t old_libm_found = 0x%016llXU;\n", (unsigned long long)old_libm());
    printf("static const old_values old_found[] = {\n");
    for (int i = 0; i < OLD_CASES; i++) write_case(context, &old_cases[i]);
    printf("};\n");
    vae_context_destroy(context);
    return 0;
}
