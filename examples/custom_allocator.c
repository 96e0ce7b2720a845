/* The host's own memory: an allocator that counts, a limit, and what the library says when the limit is met.
 *
 *     custom_allocator */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <vae.h>

/* A real host would hand out memory of its own pool here. Each block keeps its size in front of it; max_align_t
 * keeps what follows aligned. The library calls these from any thread that uses the context: with threads=2 a
 * counter like this one would have to be atomic. */
typedef union header {
    size_t size;
    max_align_t align;
} header;

typedef struct pool {
    size_t blocks, bytes, peak;
} pool;

static void *pool_alloc(void *user, size_t size) {
    pool *p = user;
    header *block = malloc(sizeof *block + size);
    if (!block) return NULL;
    block->size = size;
    p->blocks++;
    p->bytes += size;
    if (p->bytes > p->peak) p->peak = p->bytes;
    return block + 1;
}

static void pool_free(void *user, void *memory) {
    pool *p = user;
    header *block = (header *)memory - 1;
    p->blocks--;
    p->bytes -= block->size;
    free(block);
}

static int train(const char *options, pool *p) {
    vae_context *context = NULL;
    vae_dataset *data = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    const char *spec = "input=1x32x32 latent=10 likelihood=bernoulli "
                       "encoder=[dense 256, relu] decoder=[dense 256, relu]";
    vae_status status =
        vae_context_create_with_allocator(options, pool_alloc, pool_free, p, &context);
    if (!status) status = vae_dataset_open(context, "sprites:1000", NULL, &data);
    if (!status) status = vae_model_create(context, spec, &model);
    if (!status) status = vae_optimizer_create(model, NULL, &optimizer);
    for (int i = 0; i < 10 && !status; i++) status = vae_step(model, optimizer, data, NULL);
    printf("%-18s %s: %s\n", options, vae_status_name(status), status ? vae_last_error() : "ok");
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_dataset_destroy(data);
    vae_context_destroy(context);
    return status;
}

int main(void) {
    pool p = {0};
    int trained = train("memory_limit=64M", &p) == VAE_OK;
    printf("at most %zu KiB were held; %zu blocks are left\n", p.peak / 1024, p.blocks);
    int limited = train("memory_limit=2M", &p) == VAE_ERROR_LIMIT;
    printf("after the refusal %zu blocks are left\n", p.blocks);
    return trained && limited && !p.blocks ? 0 : 1;
}
