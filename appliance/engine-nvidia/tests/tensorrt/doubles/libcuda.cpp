// A double of the CUDA driver: the functions that the gate asks.
//
// Told `<function>=<code>`, a function answers with that error; `driver`, `count`, `name`, `major`, `minor` and `memory`
// are the values. The name `long` fills all bytes that there are.
#include <cstring>

#include "told.h"

static int answer(char const* function) {
    heard(function);
    return static_cast<int>(told_number(function, 0));
}

extern "C" int cuInit(unsigned) {
    return answer("cuInit");
}

extern "C" int cuDriverGetVersion(int* version) {
    *version = static_cast<int>(told_number("driver", 12060));
    return answer("cuDriverGetVersion");
}

extern "C" int cuDeviceGetCount(int* count) {
    *count = static_cast<int>(told_number("count", 1));
    return answer("cuDeviceGetCount");
}

extern "C" int cuDeviceGet(int* device, int ordinal) {
    *device = ordinal;
    return answer("cuDeviceGet");
}

extern "C" int cuDeviceGetName(char* name, int bytes, int) {
    std::string text = told("name", "Orin of a test");
    if (text == "long") {
        // No zero at the end, as no driver should.
        std::memset(name, 'x', static_cast<std::size_t>(bytes));
    } else {
        std::strncpy(name, text.c_str(), static_cast<std::size_t>(bytes));
    }
    return answer("cuDeviceGetName");
}

extern "C" int cuDeviceGetAttribute(int* value, int attribute, int) {
    *value = static_cast<int>(attribute == 75 ? told_number("major", 8) : told_number("minor", 7));
    return answer("cuDeviceGetAttribute");
}

extern "C" int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
    *bytes = static_cast<std::size_t>(told_number("memory", 8L << 30));
    return answer("cuDeviceTotalMem");
}
