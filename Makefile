# libvae: what one can ask for. The rules of one configuration are in scripts/build.mk.
#
#   make                 lib/libvae.a, lib/libvae.so and the program bin/vae; make lib: the library alone
#   make deps            installs what the build, the tests and the demo need (Debian, Ubuntu); make deps-all: and check-all
#   make demo            trains on Fashion-MNIST and draws pictures into demo-out/; LIKELIHOOD=bernoulli, MODEL=conv;
#                        MODEL=diffusion: a denoising diffusion of the images, about five minutes
#   make check           the test suite; T=text runs the test programs whose path contains it
#   make check-all       the suite in every configuration, lint, ABI, install, interoperability and document tests;
#                        WITHOUT=part leaves one out
#   make fuzz            new inputs for the parsers, by clang's libFuzzer; SECONDS=60 for each, TARGET=name for one
#   make check-cpp       include/vae.hpp with each compiler and standard
#   make check-cmake     CMake projects that use the library
#   make check-rust      the Rust crates, and a program that depends on them
#   make check-python    the Python package: its wheel in an empty virtual environment
#   make check-abi       what was released against this library; make abi-record: for a release (docs/abi.md)
#   make check-ulp       the elementary functions over all floats, some minutes
#   make check-oom       every allocation refused in turn
#   make check-valgrind  the suite under valgrind; SIMD=avx2, which valgrind knows
#   make soak            random calls of everything for SECONDS=3600, SEED=1
#   make bench           times, against what the machine can do; make bench-growth: how they grow
#   make install         DESTDIR prefix libdir includedir bindir mandir completiondir; make uninstall
#   make coverage        what the suite reaches, and whether that is enough; not part of check-all
#   make examples lint clean
#
#   BLAS=openblas|blas|blis|builtin  REAL=float|double  SIMD=sse2|avx2|avx512  ZLIB=yes|no  WERROR=1  V=1  CC  CPPFLAGS  CFLAGS  LDFLAGS

# Goals run in the order given ("make deps check"); what they start still uses -j.
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
SHELL := /bin/sh

BUILD = $(MAKE) -f scripts/build.mk
CONFIGURATION = BLAS='$(BLAS)' ZLIB='$(ZLIB)' CC='$(CC)' CXX='$(CXX)'

.PHONY: all lib tool check examples demo bench bench-growth install uninstall
all: lib tool
lib tool check examples demo bench bench-growth install uninstall:
	+@$(BUILD) $@

.PHONY: lint check-abi abi-record check-install check-interop check-examples check-docs check-cpp check-cmake check-python check-rust check-ulp check-oom soak
lint check-abi abi-record check-install check-interop check-examples check-docs check-cpp check-cmake check-python check-rust check-ulp check-oom soak:
	+@$(BUILD) $@

.PHONY: deps deps-all
deps:
	@$(CONFIGURATION) scripts/deps.sh
deps-all:
	@$(CONFIGURATION) scripts/deps.sh all

# `make check` runs everything, with a minute of random calls. In other configurations these are shorter, and programs that
# compute for long what depends on no configuration, such as oracles of estimates, are left out.
LONG = estimate_oracles_test /ppca_test
BRIEFLY = CALLS_SECONDS=10
FUNCTIONAL = $(BRIEFLY) SKIP='$(LONG)'
KERNELS = T='unit/tensor/ unit/autodiff/ golden/'

.PHONY: check-asan check-tsan check-valgrind check-double check-builtin check-sse2 check-avx2 check-clang coverage
check-asan:
	+@$(BUILD) check SANITIZE=address,undefined BLAS=builtin $(FUNCTIONAL)
check-tsan:
	+@scripts/thread-sanitizer.sh $(BUILD) check SANITIZE=thread BLAS=builtin $(FUNCTIONAL)
# Without the long ones, without one whose reference is in long double, which valgrind computes in double, and without
# races, which are slow there and ThreadSanitizer's.
check-valgrind:
	+@scripts/valgrind.sh $(BUILD) check BLAS=builtin SIMD=avx2 $(BRIEFLY) SKIP='$(LONG) /likelihoods_test concurrent_test'
check-double:
	+@$(BUILD) check REAL=double BLAS=builtin $(FUNCTIONAL)
check-builtin:
	+@$(BUILD) check REAL=float BLAS=builtin $(FUNCTIONAL)
check-sse2:
	+@$(BUILD) check SIMD=sse2 $(KERNELS)
check-avx2:
	+@$(BUILD) check SIMD=avx2 $(KERNELS)
check-clang:
	+@$(BUILD) shared examples check CC=clang T=unit/ SKIP='$(LONG)'
.PHONY: fuzz
fuzz:
	+@$(BUILD) fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined BLAS=builtin
# Without the programs that train for minutes at -O0; what only they reach counts as not reached.
coverage:
	+@$(BUILD) report COVERAGE=1 $(BRIEFLY) SKIP='$(LONG) constant_test scale_test'

# Every part runs, whatever the ones before it did; the table comes last. WITHOUT=check leaves out what has just been run.
PARTS := check check-builtin check-double check-asan check-tsan check-sse2 check-avx2 check-clang lint check-abi \
    check-install check-interop check-examples check-docs check-cpp check-cmake check-python check-rust
WITHOUT ?=
.PHONY: check-all
check-all:
	+@MAKE='$(MAKE)' scripts/check-all.sh $(filter-out $(WITHOUT),$(PARTS))

.PHONY: clean
clean:
	rm -rf build lib/libvae.* bin
