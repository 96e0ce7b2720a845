/* The message of this thread's last failure. Relies on two thread-local variables in fixed buffers without
 * destructors, since a host's thread may end, or the library be unloaded, at any time; a message is always
 * valid UTF-8 without control characters. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define WHOLE_SIZE \
    (4096 + VAE__MESSAGE_SIZE) /* Linux's PATH_MAX, and what is said about the path */
#define KEPT_HEAD 300
#define GAP "..."

/* Fixed buffers without destructors: a host thread may end, or the library be unloaded, at any
 * time. */
static _Thread_local char message[VAE__MESSAGE_SIZE];
static _Thread_local vae_status last_status;

/* C0, DEL and C1 (U+0080 to U+009F, which terminals obey too). */
static int is_control(const unsigned char *at, size_t length) {
    return length == 1 ? *at < ' ' || *at == 0x7f : at[0] == 0xc2 && at[1] < 0xa0;
}

/* Names and texts that a message repeats may hold anything: control characters and bytes that are
 * not UTF-8 become '?'. */
static void clean_message(void) {
    size_t left = strlen(message), length;
    for (unsigned char *at = (unsigned char *)message; left; at += length, left -= length) {
        length = vae__utf8_length(at, left);
        if (length && !is_control(at, length)) continue;
        *at = '?';
        length = 1;
    }
}

/* A text that is too long loses its middle: the beginning says where, the end why. */
static void set_message(const char *text) {
    size_t length = strlen(text), gap = sizeof GAP - 1;
    if (length < sizeof message) {
        memcpy(message, text, length + 1);
    } else {
        size_t tail = sizeof message - KEPT_HEAD - gap; /* with the final 0 */
        memcpy(message, text, KEPT_HEAD);
        memcpy(message + KEPT_HEAD, GAP, gap);
        memcpy(message + KEPT_HEAD + gap, text + length + 1 - tail, tail);
    }
    clean_message();
}

vae_status vae__fail(vae_status status, const char *format, ...) {
    char whole[WHOLE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(whole, sizeof whole, format, arguments);
    va_end(arguments);
    set_message(whole);
    last_status = status;
    return status;
}

static void prefix_message(const char *format, va_list arguments) {
    char whole[WHOLE_SIZE + VAE__MESSAGE_SIZE + 2];
    vsnprintf(whole, WHOLE_SIZE, format, arguments);
    size_t used = strlen(whole);
    snprintf(whole + used, sizeof whole - used, ": %s", message);
    set_message(whole);
}

vae_status vae__fail_in(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    prefix_message(format, arguments);
    va_end(arguments);
    return last_status;
}

vae_status vae__fail_as(vae_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    prefix_message(format, arguments);
    va_end(arguments);
    last_status = status;
    return status;
}

vae_status vae__memory_in(vae_status status, const char *format, ...) {
    if (status != VAE_ERROR_LIMIT && status != VAE_ERROR_MEMORY) return status;
    va_list arguments;
    va_start(arguments, format);
    prefix_message(format, arguments);
    va_end(arguments);
    return status;
}

vae_status vae__last_status(void) {
    return last_status;
}

void vae__failure_begin(vae__failure *failure) {
    atomic_flag_clear_explicit(&failure->busy, memory_order_relaxed);
    failure->status = VAE_OK;
}

void vae__failure_keep(vae__failure *failure, size_t number) {
    while (atomic_flag_test_and_set(&failure->busy)) continue;
    if (!failure->status || number < failure->number) {
        failure->status = last_status;
        failure->number = number;
        memcpy(failure->message, message, sizeof message);
    }
    atomic_flag_clear(&failure->busy);
}

vae_status vae__failure_take(const vae__failure *failure) {
    return failure->status ? vae__fail(failure->status, "%s", failure->message) : VAE_OK;
}

size_t vae__format_list(char *buffer, size_t size, const char *format, va_list arguments) {
    int length = vsnprintf(buffer, size, format, arguments);
    return length < 0 ? 0 : (size_t)length;
}

size_t vae__format(char *buffer, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = vae__format_list(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

const char *vae__last_message(void) {
    return message;
}
