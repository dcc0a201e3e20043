// A double of NVRTC: it takes the engine's source alone, with the engine's options, and gives an image that the driver's
// double takes.
//
// Told, beside what calls.h lists:
//   nvrtc=<major>.<minor>   its version; 12.6
//   log                     what it says of a compilation that fails
//   program=null            a program that is none
//   cubin=empty|huge|short  no bytes; more than can be; what the driver does not take
#include <string>
#include <vector>

#include "calls.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

// The engine's source, as it is when this is compiled.
asm(".section .rodata\n"
    "kernels_source: .incbin \"" KERNELS "\"\n"
    "kernels_source_end: .byte 0\n"
    ".previous\n");
extern "C" __attribute__((visibility("hidden"))) char const kernels_source[];
extern "C" __attribute__((visibility("hidden"))) char const kernels_source_end[];

namespace {

enum Code { Success = 0, InvalidInput = 3, InvalidProgram = 4, InvalidOption = 5, Compilation = 6 };

struct Program {
    std::string source;
    std::string log;
    std::string cubin;
};

Calls calls;

int fault(std::string const& text, int code) {
    heard("fault: " + text);
    return code;
}

// The source's kernels, by its macro, as a line each.
std::string names(std::string const& source) {
    std::string found;
    for (std::size_t at = 0; (at = source.find("\nKERNEL(", at)) != std::string::npos;) {
        std::size_t const start = source.find(") ", at) + 2, end = source.find('(', start);
        found += source.substr(start, end - start) + "\n";
        at = end;
    }
    return found;
}

int compile(Program& program, int count, char const* const* options) {
    std::string const prefix = "--gpu-architecture=";
    std::string architecture, line = "options";
    bool has_no_fusing = false, has_standard = false;
    for (int index = 0; index < count; ++index) {
        std::string const option = options[index];
        line += " " + option;
        has_no_fusing = has_no_fusing || option == "--fmad=false";
        has_standard = has_standard || option == "--std=c++14";
        if (option.compare(0, prefix.size(), prefix) == 0) {
            architecture = option.substr(prefix.size());
        }
    }
    heard(line);
    if (architecture.compare(0, 3, "sm_") != 0 || !has_no_fusing || !has_standard || count != 3) {
        return fault("other options than the engine's", InvalidOption);
    }
    if (program.source != std::string(kernels_source, kernels_source_end)) {
        return fault("another source than the engine's", Compilation);
    }
    std::string const body = names(program.source) + "end\n";
    program.cubin = "MAMORU TEST DOUBLE CUBIN " + architecture + " " + std::to_string(body.size()) + "\n" + body;
    program.cubin.push_back('\0');
    std::string const how = calls.text("cubin");
    if (how == "short") {
        program.cubin = "no image";
    } else if (how == "empty") {
        program.cubin.clear();
    }
    return Success;
}

} // namespace

EXPORTED int nvrtcVersion(int* major, int* minor) {
    int const told = calls.answer("nvrtcVersion");
    std::string const version = calls.text("nvrtc", "12.6");
    *major = std::atoi(version.c_str());
    *minor = std::atoi(version.substr(version.find('.') + 1).c_str());
    return told;
}

EXPORTED int nvrtcCreateProgram(
    Program** program, char const* source, char const*, int headers, char const* const*, char const* const*) {
    int const told = calls.answer("nvrtcCreateProgram");
    if (told != Success || source == nullptr || headers != 0) {
        return told != Success ? told : InvalidInput;
    }
    *program = calls.text("program") == "null" ? nullptr : new Program{source, "", ""};
    return Success;
}

EXPORTED int nvrtcCompileProgram(Program* program, int count, char const* const* options) {
    int const told = calls.answer("nvrtcCompileProgram");
    if (program == nullptr) {
        return InvalidProgram;
    }
    program->log = calls.text("log");
    return told != Success ? told : compile(*program, count, options);
}

EXPORTED int nvrtcGetCUBINSize(Program* program, std::size_t* bytes) {
    int const told = calls.answer("nvrtcGetCUBINSize");
    if (told != Success || program == nullptr) {
        return told != Success ? told : InvalidProgram;
    }
    *bytes = calls.text("cubin") == "huge" ? static_cast<std::size_t>(1) << 40 : program->cubin.size();
    return Success;
}

EXPORTED int nvrtcGetCUBIN(Program* program, char* cubin) {
    int const told = calls.answer("nvrtcGetCUBIN");
    if (told != Success || program == nullptr) {
        return told != Success ? told : InvalidProgram;
    }
    program->cubin.copy(cubin, program->cubin.size());
    return Success;
}

EXPORTED int nvrtcGetProgramLogSize(Program* program, std::size_t* bytes) {
    int const told = calls.answer("nvrtcGetProgramLogSize");
    if (told != Success || program == nullptr) {
        return told != Success ? told : InvalidProgram;
    }
    *bytes = program->log.size() + 1;
    return Success;
}

EXPORTED int nvrtcGetProgramLog(Program* program, char* log) {
    int const told = calls.answer("nvrtcGetProgramLog");
    if (told != Success || program == nullptr) {
        return told != Success ? told : InvalidProgram;
    }
    program->log.copy(log, program->log.size());
    log[program->log.size()] = '\0';
    return Success;
}

EXPORTED int nvrtcDestroyProgram(Program** program) {
    int const told = calls.answer("nvrtcDestroyProgram");
    if (program == nullptr || *program == nullptr) {
        return fault("a program is destroyed that is none", InvalidProgram);
    }
    delete *program;
    *program = nullptr;
    return told;
}

EXPORTED char const* nvrtcGetErrorString(int code) {
    return code == Compilation ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR of a double";
}
