// How tests and doubles speak: a test writes lines `key=value` into the file `told` beside a double, which does as it is
// told from its next call on; what was called, the double writes into the file `heard`. A double of its own folder is a
// library of its own, so that tests do not disturb each other.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

// Found in the products' binaries by a check, this would mean that a double was shipped.
[[maybe_unused]] static char const* const kMarker = "MAMORU TEST DOUBLE";

static inline std::string beside(char const* name) {
    Dl_info info{};
    dladdr(reinterpret_cast<void const*>(&kMarker), &info);
    std::string const path = info.dli_fname;
    return path.substr(0, path.rfind('/') + 1) + name;
}

// The value of `key`, or `otherwise`.
[[maybe_unused]] static std::string told(std::string const& key, std::string const& otherwise = "") {
    std::ifstream file(beside("told"));
    for (std::string line; std::getline(file, line);) {
        if (line.compare(0, key.size() + 1, key + "=") == 0) {
            return line.substr(key.size() + 1);
        }
    }
    return otherwise;
}

[[maybe_unused]] static long told_number(std::string const& key, long otherwise) {
    std::string const value = told(key);
    return value.empty() ? otherwise : std::strtol(value.c_str(), nullptr, 10);
}

[[maybe_unused]] static void heard(std::string const& line) {
    std::ofstream(beside("heard"), std::ios::app) << line << '\n';
}

[[noreturn, maybe_unused]] static void unexpected(char const* function) {
    std::fprintf(stderr, "%s: unexpected call of %s\n", kMarker, function);
    std::abort();
}
