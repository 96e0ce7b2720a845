/* Checks that count. A failed one says where and goes on. */
#ifndef TESTS_CPP_CHECK_HPP
#define TESTS_CPP_CHECK_HPP

#include <cstdio>
#include <cstring>
#include <string>

inline int passed = 0, failed = 0;

inline bool counted(bool good, const char *file, int line, const char *what) {
    if (good) {
        passed++;
    } else {
        failed++;
        std::printf("    %s:%d: %s\n", file, line, what);
    }
    return good;
}

#define CHECK(condition) counted((condition), __FILE__, __LINE__, #condition)

/* The statement throws vae::error with this status and a message that contains `words`. */
#define CHECK_ERROR(statement, expected, words)                                                  \
    do {                                                                                         \
        std::string thrown_ = "nothing was thrown";                                              \
        bool good_ = false;                                                                      \
        try {                                                                                    \
            statement;                                                                           \
        } catch (const vae::error &error_) {                                                     \
            thrown_ = std::string(error_.name()) + ": " + error_.what();                         \
            good_ =                                                                              \
                error_.status() == (expected) && std::strstr(error_.what(), (words)) != nullptr; \
        }                                                                                        \
        counted(good_, __FILE__, __LINE__, (#statement ": " + thrown_).c_str());                 \
    } while (0)

/* The statement throws exactly that exception of the test's own. */
#define CHECK_THROWN(statement, number)                               \
    do {                                                              \
        int thrown_ = 0;                                              \
        try {                                                         \
            statement;                                                \
        } catch (const thrown &error_) {                              \
            thrown_ = error_.value;                                   \
        }                                                             \
        counted(thrown_ == (number), __FILE__, __LINE__, #statement); \
    } while (0)

struct thrown { // no relative of std::exception
    int value;
};

/* In the second file, so that two that include vae.hpp are linked together. */
float first_mean_of_another_file();

#endif
