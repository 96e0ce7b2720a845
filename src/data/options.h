/* The text of data-set options, parsed. */
#ifndef VAE_DATA_OPTIONS_H
#define VAE_DATA_OPTIONS_H

#include "base/options.h"
#include "data/format.h"

typedef enum vae__scale {
    VAE__SCALE_AUTO,
    VAE__SCALE_UNIT,
    VAE__SCALE_NONE,
    VAE__SCALE_RANGE
} vae__scale;
typedef struct vae__scale_option {
    int kind;         /* vae__scale */
    double low, high; /* of VAE__SCALE_RANGE: what becomes 0 and 1 */
} vae__scale_option;

typedef enum vae__shift_kind {
    VAE__SHIFT_NONE,
    VAE__SHIFT_COLUMNS,
    VAE__SHIFT_LIST
} vae__shift_kind;
typedef struct vae__shift_option {
    int kind;        /* vae__shift_kind */
    vae__slice list; /* of VAE__SHIFT_LIST: finite numbers, whose count is not checked yet */
} vae__shift_option;

typedef enum vae__binarize {
    VAE__BINARIZE_NONE,
    VAE__BINARIZE_THRESHOLD,
    VAE__BINARIZE_SAMPLE
} vae__binarize;
extern const char *const vae__element_names[], *const vae__binarize_names[]; /* end in NULL */

typedef enum vae__part { VAE__PART_ALL, VAE__PART_TRAIN, VAE__PART_TEST } vae__part;

typedef struct vae__split {
    int part;        /* vae__part */
    double fraction; /* of the rows that are train, whichever part is wanted */
} vae__split;

typedef struct vae__dataset_options {
    uint64_t batch, seed, split_seed;
    int shuffle, drop_last, copy;
    int dtype;    /* vae__element */
    int binarize; /* vae__binarize */
    vae__scale_option scale;
    vae__shift_option shift;
    vae__split split;
    vae__slice labels;                /* as given; text NULL if not */
    char *label_path, *label_column;  /* copies, 0-terminated, one of them or none */
    void *formats[VAE__FORMAT_COUNT]; /* the formats' own, as vae__format_request has them */
} vae__dataset_options;

typedef enum vae__origin { VAE__ORIGIN_PATH, VAE__ORIGIN_MEMORY } vae__origin;

extern const vae__option_table vae__dataset_table;

/* Parses over the defaults and refuses what has no meaning for rows of that origin. Free in any
 * case. Lists point into `text`, which must outlive the options. */
vae_status vae__dataset_options_parse(vae_context *context, const char *text, vae__origin origin,
                                      vae__dataset_options *options);
void vae__dataset_options_free(vae_context *context, vae__dataset_options *options);

#endif
