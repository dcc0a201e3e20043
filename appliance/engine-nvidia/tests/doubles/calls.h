// The calls that a library's double gets: each is heard, and answers as it is told.
//
// Told, for every function by its name in the headers without `_v2`:
//   <function>=<code>      each call fails so
//   <function>@<n>=<code>  the n-th call since the file was changed fails so
//   lost=1                 every call fails with 719 (or the code that stands there instead of 1) until it is taken back
#pragma once

#include <map>
#include <sstream>

#include "told.h"

class Calls {
public:
    // What `function` is to answer this time; 0 where it is to do its work.
    int answer(char const* function) {
        read();
        heard(function);
        long const turn = ++mTurns[function];
        long const lost = number("lost", 0);
        if (lost != 0) {
            return static_cast<int>(lost == 1 ? 719 : lost);
        }
        long const always = number(function, 0);
        return static_cast<int>(always != 0 ? always : number(std::string(function) + "@" + std::to_string(turn), 0));
    }

    // What was told when `answer` was called last.
    std::string text(std::string const& key, std::string const& otherwise = "") const {
        auto const found = mTold.find(key);
        return found == mTold.end() ? otherwise : found->second;
    }

    long number(std::string const& key, long otherwise) const {
        std::string const value = text(key);
        return value.empty() ? otherwise : std::strtol(value.c_str(), nullptr, 10);
    }

    bool is_told(std::string const& key) const { return number(key, 0) != 0; }

private:
    void read() {
        std::ifstream file(beside("told"));
        std::stringstream content;
        content << file.rdbuf();
        if (content.str() == mContent) {
            return;
        }
        mContent = content.str();
        mTold.clear();
        mTurns.clear();
        for (std::string line; std::getline(content, line);) {
            std::size_t const equals = line.find('=');
            if (equals != std::string::npos) {
                mTold.emplace(line.substr(0, equals), line.substr(equals + 1));
            }
        }
    }

    std::string mContent;
    std::map<std::string, std::string> mTold;
    std::map<std::string, long> mTurns;
};
