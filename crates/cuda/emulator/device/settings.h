// What kind of device is emulated, from the environment:
//
//     SIGMALAB_EMULATED_DEVICE=devices=2,memory=1024,order=late,capability=90,init=0
//     SIGMALAB_EMULATED_DEVICE=fails=500:719,refuses=90,once=/tmp/happened
//     SIGMALAB_EMULATED_DEVICE=memory=24576,computes=no,counts=/tmp/counts
//
// memory in MiB; order is when work is done that was put into a stream (see streams.h); init is what
// the driver says when it is begun with. Of the first device: `fails` is the launch that fails, and the
// code that everything ends with from then on; `refuses` the allocation for which there is no memory.
// With `once` that happens to the first process alone that makes the file. With computes=no nothing
// is done of what was put into streams, and every number is 0: what a model of any size takes can be
// seen by its allocations. `counts` names the file that says of the first device, as JSON, how many
// bytes were taken at most, what was launched, and how often the program waited.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "codes.h"

namespace emulated {

struct Settings {
    int devices = 1;
    size_t memory_mib = 2048;
    int capability = 90;
    std::string order = "late";
    long fails_at = -1;
    int fails_with = 719;
    long refuses_at = -1;
    std::string once, counts;
    bool computes = true;
    int init = 0;

    // Whether what was asked for at this count happens now.
    bool happens(long count, long at) const {
        if (count != at) return false;
        if (once.empty()) return true;
        int file = open(once.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (file >= 0) close(file);
        return file >= 0;
    }

    static const Settings &of_environment() {
        static const Settings one = read();
        return one;
    }

  private:
    static Settings read() {
        Settings settings;
        const char *text = getenv("SIGMALAB_EMULATED_DEVICE");
        std::string rest = text == nullptr ? "" : text;
        while (!rest.empty()) {
            size_t end = rest.find(',');
            std::string part = rest.substr(0, end);
            rest = end == std::string::npos ? "" : rest.substr(end + 1);
            size_t is = part.find('=');
            std::string key = part.substr(0, is);
            std::string value = is == std::string::npos ? "" : part.substr(is + 1);
            if (key == "devices") {
                settings.devices = atoi(value.c_str());
            } else if (key == "memory") {
                settings.memory_mib = strtoull(value.c_str(), nullptr, 10);
            } else if (key == "capability") {
                settings.capability = atoi(value.c_str());
            } else if (key == "order") {
                settings.order = value;
            } else if (key == "init") {
                settings.init = atoi(value.c_str());
            } else if (key == "computes") {
                settings.computes = value != "no";
            } else if (key == "counts") {
                settings.counts = value;
            } else if (key == "once") {
                settings.once = value;
            } else if (key == "refuses") {
                settings.refuses_at = atol(value.c_str());
            } else if (key == "fails") {
                settings.fails_at = atol(value.c_str());
                size_t colon = value.find(':');
                if (colon != std::string::npos) settings.fails_with = atoi(value.c_str() + colon + 1);
            } else {
                give_up("SIGMALAB_EMULATED_DEVICE has an unknown word");
            }
        }
        return settings;
    }
};

}  // namespace emulated
