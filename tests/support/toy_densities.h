/* The true densities of the built-in toy data sets toy:ring and toy:checkerboard, against which the bounds of a model
 * of them can be held. */
#ifndef TESTS_SUPPORT_TOY_DENSITIES_H
#define TESTS_SUPPORT_TOY_DENSITIES_H

/* ln p(x) in nats; -infinity outside the squares of the checkerboard. */
double test_ring_log_density(const double x[2]);
double test_checkerboard_log_density(const double x[2]);

/* The mean of ln p(x) over the distribution: no model can have a higher mean bound on many rows. That of the ring is
 * -ln 6 - ln(2 pi 0.01) - 1 and 1.7e-6 more, since its components hardly overlap; that of the checkerboard is -ln 8. */
#define TEST_RING_MEAN_LOG_DENSITY (-0.0244646233)
#define TEST_CHECKERBOARD_MEAN_LOG_DENSITY (-2.0794415416798357)

#endif
