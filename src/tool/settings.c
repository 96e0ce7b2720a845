/* Until models have metadata: one table in memory, kept in a text file beside the model's. A line is a key, a
 * blank and the value, with newlines written as \n. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum { MOST = 64 };
static struct { char *key, *value; } table[MOST];
static size_t used;

static size_t find(const char *key) {
    size_t i = 0;
    while (i < used && strcmp(table[i].key, key)) i++;
    return i;
}

static char *copy(const char *from) {
    return memcpy(text_allocate(strlen(from) + 1, 1), from, strlen(from) + 1);
}

vae_status settings_set(vae_model *model, const char *key, const char *value) {
    size_t i = find(key);
    char *kept = value ? copy(value) : NULL;
    (void)model;
    if (i < used) free(table[i].value);
    if (i < used && !value) {
        free(table[i].key);
        memmove(table + i, table + i + 1, (--used - i) * sizeof *table);
    } else if (value) {
        if (i == used) table[used++].key = copy(key);
        table[i].value = kept;
    }
    return VAE_OK;
}

const char *settings_get(const vae_model *model, const char *key) {
    size_t i = find(key);
    (void)model;
    return i < used ? table[i].value : NULL;
}

const char *settings_key(const vae_model *model, size_t index) {
    (void)model;
    return index < used ? table[index].key : NULL;
}

static void path_beside(char *beside, size_t size, const char *path) {
    snprintf(beside, size, "%s.settings", path);
}

static vae_status save(const char *path) {
    char beside[4200];
    path_beside(beside, sizeof beside, path);
    FILE *file = fopen(beside, "w");
    if (!file) return VAE_ERROR_FILE;
    for (size_t i = 0; i < used; i++) {
        fprintf(file, "%s ", table[i].key);
        for (const char *c = table[i].value; *c; c++)
            *c == '\n' ? fputs("\\n", file) : fputc(*c, file);
        fputc('\n', file);
    }
    return fclose(file) ? VAE_ERROR_FILE : VAE_OK;
}

static void load(const char *path) {
    char beside[4200];
    static char line[1 << 20];
    path_beside(beside, sizeof beside, path);
    FILE *file = fopen(beside, "r");
    while (used) settings_set(NULL, table[0].key, NULL);
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ' '), *to;
        if (!value) continue;
        *value++ = 0;
        char *from = to = value;
        for (; *from && *from != '\n'; from++, to++) {
            int escape = from[0] == '\\' && from[1] == 'n';
            *to = escape ? '\n' : *from;
            from += escape;
        }
        *to = 0;
        settings_set(NULL, line, value);
    }
    if (file) fclose(file);
}

vae_status settings_model_save(const vae_model *model, const char *path) {
    vae_status status = vae_model_save(model, path);
    return status ? status : save(path);
}

vae_status settings_model_load(vae_context *context, const char *path, vae_model **out) {
    vae_status status = vae_model_load(context, path, out);
    if (!status) load(path);
    return status;
}

vae_status settings_checkpoint_save(const vae_model *model, const vae_optimizer *optimizer,
                                    const vae_dataset *dataset, const char *path) {
    vae_status status = vae_checkpoint_save(model, optimizer, dataset, path);
    return status ? status : save(path);
}

vae_status settings_checkpoint_load(vae_context *context, const char *path, vae_dataset *dataset,
                                    vae_model **model, vae_optimizer **optimizer) {
    vae_status status = vae_checkpoint_load(context, path, dataset, model, optimizer);
    if (!status) load(path);
    return status;
}

void settings_checkpoint_remove(const char *path) {
    char beside[4200];
    path_beside(beside, sizeof beside, path);
    unlink(path);
    unlink(beside);
}
