// Several stacks on one thread of a processor, and going from one to another. On x86-64 that is a
// dozen instructions; elsewhere ucontext does it, which asks the system each time. It knows nothing of what runs on the stacks.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace stacks {

#if defined(__x86_64__)

// Where a stack was left: all that a called function must leave as it was lies on it.
struct Context {
    void *top = nullptr;
};

__attribute__((naked, noinline)) inline void exchange(void **, void *) {
    asm("pushq %rbp\n\tpushq %rbx\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
        "movq %rsp, (%rdi)\n\tmovq %rsi, %rsp\n\t"
        "popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbx\n\tpopq %rbp\n\tret");
}

// A stack on which `start`, which never returns, is about to begin.
inline void prepare(Context &context, unsigned char *stack, size_t size, void (*start)()) {
    uintptr_t end = (reinterpret_cast<uintptr_t>(stack) + size) / 16 * 16;
    // Six registers, the address that is gone to, and one word, as a call would have left it.
    void **top = reinterpret_cast<void **>(end) - 8;
    for (int i = 0; i < 8; ++i) top[i] = nullptr;
    top[6] = reinterpret_cast<void *>(start);
    context.top = top;
}

// Leaves the stack that runs and goes on where `to` was left.
inline void leave(Context &from, Context &to) { exchange(&from.top, to.top); }

#else

struct Context {
    ucontext_t context;
};

inline void prepare(Context &context, unsigned char *stack, size_t size, void (*start)()) {
    getcontext(&context.context);
    context.context.uc_stack.ss_sp = stack;
    context.context.uc_stack.ss_size = size;
    context.context.uc_link = nullptr;
    makecontext(&context.context, start, 0);
}

inline void leave(Context &from, Context &to) { swapcontext(&from.context, &to.context); }

#endif

}  // namespace stacks
