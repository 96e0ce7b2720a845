/* Search by likeness: rows whose latents are near each other look alike. Trains on the built-in sprites, encodes
 * them all, and prints for some of them the nearest other sprite, by the distance between posterior means.
 *
 *     nearest_neighbours */
#include <stdio.h>
#include <stdlib.h>

#include <vae.h>

enum { ROWS = 3000, SIDE = 32, WIDTH = SIDE * SIDE, LATENT = 10, LABELS = 5, QUERIES = 3 };

static double distance(const float *a, const float *b) {
    double sum = 0;
    for (int j = 0; j < LATENT; j++) sum += (double)(a[j] - b[j]) * (double)(a[j] - b[j]);
    return sum;
}

static int nearest(const float *mean, int query) {
    int best = query ? 0 : 1;
    for (int i = 0; i < ROWS; i++) {
        if (i == query) continue;
        if (distance(mean + i * LATENT, mean + query * LATENT) <
            distance(mean + best * LATENT, mean + query * LATENT))
            best = i;
    }
    return best;
}

/* Two sprites side by side, every second row of pixels. */
static void print_pair(const float *left, const float *right) {
    for (int y = 0; y < SIDE; y += 2) {
        for (int x = 0; x < SIDE; x++) putchar(left[y * SIDE + x] > 0.5f ? '#' : '.');
        printf("   ");
        for (int x = 0; x < SIDE; x++) putchar(right[y * SIDE + x] > 0.5f ? '#' : '.');
        putchar('\n');
    }
    putchar('\n');
}

/* How many rows have a nearest neighbour of the same shape (label 0). */
static int count_same_shape(const float *mean, const double *labels, int rows) {
    int same = 0;
    for (int i = 0; i < rows; i++) same += labels[i * LABELS] == labels[nearest(mean, i) * LABELS];
    return same;
}

int main(void) {
    vae_dataset *data = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    float *x = malloc(sizeof *x * ROWS * WIDTH), *mean = malloc(sizeof *mean * ROWS * LATENT);
    double *labels = malloc(sizeof *labels * ROWS * LABELS);
    const char *spec = "input=1x32x32 latent=10 likelihood=bernoulli "
                       "encoder=[dense 256, relu] decoder=[dense 256, relu]";
    int failed = !x || !mean || !labels || vae_dataset_open(NULL, "sprites:3000", NULL, &data) ||
                 vae_model_create(NULL, spec, &model) || vae_model_initialize(model, data) ||
                 vae_optimizer_create(model, "adam lr=2e-3", &optimizer) ||
                 vae_train(model, optimizer, data, NULL, "epochs=15", NULL, NULL) ||
                 vae_dataset_read(data, 0, ROWS, x, WIDTH) ||
                 vae_dataset_read_labels(data, 0, ROWS, labels, LABELS) ||
                 vae_encode(model, x, ROWS, WIDTH, mean, NULL);
    if (failed) fprintf(stderr, "nearest_neighbours: %s\n", vae_last_error());
    for (int query = 0; !failed && query < QUERIES; query++)
        print_pair(x + query * WIDTH, x + nearest(mean, query) * WIDTH);
    if (!failed)
        printf("%d of the first 500 sprites have a nearest neighbour of the same shape\n",
               count_same_shape(mean, labels, 500));
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_dataset_destroy(data);
    free(x);
    free(mean);
    free(labels);
    return failed;
}
