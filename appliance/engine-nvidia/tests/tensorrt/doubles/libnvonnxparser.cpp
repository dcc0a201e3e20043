// A double of the ONNX parser: it takes any file and tells the network how long it is.
//
// Told `parser=null|small|throw`, the factory fails so; `parse=false` refuses each file, with two reasons.
#include <stdexcept>

#include "unexpected.h"

using namespace nvonnxparser;
using nvinfer1::INetworkDefinition;

namespace {

class ParserError final : public UnexpectedParserError {
public:
    explicit ParserError(char const* description) : mDescription(description) {}
    char const* desc() const noexcept override { return mDescription; }

private:
    char const* mDescription;
};

ParserError const kErrors[2] = {
    ParserError("In node 7 (importFallbackPluginImporter): UNSUPPORTED_NODE\x1b[31m\nAssertion failed"),
    ParserError("no importer registered for op: Imaginary"),
};

class Parser final : public UnexpectedParser {
public:
    explicit Parser(INetworkDefinition& network) : mNetwork(network) {}
    ~Parser() noexcept override { heard("~Parser"); }

    bool parse(void const* onnx, std::size_t bytes, char const*) noexcept override {
        heard("parse " + std::string(static_cast<char const*>(onnx), bytes < 16 ? bytes : 16));
        if (told("parse") == "false") {
            return false;
        }
        mNetwork.setName(std::to_string(bytes).c_str());
        return true;
    }

    int getNbErrors() const noexcept override { return 2; }
    IParserError const* getError(int index) const noexcept override { return &kErrors[index]; }

private:
    INetworkDefinition& mNetwork;
};

} // namespace

// By another name in C++, for the headers say that it throws nothing.
extern "C" __attribute__((visibility("default"))) void* make_parser(void* network, void*, int)
    __asm__("createNvOnnxParser_INTERNAL");

void* make_parser(void* network, void*, int) {
    std::string const how = told("parser");
    if (how == "throw") {
        throw std::runtime_error("parser thrown by a double");
    }
    if (how == "null" || how == "small") {
        return reinterpret_cast<void*>(how == "null" ? 0 : 0x228);
    }
    return static_cast<IParser*>(new Parser(*static_cast<INetworkDefinition*>(network)));
}
