/* What the tool keeps with a model: text by key, in the metadata of the model's file. */
#ifndef TOOL_SETTINGS_H
#define TOOL_SETTINGS_H

#define SETTINGS_DATA "tool.data"       /* options that read a file as the training file was read */
#define SETTINGS_COLUMNS "tool.columns" /* names of the columns, one line of CSV */
#define SETTINGS_ELBO "tool.heldout_elbo"    /* of this model, as vae train measured it */
#define SETTINGS_THRESHOLD "score.threshold" /* scores above it are alarms */
#define SETTINGS_SCORE "score.options"       /* of vae_score, with which the threshold was made */

/* In checkpoints only. */
#define SETTINGS_STATE "tool.training.state"     /* what is counted */
#define SETTINGS_HISTORY "tool.training.history" /* figures of the epochs done */
#define SETTINGS_TEST "tool.training.test"       /* 1: TEST was given, 0: it was not */
#define SETTINGS_OPTION "tool.training.option."  /* behind it the name of an option */

#endif
