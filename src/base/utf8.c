/* The length of one UTF-8 character. Accepts exactly what RFC 3629 does: no overlong form, no surrogate,
 * nothing above U+10FFFF. */
#include "base/utf8.h"

size_t vae__utf8_length(const unsigned char *at, size_t left) {
    unsigned char
        low = 0x80,
        high = 0xbf; /* range of the second byte: no overlong form, no surrogate, <= U+10FFFF */
    size_t length = 0;
    if (at[0] < 0x80) return 1;
    if (at[0] >= 0xc2 && at[0] <= 0xdf) length = 2;
    if (at[0] >= 0xe0 && at[0] <= 0xef) length = 3;
    if (at[0] >= 0xf0 && at[0] <= 0xf4) length = 4;
    if (at[0] == 0xe0) low = 0xa0;
    if (at[0] == 0xed) high = 0x9f;
    if (at[0] == 0xf0) low = 0x90;
    if (at[0] == 0xf4) high = 0x8f;
    if (!length || length > left || at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    return length;
}
