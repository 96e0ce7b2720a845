#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 1024

/* Fixed buffers without destructors: a host thread may end, or the library be unloaded, at any
 * time. */
static _Thread_local char message[MESSAGE_SIZE];
static _Thread_local vae_status last_status;

vae_status vae__fail(vae_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    last_status = status;
    return status;
}

static void prefix_message(const char *format, va_list arguments) {
    char cause[MESSAGE_SIZE];
    memcpy(cause, message, sizeof cause);
    int length = vsnprintf(message, sizeof message, format, arguments);
    size_t used = length < 0 ? 0 : (size_t)length;
    if (used + 2 >= sizeof message) return;
    memcpy(message + used, ": ", 2);
    size_t kept = strlen(cause), room = sizeof message - used - 3;
    if (kept > room) kept = room;
    memcpy(message + used + 2, cause, kept);
    message[used + 2 + kept] = 0;
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

vae_status vae__last_status(void) {
    return last_status;
}

size_t vae__format(char *buffer, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return length < 0 ? 0 : (size_t)length;
}

const char *vae__last_message(void) {
    return message;
}
