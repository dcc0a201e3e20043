// A double of the ONNX parser: it tells the network how long the file is, of what type its input, and of what size its map.
//
// Told `parser=null|small|throw`, the factory fails so; `parse=false` refuses each file, with two reasons; `parse=any` takes
// what is no ONNX file.
#include <cstdint>
#include <cstring>
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

// A message of protocol buffers, as far as its fields are looked for.
struct Message {
    char const* at;
    char const* end;
    bool is_sound = true;

    std::uint64_t number() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (at == end) {
                break;
            }
            unsigned char const byte = static_cast<unsigned char>(*at++);
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) {
                return value;
            }
        }
        is_sound = false;
        return 0;
    }

    // The next field: its number, and its value or its bytes. 0 at the end.
    unsigned next(std::uint64_t& value, Message& inner) {
        if (at == end || !is_sound) {
            return 0;
        }
        std::uint64_t const key = number();
        std::uint64_t length = 0;
        switch (key & 7) {
            case 0: value = number(); break;
            case 1: length = 8; break;
            case 2: length = number(); break;
            case 5: length = 4; break;
            default: is_sound = false;
        }
        if (key == 0 || length > static_cast<std::uint64_t>(end - at)) {
            is_sound = false;
        }
        inner = {at, at + (is_sound ? length : 0)};
        at = inner.end;
        return is_sound ? static_cast<unsigned>(key >> 3) : 0;
    }

    // Calls for each field with this number.
    template <class Use>
    void each(unsigned wanted, Use use) {
        std::uint64_t value = 0;
        Message inner{};
        while (unsigned const field = next(value, inner)) {
            if (field == wanted) {
                use(value, inner);
            }
        }
    }
};

struct Found {
    std::string map;
    std::uint64_t type = 0;
};

// The last two dimensions of a value's shape, and its type.
void read_value(Message info, char const* name, bool is_input, Found& found) {
    std::string own;
    Message copy = info;
    copy.each(1, [&](std::uint64_t, Message text) { own.assign(text.at, text.end); });
    if (own != name) {
        return;
    }
    std::string sides[2];
    info.each(2, [&](std::uint64_t, Message type) {
        type.each(1, [&](std::uint64_t, Message tensor) {
            Message shape = tensor;
            tensor.each(1, [&](std::uint64_t element, Message) { found.type = is_input ? element : found.type; });
            shape.each(2, [&](std::uint64_t, Message dims) {
                dims.each(1, [&](std::uint64_t, Message dim) {
                    sides[0] = sides[1];
                    dim.each(1, [&](std::uint64_t side, Message) { sides[1] = std::to_string(side); });
                });
            });
        });
    });
    found.map = is_input ? found.map : sides[0] + "x" + sides[1];
}

// Whether the bytes are an ONNX file with our networks' input and map.
bool read_model(char const* onnx, std::size_t bytes, Found& found) {
    Message model{onnx, onnx + bytes};
    model.each(7, [&](std::uint64_t, Message graph) {
        Message outputs = graph;
        graph.each(11, [&](std::uint64_t, Message info) { read_value(info, "image", true, found); });
        outputs.each(12, [&](std::uint64_t, Message info) { read_value(info, "cam", false, found); });
    });
    return model.is_sound && found.type != 0 && !found.map.empty();
}

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
        Found found;
        bool const is_model = read_model(static_cast<char const*>(onnx), bytes, found);
        std::string const name = std::to_string(bytes);
        std::string const more = " map=" + found.map + " type=" + std::to_string(found.type);
        mNetwork.setName((is_model ? name + more : name).c_str());
        return is_model || told("parse") == "any";
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
