// Streams of an emulated device: what was put into one is done in its order, and when is a matter of
// settings, so that what two streams do without waiting for each other goes wrong:
//
//     early    at once, as if every call waited
//     late     only when somebody waits for it
//     others   every stream but the one that was just used goes as far as it can
//     1, 2 …   by chance, drawn from this seed
//
// It knows nothing of what is done.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codes.h"

namespace emulated {

class Stream;

// A place in a stream, that others can wait for.
struct Mark {
    Stream *stream;
    bool done = false;
    std::chrono::steady_clock::time_point at{};
};

struct Step {
    std::function<void()> work;
    std::shared_ptr<Mark> awaits, reaches;
};

class Stream {
  public:
    explicit Stream(int device) : device(device) {}

    void put(Step step) { steps.push_back(std::move(step)); }
    bool is_done() const { return steps.empty(); }

    // Does up to `count` steps. One that waits for another stream lets that go on where `force` says
    // so, and ends this otherwise.
    void advance(size_t count, bool force) {
        while (count-- > 0 && !steps.empty()) {
            if (!do_first(force)) return;
        }
    }

    void finish() {
        while (!steps.empty()) do_first(true);
    }

    void finish_until(const Mark &mark) {
        while (!mark.done) {
            if (steps.empty()) give_up("a mark is in no stream");
            do_first(true);
        }
    }

    const int device;

  private:
    bool do_first(bool force) {
        if (std::shared_ptr<Mark> awaited = steps.front().awaits; awaited && !awaited->done) {
            if (!force) return false;
            if (awaited->stream == this) give_up("a stream waits for itself");
            awaited->stream->finish_until(*awaited);
        }
        Step step = std::move(steps.front());
        steps.pop_front();
        if (step.work) step.work();
        if (step.reaches) {
            step.reaches->at = std::chrono::steady_clock::now();
            step.reaches->done = true;
        }
        return true;
    }

    std::deque<Step> steps;
};

// All streams of the process, and when they go on.
class Streams {
  public:
    explicit Streams(const std::string &order) : order(order) {
        if (order != "early" && order != "late" && order != "others") {
            random = strtoull(order.c_str(), nullptr, 10);
            if (random == 0) give_up("order is early, late, others or a seed");
        }
    }

    Stream *add(int device) {
        all.push_back(std::make_unique<Stream>(device));
        return all.back().get();
    }

    void remove(Stream *stream) {
        stream->finish();
        for (auto &one : all) {
            // Marks may still name it.
            if (one.get() == stream) removed.push_back(std::move(one));
        }
        std::erase_if(all, [](const auto &one) { return one == nullptr; });
    }

    bool has(const Stream *stream) const {
        for (const auto &one : all) {
            if (one.get() == stream) return true;
        }
        return false;
    }

    void finish_all(int device) {
        for (size_t i = 0; i < all.size(); ++i) {
            if (all[i]->device == device) all[i]->finish();
        }
    }

    void put(Stream *stream, Step step) {
        stream->put(std::move(step));
        if (order == "early") {
            stream->finish();
        } else if (order == "others") {
            for (auto &one : all) {
                if (one.get() != stream) one->advance(SIZE_MAX, false);
            }
        } else if (order != "late" && draw() % 4 == 0) {
            all[draw() % all.size()]->advance(1 + draw() % 20, false);
        }
    }

  private:
    uint64_t draw() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        return random;
    }

    const std::string order;
    uint64_t random = 0;
    std::vector<std::unique_ptr<Stream>> all, removed;
};

}  // namespace emulated
