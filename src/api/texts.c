/* Keys that belong to another text than the one they were written in. Relies on the option tables of all
 * texts, which is why it stands here, above every one of them; a key that no text knows is left to the
 * parser, whose message then suggests a name. */
#include "api/texts.h"

#include <string.h>

#include "data/options.h"
#include "model/prior.h"
#include "model/sampling.h"
#include "model/score.h"
#include "train/evaluation.h"
#include "train/fit_prior.h"
#include "train/options.h"

static const struct text {
    const vae__option_table *table;
    const char *owner;
} texts[] = {
    {&vae__spec_table, "the spec (vae_model_create)"},
    {&vae__training_table, "the optimizer options (vae_optimizer_create)"},
    {&vae__dataset_table, "the data set options (vae_dataset_open)"},
    {&vae__loop_table, "vae_train"},
    {&vae__prior_table, "vae_model_set_prior"},
    {&vae__fit_prior_table, "vae_model_fit_prior"},
    {&vae__estimate_table, "vae_log_likelihood"},
    {&vae__score_table, "vae_score"},
    {&vae__generate_table, "vae_generate"},
    {&vae__evaluation_table, "vae_evaluate"},
    {&vae__context_table, "the context options (vae_context_create)"},
};
static const size_t text_count = sizeof texts / sizeof texts[0];

static int knows(const vae__option_table *table, const vae__slice *key) {
    return vae__option_find(table, key) || vae__alias_find(table->aliases, key->text, key->length);
}

#define OWNERS_SIZE 400 /* all owners with what stands between them are shorter */

/* "A, B or C": the owners of the texts that have the key; "" if none has. */
static void list_owners(char owners[OWNERS_SIZE], const vae__slice *key) {
    size_t used = 0, last = 0;
    owners[0] = 0;
    for (size_t i = 0; i < text_count; i++) {
        if (vae__option_find(texts[i].table, key)) last = i;
    }
    for (size_t i = 0; i <= last && used < OWNERS_SIZE; i++) {
        if (!vae__option_find(texts[i].table, key)) continue;
        const char *between = !used ? "" : i < last ? ", " : " or ";
        used += vae__format(owners + used, OWNERS_SIZE - used, "%s%s", between, texts[i].owner);
    }
}

/* Fails for a key that other texts have, or know under another name. */
static vae_status name_owners(const vae__option_table *table, const vae__slice *key) {
    char owners[OWNERS_SIZE];
    list_owners(owners, key);
    if (*owners) {
        return vae__fail_at(key, "unknown %s '%.*s': it belongs to %s", table->what,
                            vae__shown(key), key->text, owners);
    }
    for (size_t i = 0; i < text_count; i++) {
        const vae__alias *alias = vae__alias_find(texts[i].table->aliases, key->text, key->length);
        if (!alias || !alias->name) continue;
        return vae__fail_at(key, "unknown %s '%.*s': it belongs to %s, where it is called '%s'",
                            table->what, vae__shown(key), key->text, texts[i].owner, alias->name);
    }
    return VAE_OK;
}

vae_status vae__check_keys(const vae__option_table *table, const char *text) {
    if (!text) return VAE_OK;
    vae__slice rest = {table->label, text, text, strlen(text)}, key, value;
    while (vae__pair_next(&rest, &key, &value) > 0) {
        vae_status status = knows(table, &key) ? VAE_OK : name_owners(table, &key);
        if (status) return status;
    }
    return VAE_OK;
}
