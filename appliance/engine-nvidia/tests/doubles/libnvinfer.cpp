// A double of TensorRT: builds "plans" that say how they were built, and "engines" of them that run on the driver's double:
// as a function of the input that is given away in `libnvinfer/network.h`, or as a process at a socket says. Shapes and types
// are those of the network.
//
// Told:
//   version, build           what the library says of itself
//   runtime, builder         null | small | throw | throw-unknown: how the factory fails
//   network, config, build_network, engine, context, data, timing_memory, tensor_name
//                            null | small: what is returned instead; data also: empty
//   timing                   refused | mismatch: where a timing cache with bytes is not taken
//   plan                     damaged
//   type, format, location, rank, tensors, open_shape    what the engine says of its tensors; tensors also: unexpected
//   bind, enqueue            false
//   alone=1                  there is no driver: memory is the test's own, and a run copies the input's first bytes
//   bias, network            of the function, and the socket
//   say                      severity:text, said when a runtime is made; \n and \e in it are a newline and an escape
//   thread                   the same from another thread
#include <cinttypes>
#include <cstring>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

#include "libnvinfer/network.h"
#include "unexpected.h"

using namespace nvinfer1;

namespace {

ILogger* gLogger = nullptr;

void log(ILogger::Severity severity, std::string const& text) {
    gLogger->log(severity, text.c_str());
}

// `made`, or what a test wants instead.
template <class T>
T* unless_told(char const* what, T* made) {
    std::string const how = told(what);
    if (how == "null" || how == "small") {
        log(ILogger::Severity::kERROR, std::string("a double refuses ") + what);
        return reinterpret_cast<T*>(how == "null" ? 0 : 0x228);
    }
    return made;
}

std::string dimensions(Dims const& dims) {
    std::string text;
    for (int axis = 0; axis < dims.nbDims; ++axis) {
        text += (axis == 0 ? "" : "x") + std::to_string(dims.d[axis]);
    }
    return text;
}

class HostMemory final : public UnexpectedHostMemory {
public:
    HostMemory(std::string bytes) : mBytes(std::move(bytes)) {}
    ~HostMemory() noexcept override { heard("~HostMemory"); }
    void* data() const noexcept override { return unless_told("data", const_cast<char*>(mBytes.data())); }
    std::size_t size() const noexcept override { return told("data") == "empty" ? 0 : mBytes.size(); }

private:
    std::string mBytes;
};

class Tensor final : public UnexpectedTensor {
public:
    char const* getName() const noexcept override { return "image"; }
#if NV_TENSORRT_MAJOR == 8
    void setDimensions(Dims dims) noexcept override { mDims = dims; }
#else
    void setDimensions(Dims const& dims) noexcept override { mDims = dims; }
#endif
    Dims mDims{4, {-1, 3, 955, 500}};
};

class Network final : public UnexpectedNetworkDefinition {
public:
    explicit Network(NetworkDefinitionCreationFlags flags) : mFlags(flags) {}
    ~Network() noexcept override { heard("~Network"); }
    void setName(char const* name) noexcept override { mParsedBytes = name; }
    std::int32_t getNbInputs() const noexcept override { return 1; }
    ITensor* getInput(std::int32_t) const noexcept override { return &mInput; }

    NetworkDefinitionCreationFlags mFlags;
    std::string mParsedBytes;
    mutable Tensor mInput;
};

class TimingCache final : public UnexpectedTimingCache {
public:
    explicit TimingCache(std::string bytes) : mBytes(std::move(bytes)) {}
    ~TimingCache() noexcept override { heard("~TimingCache"); }
    IHostMemory* serialize() const noexcept override {
        return unless_told("timing_memory", static_cast<IHostMemory*>(new HostMemory(mBytes + "+")));
    }
    std::string mBytes;
};

class Config final : public UnexpectedBuilderConfig {
public:
    ~Config() noexcept override { heard("~Config"); }
    void setMemoryPoolLimit(MemoryPoolType, std::size_t bytes) noexcept override { mWorkspace = bytes; }
    void setFlag(BuilderFlag flag) noexcept override { mFlags |= 1U << static_cast<unsigned>(flag); }
    void clearFlag(BuilderFlag flag) noexcept override { mFlags &= ~(1U << static_cast<unsigned>(flag)); }
    ITimingCache* createTimingCache(void const* bytes, std::size_t size) const noexcept override {
        if (size > 0 && told("timing") == "refused") {
            return nullptr;
        }
        return new TimingCache(std::string(static_cast<char const*>(bytes), size));
    }
    bool setTimingCache(ITimingCache const& cache, bool ignore_mismatch) noexcept override {
        auto const& timing = dynamic_cast<TimingCache const&>(cache);
        if (ignore_mismatch || (!timing.mBytes.empty() && told("timing") == "mismatch")) {
            return false;
        }
        mTiming = timing.mBytes;
        return true;
    }
    unsigned mFlags = 1U << static_cast<unsigned>(BuilderFlag::kTF32);
    std::size_t mWorkspace = 0;
    std::string mTiming = "none";
};

// The plan's words, which tests read.
class Builder final : public UnexpectedBuilder {
public:
    ~Builder() noexcept override { heard("~Builder"); }
    INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags flags) noexcept override {
        return unless_told("network", static_cast<INetworkDefinition*>(new Network(flags)));
    }
    IBuilderConfig* createBuilderConfig() noexcept override {
        return unless_told("config", static_cast<IBuilderConfig*>(new Config));
    }
    IHostMemory* buildSerializedNetwork(INetworkDefinition& network, IBuilderConfig& config) noexcept override {
        auto const& parsed = dynamic_cast<Network const&>(network);
        auto const& settings = dynamic_cast<Config const&>(config);
        std::string plan = "DOUBLE PLAN network_flags=" + std::to_string(parsed.mFlags)
            + " flags=" + std::to_string(settings.mFlags) + " workspace=" + std::to_string(settings.mWorkspace)
            + " onnx=" + parsed.mParsedBytes + " timing=" + settings.mTiming
            + " shape=" + dimensions(parsed.mInput.mDims);
        if (told("plan") == "damaged") {
            plan[0] = 'd';
        }
        return unless_told("build_network", static_cast<IHostMemory*>(new HostMemory(plan)));
    }
};

// What a plan says of `key`.
std::string word(std::string const& plan, std::string const& key) {
    std::size_t const at = plan.find(" " + key + "=");
    std::size_t const start = at + key.size() + 2;
    return at == std::string::npos ? "" : plan.substr(start, plan.find(' ', start) - start);
}

// Sides that are written with an x between.
std::vector<long> sides(std::string const& text) {
    std::vector<long> found;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (at == 0 || text[at - 1] == 'x') {
            found.push_back(std::strtol(text.c_str() + at, nullptr, 10));
        }
    }
    return found;
}

bool is_alone() {
    return told_number("alone", 0) != 0;
}

// Bytes of an execution context on the device.
constexpr long kContextBytes = 4096;

class Context final : public UnexpectedExecutionContext {
public:
    explicit Context(network::Shape shape) : mShape(shape) {}
    ~Context() noexcept override {
        heard("~Context");
        if (!is_alone()) {
            network::driver().reserve(-kContextBytes);
        }
    }
    bool setTensorAddress(char const* name, void* data) noexcept override {
        mBound[name] = data;
        return told("bind") != "false";
    }
    bool enqueueV3(cudaStream_t stream) noexcept override {
        char line[64];
        std::snprintf(line, sizeof line, "enqueue %#" PRIxPTR, reinterpret_cast<std::uintptr_t>(stream));
        heard(line);
        if (told("enqueue") == "false" || mBound.size() != 4) {
            log(ILogger::Severity::kERROR, "a double does not run");
            return false;
        }
        if (is_alone()) {
            for (auto const& [name, data] : mBound) {
                if (name != "image") {
                    std::memcpy(data, mBound.at("image"), 2);
                }
            }
            return true;
        }
        bool const is_recording = network::driver().is_recording(stream) != 0;
        if (is_recording && !mHasRun) {
            log(ILogger::Severity::kERROR, "the first run of a context is recorded");
            heard("fault: the first run of a context is recorded");
            return false;
        }
        network::Run const run{mShape, mBound.at("image"), mBound.at("probability"), mBound.at("logit"), mBound.at("cam")};
        int const code = network::queue(stream, run);
        if (code != 0) {
            log(ILogger::Severity::kERROR, "a double does not run: CUDA error " + std::to_string(code));
        }
        mHasRun = mHasRun || (code == 0 && !is_recording);
        return code == 0;
    }

private:
    network::Shape mShape;
    std::map<std::string, void*> mBound;
    bool mHasRun = false;
};

char const* const kNames[] = {"image", "probability", "logit", "cam"};

class Engine final : public UnexpectedCudaEngine {
public:
    explicit Engine(std::string const& plan) {
        std::vector<long> const image = sides(word(plan, "shape")), map = sides(word(plan, "map"));
        if (image.size() == 4) {
            mShape.rows = image[2];
            mShape.columns = image[3];
        }
        if (map.size() == 2) {
            mShape.map_rows = map[0];
            mShape.map_columns = map[1];
        }
        mShape.is_half = word(plan, "type") != "1";
    }
    ~Engine() noexcept override { heard("~Engine"); }
    std::int32_t getNbIOTensors() const noexcept override {
        if (told("tensors") == "unexpected") {
            return this->getNbLayers();
        }
        return static_cast<std::int32_t>(told_number("tensors", 4));
    }
    char const* getIOTensorName(std::int32_t index) const noexcept override {
        return index < 4 ? unless_told("tensor_name", kNames[index]) : nullptr;
    }
    TensorIOMode getTensorIOMode(char const* name) const noexcept override {
        return std::strcmp(name, "image") == 0 ? TensorIOMode::kINPUT : TensorIOMode::kOUTPUT;
    }
    DataType getTensorDataType(char const* name) const noexcept override {
        bool const is_image = std::strcmp(name, "image") == 0;
        return is_image ? static_cast<DataType>(told_number("type", mShape.is_half ? 1 : 0)) : DataType::kFLOAT;
    }
    TensorFormat getTensorFormat(char const*) const noexcept override {
        return static_cast<TensorFormat>(told_number("format", 0));
    }
    TensorLocation getTensorLocation(char const*) const noexcept override {
        return static_cast<TensorLocation>(told_number("location", 0));
    }
    Dims getTensorShape(char const* name) const noexcept override {
        if (std::strcmp(name, "image") == 0) {
            return shape(4, told_number("open_shape", 0) ? -1 : 1, 3, mShape.rows, mShape.columns);
        }
        bool const is_map = std::strcmp(name, "cam") == 0;
        return is_map ? shape(told_number("rank", 4), 1, 1, told_number("map_rows", mShape.map_rows), mShape.map_columns)
                      : shape(2, 1, 1, 0, 0);
    }
#if NV_TENSORRT_MAJOR == 8
    IExecutionContext* createExecutionContext() noexcept override {
#else
    IExecutionContext* createExecutionContext(ExecutionContextAllocationStrategy) noexcept override {
#endif
        if (told("context").empty() && !is_alone() && network::driver().reserve(kContextBytes) != 0) {
            log(ILogger::Severity::kERROR, "a double has no memory for a context");
            return nullptr;
        }
        network::Shape run = mShape;
        run.is_half = told_number("type", mShape.is_half ? 1 : 0) != 0;
        return told("context").empty() ? static_cast<IExecutionContext*>(new Context(run))
                                       : unless_told("context", static_cast<IExecutionContext*>(nullptr));
    }

private:
    static Dims shape(long rank, long first, long second, long third, long fourth) {
        Dims dims{};
        dims.nbDims = static_cast<std::int32_t>(rank);
        long const all[4] = {first, second, third, fourth};
        for (int axis = 0; axis < 4; ++axis) {
            dims.d[axis] = static_cast<std::remove_reference_t<decltype(dims.d[0])>>(all[axis]);
        }
        return dims;
    }

    network::Shape mShape;
};

class Runtime final : public UnexpectedRuntime {
public:
    ~Runtime() noexcept override { heard("~Runtime"); }
#if NV_TENSORRT_MAJOR == 8
    ICudaEngine* deserializeCudaEngine(void const* plan, std::size_t bytes, IPluginFactory*) noexcept override {
#else
    ICudaEngine* deserializeCudaEngine(void const* plan, std::size_t bytes) noexcept override {
#endif
        if (bytes < 11 || std::memcmp(plan, "DOUBLE PLAN", 11) != 0) {
            log(ILogger::Severity::kERROR, "magic tag does not match");
            return nullptr;
        }
        return unless_told("engine", static_cast<ICudaEngine*>(new Engine({static_cast<char const*>(plan), bytes})));
    }
};

std::string unescaped(std::string text) {
    for (auto const& [from, to] : {std::pair<char const*, char const*>{"\\n", "\n"}, {"\\e", "\x1b"}}) {
        for (std::size_t at; (at = text.find(from)) != std::string::npos;) {
            text.replace(at, 2, to);
        }
    }
    return text;
}

void say_what_is_told() {
    std::string const said = told("say");
    if (!said.empty()) {
        log(static_cast<ILogger::Severity>(said[0] - '0'), unescaped(said.substr(2)));
    }
}

long version() {
    return told_number("version", NV_TENSORRT_VERSION);
}

// What a factory does before it makes anything; null where it is to fail.
bool may_make(char const* what, void* logger, std::int32_t headers, void** instead) {
    gLogger = static_cast<ILogger*>(logger);
    heard(std::string(what) + " " + std::to_string(headers));
    std::string const how = told(what);
    say_what_is_told();
    if (told("thread") == "yes") {
        std::thread(say_what_is_told).join();
    }
    if (how == "throw") {
        throw std::runtime_error("CUDA initialization failure with error: 35");
    }
    if (how == "throw-unknown") {
        throw 7;
    }
    *instead = reinterpret_cast<void*>(how == "small" ? 0x228 : 0);
    return how.empty();
}

} // namespace

extern "C" __attribute__((visibility("default"))) std::int32_t getInferLibVersion() noexcept {
    return static_cast<std::int32_t>(version());
}

// By other names in C++, for the headers say that they throw nothing, or do not have them.
extern "C" __attribute__((visibility("default"))) std::int32_t build_version() __asm__("getInferLibBuildVersion");
extern "C" __attribute__((visibility("default"))) void* make_runtime(void*, std::int32_t)
    __asm__("createInferRuntime_INTERNAL");
extern "C" __attribute__((visibility("default"))) void* make_builder(void*, std::int32_t)
    __asm__("createInferBuilder_INTERNAL");

std::int32_t build_version() {
    return static_cast<std::int32_t>(told_number("build", 106));
}

void* make_runtime(void* logger, std::int32_t headers) {
    void* instead = nullptr;
    return may_make("runtime", logger, headers, &instead) ? static_cast<IRuntime*>(new Runtime) : instead;
}

void* make_builder(void* logger, std::int32_t headers) {
    void* instead = nullptr;
    return may_make("builder", logger, headers, &instead) ? static_cast<IBuilder*>(new Builder) : instead;
}
