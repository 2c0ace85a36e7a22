// Whether this is a build with a sanitizer, which compilers say in different ways: OCTET_UNDER_ASAN, OCTET_UNDER_TSAN.
#pragma once

#if defined(__SANITIZE_ADDRESS__)  // GCC
#define OCTET_UNDER_ASAN
#elif defined(__SANITIZE_THREAD__)
#define OCTET_UNDER_TSAN
#elif defined(__has_feature)  // Clang
#if __has_feature(address_sanitizer)
#define OCTET_UNDER_ASAN
#elif __has_feature(thread_sanitizer)
#define OCTET_UNDER_TSAN
#endif
#endif
