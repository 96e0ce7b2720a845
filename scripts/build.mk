# Builds one configuration: a compiler, a BLAS, a real type, a set of flags. Called by the Makefile, from the root of the
# tree; kept apart from it so that BLAS is looked for after `make deps` has run, not before.
#
# Own flags live in OWN_*; CC, CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS are the caller's and come after them.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
SHELL := /bin/sh

BLAS ?= openblas
REAL ?= float
ZLIB ?= yes
SIMD ?= avx512
SANITIZE ?=
COVERAGE ?=
WERROR ?=
PKG_CONFIG ?= pkg-config
INSTALL ?= install
V ?= 0

prefix ?= /usr/local
exec_prefix ?= $(prefix)
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
bindir ?= $(exec_prefix)/bin
mandir ?= $(prefix)/share/man
completiondir ?= $(prefix)/share/bash-completion/completions
DESTDIR ?=
LDCONFIG ?= ldconfig

SOVERSION := 0
VERSION := $(shell sed -n 's/^.define VAE_VERSION_[A-Z]* \([0-9][0-9]*\)$$/\1/p' include/vae.h | paste -sd. -)
SONAME := libvae.so.$(SOVERSION)
SOFILE := $(SONAME).$(shell echo '$(VERSION)' | cut -d. -f2-)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif
quote = '$(subst ','\'',$1)'

# ---- Flags ----

# $(call one_of,NAME,values): ends make unless the variable of that name has one of the values.
comma := ,
space := $(subst ,, )
one_of = $(if $(and $(filter 1,$(words $($1))),$(filter $2,$($1))),,$(error \
    $1=$($1) is unknown (known: $(subst $(space),$(comma)$(space),$(strip $2)))))
$(call one_of,BLAS,openblas blas blis builtin)
$(call one_of,REAL,float double)
$(call one_of,SIMD,sse2 avx2 avx512)
$(call one_of,ZLIB,yes no)
$(if $(WERROR),$(call one_of,WERROR,0 1 yes no))
$(if $(filter command,$(origin V)),$(call one_of,V,0 1))
ifeq ($(origin PREFIX),command line)
$(error PREFIX is not used; write it in small letters: prefix=$(PREFIX))
endif
ifeq ($(shell command -v $(firstword $(CC))),)
$(error the compiler CC=$(CC) is not there)
endif
# Linked into a shared library these change the floating-point mode of the whole process that loads it.
FORBIDDEN := $(filter -Ofast -ffast-math,$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))
ifneq ($(FORBIDDEN),)
$(error libvae cannot be built with $(FORBIDDEN))
endif

compiler_environment = CC=$(call quote,$(CC)) CPPFLAGS=$(call quote,$(CPPFLAGS)) CFLAGS=$(call quote,$(CFLAGS)) \
    LDFLAGS=$(call quote,$(LDFLAGS)) PKG_CONFIG=$(call quote,$(PKG_CONFIG))
BLAS_FOUND := $(shell $(compiler_environment) scripts/blas.sh $(BLAS))
ifeq ($(strip $(BLAS_FOUND)),)
$(error no BLAS found for BLAS=$(BLAS): run `make deps$(if $(filter-out openblas,$(BLAS)), BLAS=$(BLAS))`, or build without one: `make BLAS=builtin`)
endif
BLAS_CPPFLAGS := $(filter -I% -D%,$(BLAS_FOUND))
BLAS_LIBS := $(filter -L% -l% -W% -pthread,$(BLAS_FOUND))

ifeq ($(ZLIB),no)
ZLIB_CPPFLAGS := -DVAE_NO_ZLIB
ZLIB_LIBS :=
else
ZLIB_CPPFLAGS :=
ZLIB_LIBS := -lz
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla \
    -Wpointer-arith -Wwrite-strings -Wundef -Wdate-time
ifneq ($(filter 1 yes,$(WERROR)),)
WARNINGS += -Werror
endif

ifneq ($(SANITIZE),)
OPTIMIZE := -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE)
ifneq ($(findstring undefined,$(SANITIZE)),)
OPTIMIZE += -fno-sanitize-recover=undefined
endif
OWN_LDFLAGS := -fsanitize=$(SANITIZE)
else ifneq ($(COVERAGE),)
OPTIMIZE := -O0 --coverage -fprofile-update=atomic -DTEST_COVERAGE
OWN_LDFLAGS := --coverage
else
OPTIMIZE := -O3
OWN_LDFLAGS :=
endif

OWN_CPPFLAGS := -Iinclude -Isrc -D_POSIX_C_SOURCE=200809L $(BLAS_CPPFLAGS) $(ZLIB_CPPFLAGS)
ifeq ($(REAL),double)
OWN_CPPFLAGS += -DVAE_REAL_DOUBLE
endif
OWN_CFLAGS := -std=c11 $(OPTIMIZE) -g -fno-math-errno -fno-trapping-math -fPIC -fvisibility=hidden $(WARNINGS)
SHARED_LDFLAGS := -Wl,-z,defs -Wl,-z,relro -Wl,-z,noexecstack
OWN_LDLIBS := $(BLAS_LIBS) $(ZLIB_LIBS) -lm -lpthread
# The levels, best first, as a list macro.
LEVELS_MACRO = -D'VAE__SIMD_LEVELS(X)=$(foreach l,$(SIMD_LEVELS),X($l))'
COMPILE = $(CC) $(OWN_CPPFLAGS) $(LEVELS_MACRO) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) -MMD -MP

# ---- Instruction sets ----

X86_64 := $(shell echo __x86_64__ | $(CC) $(CPPFLAGS) $(CFLAGS) -E -P - 2>/dev/null)
# The same kernels for each instruction set; which one runs is chosen when a context is created.
# SIMD= is the highest one built, so that the tests can run at each.
ifeq ($(X86_64),1)
LEVELS_UP_TO_sse2 := sse2
LEVELS_UP_TO_avx2 := avx2 sse2
LEVELS_UP_TO_avx512 := avx512 avx2 sse2
SIMD_LEVELS := $(LEVELS_UP_TO_$(SIMD))
else
SIMD_LEVELS := generic
endif
SIMD_FLAGS_sse2 :=
SIMD_FLAGS_generic :=
SIMD_FLAGS_avx2 := -ffp-contract=fast -mavx2 -mfma -mprefer-vector-width=256
SIMD_FLAGS_avx512 := -ffp-contract=fast -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512

# ---- Object folder: one per compiler and set of flags ----

COMPILER := $(shell $(CC) --version 2>/dev/null | head -n 1)
NAME := $(notdir $(firstword $(CC)))-$(BLAS)-$(REAL)$(if $(filter-out avx512,$(SIMD)),-$(SIMD))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))$(if $(COVERAGE),-coverage)
HASH := $(shell printf '%s' $(call quote,$(COMPILER) $(COMPILE) $(OWN_LDFLAGS) $(LDFLAGS) $(OWN_LDLIBS) $(LDLIBS)) | cksum \
    | cut -d' ' -f1)
OUT := build/$(NAME)-$(HASH)
OBJ := $(OUT)/obj
ARCHIVE := $(OUT)/libvae.a
SHARED := $(OUT)/$(SOFILE)

# ---- Library ----

# src/model/likelihood/gaussian.c -> vae__model_likelihood_gaussian: unique in the archive and in the host's link map.
stem = vae__$(subst /,_,$(patsubst src/%.c,%,$1))

SIMD_SOURCES := $(wildcard src/tensor/simd/*.c src/model/likelihood/*.c)
SOURCES := $(filter-out $(SIMD_SOURCES) src/tool/%,$(wildcard src/*.c src/*/*.c src/*/*/*.c src/*/*/*/*.c))

OBJECTS :=
# $1 source, $2 stem of the object, $3 further flags
define object_rule
OBJECTS += $(OBJ)/$2.o
$(OBJ)/$2.o: $1 | $(OBJ)
	$$(say) CC '$1$(if $3, ($(lastword $(subst _, ,$2))))'
	$$(Q)$$(COMPILE) $3 -c -o $$@ $1
endef
$(foreach s,$(SOURCES),$(eval $(call object_rule,$s,$(call stem,$s),)))
$(foreach s,$(SIMD_SOURCES),$(foreach l,$(SIMD_LEVELS),\
    $(eval $(call object_rule,$s,$(call stem,$s)_$l,-DVAE__SIMD=$l $(SIMD_FLAGS_$l)))))

.PHONY: lib
lib: $(ARCHIVE) $(SHARED)
	$(Q)mkdir -p lib
	$(Q)cmp -s $(ARCHIVE) lib/libvae.a || cp -f $(ARCHIVE) lib/libvae.a
	$(Q)cmp -s $(SHARED) lib/$(SOFILE) || cp -f $(SHARED) lib/$(SOFILE)
	$(Q)ln -sf $(SOFILE) lib/$(SONAME)
	$(Q)ln -sf $(SONAME) lib/libvae.so

.PHONY: archive shared
archive: $(ARCHIVE)
shared: $(SHARED)

# What CMakeLists.txt builds of: lines of a name and its values, quoted as for the shell.
.PHONY: print-build
print-build:
	$(info soversion $(SOVERSION))
	$(info minor $(shell echo '$(VERSION)' | cut -d. -f2-))
	$(info options $(filter-out -Iinclude -Isrc,$(OWN_CPPFLAGS)) $(LEVELS_MACRO) $(OWN_CFLAGS))
	$(info sources $(SOURCES))
	$(info simd_sources $(SIMD_SOURCES))
	$(info levels $(SIMD_LEVELS))
	$(foreach l,$(SIMD_LEVELS),$(info flags_$l $(SIMD_FLAGS_$l)))
	$(info link $(SHARED_LDFLAGS) $(OWN_LDFLAGS))
	$(info libraries $(OWN_LDLIBS))
	@:

# A list of the objects, so that a removed source leaves the library.
$(OUT)/objects: FORCE | $(OBJ)
	$(Q)printf '%s\n' $(OBJECTS) | cmp -s - $@ || printf '%s\n' $(OBJECTS) > $@

$(ARCHIVE): $(OBJECTS) $(OUT)/objects
	$(say) AR '$@'
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(OBJECTS)

$(SHARED): $(OBJECTS) $(OUT)/objects src/libvae.map
	$(say) LINK '$@'
	$(Q)$(CC) $(OWN_CFLAGS) $(CFLAGS) -shared -Wl,-soname,$(SONAME) $(SHARED_LDFLAGS) \
	    -Wl,--version-script=src/libvae.map $(OWN_LDFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(OWN_LDLIBS) $(LDLIBS)

$(OBJ):
	$(Q)mkdir -p $@

FORCE:
.PHONY: FORCE

# ---- Tool: the program vae, of the public API; in no library. Without cairo it draws nothing, without libpng or libjpeg
# it does not read such files ----

CAIRO_CFLAGS := $(shell $(PKG_CONFIG) --cflags cairo 2>/dev/null)
CAIRO_LIBS := $(shell $(PKG_CONFIG) --libs cairo 2>/dev/null)
PNG_CFLAGS := $(shell $(PKG_CONFIG) --cflags libpng 2>/dev/null)
PNG_LIBS := $(shell $(PKG_CONFIG) --libs libpng 2>/dev/null)
JPEG_CFLAGS := $(shell $(PKG_CONFIG) --cflags libjpeg 2>/dev/null)
JPEG_LIBS := $(shell $(PKG_CONFIG) --libs libjpeg 2>/dev/null)
TOOL_CFLAGS := $(CAIRO_CFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
TOOL_LIBS := $(CAIRO_LIBS) $(PNG_LIBS) $(JPEG_LIBS)
# $(call unless,LIBRARY,NAME): of NAME.c and NAME_missing.c the one that is left out.
unless = src/tool/$2$(if $($1_LIBS),_missing).c
TOOL_SOURCES := $(filter-out $(call unless,CAIRO,plot) $(call unless,PNG,image_png) $(call unless,JPEG,image_jpeg),\
    $(wildcard src/tool/*.c))
TOOL_OBJECTS := $(TOOL_SOURCES:src/tool/%.c=$(OUT)/tool/%.o)
# What the examples use of it.
PLOT_OBJECTS := $(filter %/plot.o %/plot_missing.o %/history.o %/progress.o %/frechet.o,$(TOOL_OBJECTS))
TOOL := $(OUT)/vae
LINK_PROGRAM = $(OWN_LDFLAGS) $(LDFLAGS)

.PHONY: tool
tool: $(TOOL)
	$(Q)mkdir -p bin
	$(Q)cmp -s $(TOOL) bin/vae || cp -f $(TOOL) bin/vae

$(OUT)/tool/%.o: src/tool/%.c
	$(say) CC '$<'
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(TOOL_CFLAGS) -c -o $@ $<

$(TOOL): $(TOOL_OBJECTS) $(ARCHIVE)
	$(say) LINK '$@'
	$(Q)$(CC) $(OWN_CFLAGS) $(CFLAGS) -o $@ $^ $(LINK_PROGRAM) $(TOOL_LIBS) $(OWN_LDLIBS) $(LDLIBS)

MISSING_OBJECTS := $(patsubst %,$(OUT)/tool/%_missing.o,plot image_png image_jpeg)
$(OUT)/vae-without-pictures: $(filter-out $(MISSING_OBJECTS:%_missing.o=%.o),$(TOOL_OBJECTS)) $(MISSING_OBJECTS) $(ARCHIVE)
	$(Q)$(CC) $(OWN_CFLAGS) $(CFLAGS) -o $@ $(sort $(filter %.o,$^)) $(ARCHIVE) $(LINK_PROGRAM) $(OWN_LDLIBS) $(LDLIBS)

# ---- Tests: one program per file ----

# T: run those whose path contains one of its words; SKIP: and none of these.
T ?=
SKIP ?=
TEST_SOURCES := $(wildcard tests/property/*_test.c tests/unit/*/*_test.c tests/unit/*/*/*_test.c tests/golden/*_test.c \
    tests/fault/*_test.c tests/abi/*_test.c tests/tool/*_test.c) # the longest first
# Writes PNG and JPEG files.
ifeq ($(and $(PNG_LIBS),$(JPEG_LIBS)),)
TEST_SOURCES := $(filter-out tests/tool/pack_test.c,$(TEST_SOURCES))
endif
# A fuzz target is a program too, which replays the kept inputs.
FUZZ_SHARED := tests/fuzz/support.c tests/fuzz/subjects.c
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(filter-out $(FUZZ_SHARED) tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
TESTS := $(TEST_SOURCES:%.c=$(OUT)/%) $(FUZZ_TARGETS:%=$(OUT)/tests/fuzz/%)
ifneq ($(T),)
TESTS := $(foreach t,$(TESTS),$(if $(strip $(foreach w,$(T),$(findstring $w,$t))),$t))
endif
TESTS := $(foreach t,$(TESTS),$(if $(strip $(foreach s,$(SKIP),$(findstring $s,$t))),,$t))
SUPPORT := $(wildcard tests/support/*.c)
CALLS := $(filter-out %_test.c,$(wildcard tests/property/*.c))

.PHONY: tests check check-oom soak
tests: $(TESTS)
check-oom: $(OUT)/tests/fault/allocation_test $(OUT)/tests/fault/retry_test
	$(Q)for test in $^; do $$test || exit 1; done
SEED ?= 1
soak: $(OUT)/tests/property/calls_test
	$(Q)$< soak '$(or $(SECONDS),3600)' '$(SEED)'
# Of random calls.
CALLS_SECONDS ?= 60
check: $(TESTS)
	$(Q)VAE_TEST_TIMEOUT=$(TEST_TIMEOUT) VAE_TEST_SECONDS='$(CALLS_SECONDS)' scripts/run-tests.sh \
	    '$(NAME)$(if $(T),$(space)with $(T))$(if $(SKIP),$(space)without $(SKIP))' '$(OUT)/' $(TESTS)

TEST_CFLAGS :=
$(OUT)/tests/%.o: tests/%.c
	$(say) CC '$<'
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -Itests $(TEST_CFLAGS) -c -o $@ $<

# Objects are kept, so that what tests share is compiled once.
objects_of = $(patsubst %.c,$(OUT)/%.o,$1)
$(OUT)/tests/libsupport.a: $(call objects_of,$(SUPPORT))
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^
WRAPPED :=
link_test = $(CC) $(OWN_CFLAGS) $(CFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(WRAPPED:%=-Wl,--wrap=%) $(LINK_PROGRAM)

$(OUT)/tests/%_test: $(OUT)/tests/%_test.o $(OUT)/tests/libsupport.a $(ARCHIVE)
	$(say) TEST 'tests/$*_test'
	$(Q)$(link_test) -lcmocka $(TEST_LIBS) $(OWN_LDLIBS) $(LDLIBS)
# These run the program; the second one stands for a build without cairo.
$(filter $(OUT)/tests/tool/%,$(TEST_SOURCES:%.c=$(OUT)/%)): $(call objects_of,tests/tool/program.c) $(TOOL) $(OUT)/vae-without-pictures
$(OUT)/tests/tool/frechet_test: $(OUT)/tool/frechet.o
TEST_LIBS :=
$(OUT)/tests/tool/pack_test: TEST_LIBS := $(PNG_LIBS) $(JPEG_LIBS)
$(OUT)/tests/tool/pack_test.o: TEST_CFLAGS := $(PNG_CFLAGS) $(JPEG_CFLAGS)
# The random calls are more than one file.
$(OUT)/tests/property/calls_test: $(call objects_of,$(CALLS))
$(OUT)/tests/fault/allocation_test $(OUT)/tests/fault/system_test: $(call objects_of,tests/fault/lives.c)
# Calls of the library that these tests stand in for.
$(OUT)/tests/fault/system_test: WRAPPED := open fcntl read write close fsync stat fstat readlink rename fchmod faccessat \
    newlocale pthread_mutex_init pthread_cond_init pthread_create pthread_sigmask inflateInit2_ inflate
$(OUT)/tests/fault/retry_test: WRAPPED := fsync
$(OUT)/tests/fault/blas_test: WRAPPED := cblas_sgemm cblas_dgemm cblas_sgemv cblas_dgemv
$(OUT)/tests/fault/system_test $(OUT)/tests/fault/retry_test $(OUT)/tests/fault/blas_test: scripts/build.mk

$(OUT)/tests/fuzz/%: $(OUT)/tests/fuzz/%.o $(call objects_of,tests/fuzz/replay.c $(FUZZ_SHARED)) $(ARCHIVE)
	$(say) TEST 'tests/fuzz/$*'
	$(Q)$(link_test) $(OWN_LDLIBS) $(LDLIBS)

# ---- Fuzzing: make fuzz, which sets CC and SANITIZE ----

TARGET ?=
$(if $(filter fuzz,$(MAKECMDGOALS)),$(if $(TARGET),$(call one_of,TARGET,$(FUZZ_TARGETS))))
FUZZERS := $(patsubst %,$(OUT)/fuzz/%,$(if $(TARGET),$(TARGET),$(FUZZ_TARGETS)))
.PHONY: fuzz
fuzz: $(FUZZERS)
	$(Q)scripts/fuzz.sh '$(or $(SECONDS),60)' build/fuzz $(FUZZERS)

$(OUT)/fuzz/%: $(OUT)/tests/fuzz/%.o $(call objects_of,$(FUZZ_SHARED)) $(ARCHIVE)
	$(say) FUZZ 'tests/fuzz/$*'
	$(Q)mkdir -p $(@D)
	$(Q)$(link_test) -fsanitize=fuzzer $(OWN_LDLIBS) $(LDLIBS)

# ---- Examples: link the archive; those that draw also need cairo ----

EXAMPLES := $(patsubst %.c,$(OUT)/%,$(wildcard examples/*.c))
EXAMPLE_OBJECTS := $(patsubst %.c,$(OUT)/%.o,$(wildcard examples/common/*.c)) $(PLOT_OBJECTS)
LIKELIHOOD ?=
MODEL ?=

.PHONY: examples demo
examples: $(EXAMPLES)
# MODEL=diffusion is a program of its own: about five minutes.
DEMO := $(OUT)/examples/$(if $(filter diffusion,$(MODEL)),ddpm_images,demo)
demo: $(DEMO)
	$(Q)$(DEMO) $(if $(LIKELIHOOD),likelihood=$(LIKELIHOOD)) \
	    $(if $(filter-out diffusion,$(MODEL)),model=$(MODEL)) $(DEMO_OPTIONS)

$(OUT)/examples/%.o: examples/%.c
	$(say) CC '$<'
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -Iexamples $(CAIRO_CFLAGS) -c -o $@ $<

$(OUT)/examples/libcommon.a: $(EXAMPLE_OBJECTS)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(EXAMPLE_OBJECTS)

$(OUT)/examples/%: $(OUT)/examples/%.o $(OUT)/examples/libcommon.a $(ARCHIVE)
	$(say) LINK '$@'
	$(Q)$(CC) -o $@ $^ $(LINK_PROGRAM) $(CAIRO_LIBS) $(OWN_LDLIBS) $(LDLIBS)

# ---- Bench ----

.PHONY: bench
BENCH_SOURCES := $(wildcard tests/bench/*.c)
BENCH_HEADERS := $(wildcard tests/bench/*.h)
ifeq ($(BENCH_SOURCES),)
bench:
	@echo "make bench: tests/bench/bench.c is not there" >&2
	@false
else
bench: $(OUT)/bench
	$(Q)$(OUT)/bench $(BENCH_OPTIONS)
endif

$(OUT)/bench: $(BENCH_SOURCES) $(BENCH_HEADERS) $(ARCHIVE)
	$(say) LINK '$@'
	$(Q)$(CC) $(OWN_CPPFLAGS) $(LEVELS_MACRO) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) -o $@ $(BENCH_SOURCES) $(ARCHIVE) $(LINK_PROGRAM) \
	    $(OWN_LDLIBS) $(LDLIBS)

# How the time grows: make bench-growth
.PHONY: bench-growth
bench-growth: $(OUT)/growth
	$(Q)$(OUT)/growth $(GROWTH_OPTIONS)

GROWTH_SOURCES := tests/bench/growth/growth.c $(filter-out tests/bench/bench.c tests/bench/report.c,$(BENCH_SOURCES)) \
    $(filter %/plot.o %/plot_missing.o,$(TOOL_OBJECTS))
$(OUT)/growth: $(GROWTH_SOURCES) $(BENCH_HEADERS) $(ARCHIVE)
	$(say) LINK '$@'
	$(Q)$(CC) $(OWN_CPPFLAGS) $(LEVELS_MACRO) -Itests/bench $(CAIRO_CFLAGS) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) \
	    -o $@ $(GROWTH_SOURCES) $(ARCHIVE) $(LINK_PROGRAM) $(CAIRO_LIBS) $(OWN_LDLIBS) $(LDLIBS)

# ---- Elementary functions over all floats: make check-ulp ----

ULP_OBJECTS := $(SIMD_LEVELS:%=$(OUT)/tests/ulp/functions_%.o)
.PHONY: check-ulp
check-ulp: $(OUT)/ulp
	$(Q)$(OUT)/ulp $(ULP_OPTIONS)

$(OUT)/tests/ulp/functions_%.o: tests/ulp/functions.c tests/ulp/functions.h src/tensor/simd/simd.h
	$(say) CC '$< ($*)'
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -Itests -DVAE__SIMD=$* $(SIMD_FLAGS_$*) -c -o $@ $<

$(OUT)/ulp: tests/ulp/ulp.c $(ULP_OBJECTS) $(ARCHIVE)
	$(say) LINK '$@'
	$(Q)$(COMPILE) -Itests -o $@ $< $(ULP_OBJECTS) $(ARCHIVE) $(LINK_PROGRAM) $(OWN_LDLIBS) $(LDLIBS)

# ---- Coverage: make coverage ----

# The second name is that of lcov 2.
LCOV_BRANCHES := --rc lcov_branch_coverage=1 --rc branch_coverage=1
.PHONY: report
report: check
	$(Q)lcov -q -c -d $(OBJ) -o $(OUT)/coverage.info $(LCOV_BRANCHES) --no-external -b . > $(OUT)/lcov.log 2>&1 \
	    || { cat $(OUT)/lcov.log; false; }
	$(Q)genhtml -q $(OUT)/coverage.info -o build/coverage --branch-coverage $(LCOV_BRANCHES) \
	    -p $(CURDIR) > $(OUT)/lcov.log 2>&1 || { cat $(OUT)/lcov.log; false; }
	@echo 'build/coverage/index.html'
	$(Q)scripts/coverage.sh $(OUT)/coverage.info

# ---- Install ----

PC := $(OUT)/vae.pc
# BLAS by its options, not by its pkg-config module: OpenBLAS's asks for the Fortran run-time library, which the calls made
# here do not need and which may not be installed.
STATIC_MODULES :=
STATIC_LIBS := $(BLAS_LIBS)
ifneq ($(ZLIB_LIBS),)
ifeq ($(shell $(PKG_CONFIG) --exists zlib 2>/dev/null && echo yes),yes)
STATIC_MODULES += zlib
else
STATIC_LIBS += $(ZLIB_LIBS)
endif
endif

$(PC): pkgconfig/libvae.pc.in scripts/pc.sh FORCE | $(OBJ)
	$(Q)prefix=$(call quote,$(prefix)) exec_prefix=$(call quote,$(exec_prefix)) libdir=$(call quote,$(libdir)) \
	    includedir=$(call quote,$(includedir)) VERSION='$(VERSION)' REQUIRES='$(STATIC_MODULES:%= %)' \
	    LIBS=$(call quote, $(strip $(STATIC_LIBS) -lm -lpthread)) scripts/pc.sh > $@

# The CMake package. zlib by its option too: its own package need not be there for a program that uses the shared library.
CMAKE_PACKAGE := $(OUT)/vae-config.cmake $(OUT)/vae-config-version.cmake
POINTER := $(shell echo __SIZEOF_POINTER__ | $(CC) $(CPPFLAGS) $(CFLAGS) -E -P - 2>/dev/null)
$(CMAKE_PACKAGE): $(OUT)/%: cmake/%.in scripts/cmake-config.sh FORCE | $(OBJ)
	$(Q)prefix=$(call quote,$(prefix)) libdir=$(call quote,$(libdir)) includedir=$(call quote,$(includedir)) \
	    VERSION='$(VERSION)' POINTER='$(POINTER)' SOFILE='$(SOFILE)' SONAME='$(SONAME)' \
	    LIBS=$(call quote,$(strip $(OWN_LDLIBS))) scripts/cmake-config.sh $< > $@

# Places in the tree that is written, quoted for the shell.
in_libdir = $(call quote,$(DESTDIR)$(libdir)/$1)
in_includedir = $(call quote,$(DESTDIR)$(includedir)/$1)
in_tree = $(call quote,$(DESTDIR)$1)
loader = LDCONFIG=$(call quote,$(LDCONFIG)) PKG_CONFIG=$(call quote,$(PKG_CONFIG)) scripts/loader.sh $1 \
    $(call quote,$(DESTDIR)) $(call quote,$(libdir)) '$(SONAME)'

.PHONY: install uninstall
install: lib tool $(PC) $(CMAKE_PACKAGE)
	$(say) INSTALL $(call quote,$(DESTDIR)$(libdir) and $(DESTDIR)$(includedir))
	$(Q)$(INSTALL) -d $(call in_includedir,) $(call in_libdir,pkgconfig)
	$(Q)$(INSTALL) -m 644 include/vae.h $(call in_includedir,vae.h)
	$(Q)$(INSTALL) -m 644 include/vae.hpp $(call in_includedir,vae.hpp)
	$(Q)$(INSTALL) -m 644 $(ARCHIVE) $(call in_libdir,libvae.a)
	$(Q)$(INSTALL) -m 755 $(SHARED) $(call in_libdir,$(SOFILE))
	$(Q)ln -sf $(SOFILE) $(call in_libdir,$(SONAME))
	$(Q)ln -sf $(SONAME) $(call in_libdir,libvae.so)
	$(Q)$(INSTALL) -m 644 $(PC) $(call in_libdir,pkgconfig/vae.pc)
	$(Q)$(INSTALL) -d $(call in_libdir,cmake/vae)
	$(Q)$(INSTALL) -m 644 $(CMAKE_PACKAGE) $(call in_libdir,cmake/vae)
	$(Q)$(INSTALL) -d $(call in_tree,$(bindir)) $(call in_tree,$(mandir)/man1) $(call in_tree,$(completiondir))
	$(Q)$(INSTALL) -m 755 $(TOOL) $(call in_tree,$(bindir)/vae)
	$(Q)$(INSTALL) -m 644 src/tool/vae.1 $(call in_tree,$(mandir)/man1/vae.1)
	$(Q)$(INSTALL) -m 644 src/tool/vae.bash $(call in_tree,$(completiondir)/vae)
	$(Q)$(call loader,install)

# Files of this soname that another version left go too.
uninstall:
	$(Q)rm -f $(call in_includedir,vae.h) $(call in_includedir,vae.hpp) $(call in_libdir,libvae.a) $(call in_libdir,libvae.so) \
	    $(call in_libdir,$(SONAME)) $(call in_libdir,$(SONAME).)* $(call in_libdir,pkgconfig/vae.pc)
	$(Q)rm -f $(call in_libdir,cmake/vae/vae-config.cmake) $(call in_libdir,cmake/vae/vae-config-version.cmake)
	$(Q)rmdir $(call in_libdir,cmake/vae) 2>/dev/null || :
	$(Q)rm -f $(call in_tree,$(bindir)/vae) $(call in_tree,$(mandir)/man1/vae.1) $(call in_tree,$(completiondir)/vae)
	$(Q)$(call loader,uninstall)

# ---- Checks of what was built ----

.PHONY: lint check-abi abi-record check-install check-interop check-examples check-docs check-cpp check-cmake check-python check-rust
lint: lib
	$(Q)$(compiler_environment) scripts/lint.sh $(SHARED) $(ARCHIVE)

check-abi: lib
	$(Q)$(compiler_environment) LIBRARIES=$(call quote,$(OWN_LDLIBS) $(LDLIBS)) \
	    sh tests/abi/run.sh check lib/libvae.so lib/libvae.a $(OUT)/abi

abi-record: lib
	$(Q)sh tests/abi/run.sh record lib/libvae.so lib/libvae.a

check-install:
	$(Q)$(compiler_environment) MAKE='$(MAKE)' sh tests/install/run.sh $(OUT)/install

check-cmake:
	$(Q)$(compiler_environment) MAKE='$(MAKE)' sh tests/install/cmake.sh $(OUT)/cmake

check-interop: lib $(OUT)/tests/interop/write_model
	$(Q)sh tests/interop/run.sh $(OUT)/tests/interop/write_model $(OUT)/interop

check-examples: examples
	$(Q)sh tests/examples/run.sh $(OUT)/examples $(OUT)/check-examples

check-cpp: lib
	$(Q)$(compiler_environment) sh tests/cpp/run.sh lib $(OUT)/cpp

check-python:
	$(Q)sh tests/python/run.sh $(OUT)/python

check-rust: lib
	$(Q)sh tests/rust/run.sh lib $(OUT)/rust

check-docs: lib tool
	$(Q)$(compiler_environment) MAKE='$(MAKE)' scripts/check-docs.sh lib $(OUT)/docs

$(OUT)/tests/interop/write_model: tests/interop/write_model.c $(ARCHIVE)
	$(say) TEST '$<'
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -MF $@.d -MT $@ -o $@ $< $(ARCHIVE) $(LINK_PROGRAM) $(OWN_LDLIBS) $(LDLIBS)

-include $(wildcard $(OBJ)/*.d $(OUT)/tool/*.d $(OUT)/examples/*.d $(OUT)/examples/common/*.d) $(shell find $(OUT)/tests -name '*.d' 2>/dev/null)
