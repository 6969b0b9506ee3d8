// The driver's codes of errors, and how the emulated device says them.
#pragma once

#include <stdio.h>
#include <stdlib.h>

namespace emulated {

enum Code {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    NOT_SUPPORTED = 801,
};

// What a call ends with.
struct Failure {
    int code;
};

// The emulated device itself cannot go on.
[[noreturn]] inline void give_up(const char *what) {
    fprintf(stderr, "emulated device: %s\n", what);
    exit(70);
}

}  // namespace emulated
