/* Errors: every failing function sets this thread's message where the cause is known and returns
 * its status. */
#ifndef VAE_BASE_STATUS_H
#define VAE_BASE_STATUS_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include "vae.h"

#if defined(__GNUC__)
#define VAE__PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define VAE__PRINTF(f, a)
#endif

/* Sets the message and returns `status`. A message that is too long loses its middle; what is not
 * UTF-8 and control characters become '?'. Never use %f, %e or %g (they read the host's locale):
 * print numbers with vae__number (text.h). */
vae_status vae__fail(vae_status status, const char *format, ...) VAE__PRINTF(2, 3);

/* Puts "prefix: " in front of the message, for callers that know more of the place. Returns the
 * last status. */
vae_status vae__fail_in(const char *format, ...) VAE__PRINTF(1, 2);

/* The same, and the failure becomes one of another status. */
vae_status vae__fail_as(vae_status status, const char *format, ...) VAE__PRINTF(2, 3);

/* Puts "prefix: " in front of the message if `status` says that memory ran out (VAE_ERROR_LIMIT,
 * VAE_ERROR_MEMORY): where that happens is known only further up. Returns `status`, whatever it is. */
vae_status vae__memory_in(vae_status status, const char *format, ...) VAE__PRINTF(2, 3);

/* Status of this thread's last vae__fail: what a function that returned NULL failed with. */
vae_status vae__last_status(void);

/* This thread's message; "" before the first. */
const char *vae__last_message(void);

enum { VAE__MESSAGE_SIZE = 1024 };

/* One failure of several threads that work for another one: messages belong to threads. */
typedef struct vae__failure {
    atomic_flag busy; /* a thread is writing */
    vae_status status;
    size_t number;
    char message[VAE__MESSAGE_SIZE];
} vae__failure;

void vae__failure_begin(vae__failure *failure);

/* Keeps this thread's last failure, unless one with a lower number is kept: which one remains does not
 * depend on how fast threads are. */
void vae__failure_keep(vae__failure *failure, size_t number);

/* When the threads are done: makes the failure that was kept this thread's own, and returns its status;
 * VAE_OK if there was none. */
vae_status vae__failure_take(const vae__failure *failure);

/* snprintf and vsnprintf for messages and names: always ends in 0. Returns the length that the whole text needs.
 */
size_t vae__format(char *buffer, size_t size, const char *format, ...) VAE__PRINTF(3, 4);
size_t vae__format_list(char *buffer, size_t size, const char *format, va_list arguments);

#endif
