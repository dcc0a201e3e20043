#include "tensorrt.h"

#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>

static_assert(NV_TENSORRT_MAJOR == 8 || NV_TENSORRT_MAJOR == 10 || NV_TENSORRT_MAJOR == 11,
    "this shim knows the vtables of TensorRT 8, 10 and 11");
static_assert(NV_TENSORRT_MAJOR > 8 || NV_TENSORRT_MINOR >= 5, "named tensors came with TensorRT 8.5");
static_assert(nvinfer1::Dims::MAX_DIMS == MAMORU_TENSORRT_RANK_MAX, "dimensions would not fit");

namespace {

// No object lives in the first page: what is below is a null that somebody has added an offset to.
constexpr std::uintptr_t kSmallestPointer = 4096;

// Null where `pointer` cannot be one.
template <class T>
T* checked(T* pointer) noexcept {
    return reinterpret_cast<std::uintptr_t>(pointer) < kSmallestPointer ? nullptr : pointer;
}

// The object behind an opaque pointer of our own.
template <class T>
T* object(void* pointer) noexcept {
    return static_cast<T*>(checked(pointer));
}

class Logger final : public nvinfer1::ILogger {
public:
    Logger(mamoru_tensorrt_log log, void* user) noexcept : mLog(log), mUser(user) {}

    void log(Severity severity, nvinfer1::AsciiChar const* message) noexcept override {
        mLog(mUser, static_cast<std::int32_t>(severity), message);
    }

    void error(char const* message) noexcept { mLog(mUser, static_cast<std::int32_t>(Severity::kERROR), message); }

private:
    mamoru_tensorrt_log mLog;
    void* mUser;
};

// A parsed network. The parser keeps weights that the network refers to, so it stays until the network is built.
struct Network {
    std::unique_ptr<nvinfer1::INetworkDefinition> definition;
    std::unique_ptr<nvonnxparser::IParser> parser;
};

// The configuration refers to its timing cache and goes first: members are destroyed from the last to the first.
struct Config {
    std::unique_ptr<nvinfer1::ITimingCache> timing;
    std::unique_ptr<nvinfer1::IBuilderConfig> config;
};

// Runs `body` and lets nothing out. TensorRT declares its factories noexcept and throws from them all the same; the
// types of the factories here do not say so, for the compiler would then leave out the handlers.
template <class Body>
std::int32_t guarded(Logger* logger, Body&& body) noexcept {
    try {
        return body();
    } catch (std::exception const& exception) {
        if (logger != nullptr) {
            logger->error(exception.what());
        }
        return MAMORU_TENSORRT_EXCEPTION;
    } catch (...) {
        if (logger != nullptr) {
            logger->error("an exception of unknown type");
        }
        return MAMORU_TENSORRT_EXCEPTION;
    }
}

template <class Body>
std::int32_t guarded(Body&& body) noexcept {
    return guarded(nullptr, body);
}

// Hands `made` over, or says that there is nothing.
template <class T>
std::int32_t give(T* made, void** out) noexcept {
    *out = checked(made);
    return *out == nullptr ? MAMORU_TENSORRT_REFUSED : MAMORU_TENSORRT_OK;
}

// Destroys an object of ours; null is none.
template <class T>
std::int32_t destroy(void* pointer) noexcept {
    return guarded([&] {
        delete object<T>(pointer);
        return MAMORU_TENSORRT_OK;
    });
}

// Has one of TensorRT's factories make a `T`, which it returns as a pointer to nothing in particular.
template <class T>
std::int32_t create(mamoru_tensorrt_factory factory, void* logger, void** out) noexcept {
    Logger* const log = object<Logger>(logger);
    if (factory == nullptr || log == nullptr || out == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded(log, [&] {
        void* const made = factory(static_cast<nvinfer1::ILogger*>(log), static_cast<std::int32_t>(NV_TENSORRT_VERSION));
        return give(static_cast<T*>(made), out);
    });
}

nvinfer1::NetworkDefinitionCreationFlags creation_flags() noexcept {
#if NV_TENSORRT_MAJOR == 8
    return 1U << static_cast<std::uint32_t>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);
#elif NV_TENSORRT_MAJOR == 10
    return 1U << static_cast<std::uint32_t>(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
#else
    // Every network is strongly typed.
    return 0U;
#endif
}

void say_parser_errors(nvonnxparser::IParser& parser, Logger& logger) noexcept {
    int const errors = parser.getNbErrors();
    for (int index = 0; index < errors && index < 8; ++index) {
        nvonnxparser::IParserError const* error = checked(parser.getError(index));
        if (error != nullptr && checked(error->desc()) != nullptr) {
            logger.error(error->desc());
        }
    }
}

bool same(char const* left, char const* right) noexcept {
    while (*left != '\0' && *left == *right) {
        ++left;
        ++right;
    }
    return *left == *right;
}

} // namespace

std::int32_t mamoru_tensorrt_abi(void) {
    return MAMORU_TENSORRT_ABI;
}

std::int32_t mamoru_tensorrt_header_version(std::int32_t* major, std::int32_t* minor, std::int32_t* patch) {
    if (major == nullptr || minor == nullptr || patch == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    *major = NV_TENSORRT_MAJOR;
    *minor = NV_TENSORRT_MINOR;
    *patch = NV_TENSORRT_PATCH;
    return MAMORU_TENSORRT_OK;
}

std::int32_t mamoru_tensorrt_logger_create(mamoru_tensorrt_log log, void* user, void** logger) {
    if (log == nullptr || logger == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&] { return give(new (std::nothrow) Logger(log, user), logger); });
}

std::int32_t mamoru_tensorrt_builder_create(mamoru_tensorrt_factory factory, void* logger, void** builder) {
    return create<nvinfer1::IBuilder>(factory, logger, builder);
}

std::int32_t mamoru_tensorrt_builder_destroy(void* builder) {
    return destroy<nvinfer1::IBuilder>(builder);
}

std::int32_t mamoru_tensorrt_network_create(void* builder, mamoru_tensorrt_parser_factory factory, void* logger,
    void const* onnx, std::uint64_t onnx_bytes, void** network) {
    nvinfer1::IBuilder* const maker = object<nvinfer1::IBuilder>(builder);
    Logger* const log = object<Logger>(logger);
    if (maker == nullptr || factory == nullptr || log == nullptr || checked(onnx) == nullptr || onnx_bytes == 0
        || network == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded(log, [&]() -> std::int32_t {
        auto made = std::make_unique<Network>();
        made->definition.reset(checked(maker->createNetworkV2(creation_flags())));
        if (made->definition == nullptr) {
            return MAMORU_TENSORRT_REFUSED;
        }
        void* const parser
            = factory(made->definition.get(), static_cast<nvinfer1::ILogger*>(log), NV_ONNX_PARSER_VERSION);
        made->parser.reset(object<nvonnxparser::IParser>(parser));
        if (made->parser == nullptr) {
            return MAMORU_TENSORRT_REFUSED;
        }
        if (!made->parser->parse(onnx, static_cast<std::size_t>(onnx_bytes))) {
            say_parser_errors(*made->parser, *log);
            return MAMORU_TENSORRT_PARSE;
        }
        return give(made.release(), network);
    });
}

std::int32_t mamoru_tensorrt_network_fix_input(
    void* network, char const* name, std::int64_t const* dimensions, std::int32_t rank) {
    Network* const parsed = object<Network>(network);
    if (parsed == nullptr || checked(name) == nullptr || checked(dimensions) == nullptr || rank < 0
        || rank > MAMORU_TENSORRT_RANK_MAX) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&]() -> std::int32_t {
        nvinfer1::Dims dims{};
        dims.nbDims = rank;
        for (std::int32_t axis = 0; axis < rank; ++axis) {
            dims.d[axis] = static_cast<std::remove_reference_t<decltype(dims.d[0])>>(dimensions[axis]);
        }
        std::int32_t const inputs = parsed->definition->getNbInputs();
        for (std::int32_t index = 0; index < inputs; ++index) {
            nvinfer1::ITensor* const input = checked(parsed->definition->getInput(index));
            if (input != nullptr && checked(input->getName()) != nullptr && same(input->getName(), name)) {
                input->setDimensions(dims);
                return MAMORU_TENSORRT_OK;
            }
        }
        return MAMORU_TENSORRT_REFUSED;
    });
}

std::int32_t mamoru_tensorrt_network_destroy(void* network) {
    return destroy<Network>(network);
}

std::int32_t mamoru_tensorrt_config_create(void* builder, std::uint32_t flags, std::uint64_t workspace_bytes,
    void const* timing, std::uint64_t timing_bytes, void** config) {
    nvinfer1::IBuilder* const maker = object<nvinfer1::IBuilder>(builder);
    if (maker == nullptr || config == nullptr || (timing_bytes > 0 && checked(timing) == nullptr)) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&]() -> std::int32_t {
        auto made = std::make_unique<Config>();
        made->config.reset(checked(maker->createBuilderConfig()));
        if (made->config == nullptr) {
            return MAMORU_TENSORRT_REFUSED;
        }
        nvinfer1::IBuilderConfig& settings = *made->config;
        settings.setMemoryPoolLimit(
            nvinfer1::MemoryPoolType::kWORKSPACE, static_cast<std::size_t>(workspace_bytes));
#if NV_TENSORRT_MAJOR == 8
        if ((flags & MAMORU_TENSORRT_HALF) != 0) {
            settings.setFlag(nvinfer1::BuilderFlag::kFP16);
        }
#endif
        if ((flags & MAMORU_TENSORRT_NO_TF32) != 0) {
            settings.clearFlag(nvinfer1::BuilderFlag::kTF32);
        }
        // A cache of another device or version is refused, at one of two places; then an empty one is filled.
        std::size_t const bytes = static_cast<std::size_t>(timing_bytes);
        made->timing.reset(bytes == 0 ? nullptr : checked(settings.createTimingCache(timing, bytes)));
        if (made->timing == nullptr || !settings.setTimingCache(*made->timing, false)) {
            made->timing.reset(checked(settings.createTimingCache(nullptr, 0)));
            if (made->timing != nullptr && !settings.setTimingCache(*made->timing, false)) {
                made->timing.reset();
            }
        }
        return give(made.release(), config);
    });
}

std::int32_t mamoru_tensorrt_config_timing(void* config, void** memory) {
    Config* const made = object<Config>(config);
    if (made == nullptr || memory == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&]() -> std::int32_t {
        if (made->timing == nullptr) {
            return MAMORU_TENSORRT_REFUSED;
        }
        return give(made->timing->serialize(), memory);
    });
}

std::int32_t mamoru_tensorrt_config_destroy(void* config) {
    return destroy<Config>(config);
}

std::int32_t mamoru_tensorrt_build(void* builder, void* network, void* config, void** memory) {
    nvinfer1::IBuilder* const maker = object<nvinfer1::IBuilder>(builder);
    Network* const parsed = object<Network>(network);
    Config* const made = object<Config>(config);
    if (maker == nullptr || parsed == nullptr || made == nullptr || memory == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&] { return give(maker->buildSerializedNetwork(*parsed->definition, *made->config), memory); });
}

std::int32_t mamoru_tensorrt_memory_view(void* memory, void const** data, std::uint64_t* bytes) {
    nvinfer1::IHostMemory* const held = object<nvinfer1::IHostMemory>(memory);
    if (held == nullptr || data == nullptr || bytes == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&]() -> std::int32_t {
        *data = checked(held->data());
        *bytes = held->size();
        return *data == nullptr || *bytes == 0 ? MAMORU_TENSORRT_REFUSED : MAMORU_TENSORRT_OK;
    });
}

std::int32_t mamoru_tensorrt_memory_destroy(void* memory) {
    return destroy<nvinfer1::IHostMemory>(memory);
}

std::int32_t mamoru_tensorrt_runtime_create(mamoru_tensorrt_factory factory, void* logger, void** runtime) {
    return create<nvinfer1::IRuntime>(factory, logger, runtime);
}

std::int32_t mamoru_tensorrt_runtime_destroy(void* runtime) {
    return destroy<nvinfer1::IRuntime>(runtime);
}

std::int32_t mamoru_tensorrt_engine_create(
    void* runtime, void const* plan, std::uint64_t plan_bytes, void** engine) {
    nvinfer1::IRuntime* const maker = object<nvinfer1::IRuntime>(runtime);
    if (maker == nullptr || checked(plan) == nullptr || plan_bytes == 0 || engine == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded(
        [&] { return give(maker->deserializeCudaEngine(plan, static_cast<std::size_t>(plan_bytes)), engine); });
}

std::int32_t mamoru_tensorrt_engine_tensors(void* engine, std::int32_t* count) {
    nvinfer1::ICudaEngine* const made = object<nvinfer1::ICudaEngine>(engine);
    if (made == nullptr || count == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&]() -> std::int32_t {
        *count = made->getNbIOTensors();
        return *count < 0 ? MAMORU_TENSORRT_REFUSED : MAMORU_TENSORRT_OK;
    });
}

std::int32_t mamoru_tensorrt_engine_tensor(void* engine, std::int32_t index, struct mamoru_tensorrt_tensor* tensor) {
    nvinfer1::ICudaEngine* const made = object<nvinfer1::ICudaEngine>(engine);
    if (made == nullptr || tensor == nullptr || index < 0) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&]() -> std::int32_t {
        char const* const name = checked(made->getIOTensorName(index));
        if (name == nullptr) {
            return MAMORU_TENSORRT_REFUSED;
        }
        nvinfer1::Dims const dims = made->getTensorShape(name);
        if (dims.nbDims < 0 || dims.nbDims > MAMORU_TENSORRT_RANK_MAX) {
            return MAMORU_TENSORRT_REFUSED;
        }
        tensor->name = name;
        tensor->is_input = made->getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT ? 1 : 0;
        tensor->data_type = static_cast<std::int32_t>(made->getTensorDataType(name));
        tensor->format = static_cast<std::int32_t>(made->getTensorFormat(name));
        tensor->location = static_cast<std::int32_t>(made->getTensorLocation(name));
        tensor->rank = dims.nbDims;
        for (std::int32_t axis = 0; axis < MAMORU_TENSORRT_RANK_MAX; ++axis) {
            tensor->dimensions[axis] = axis < dims.nbDims ? dims.d[axis] : 0;
        }
        return MAMORU_TENSORRT_OK;
    });
}

std::int32_t mamoru_tensorrt_engine_destroy(void* engine) {
    return destroy<nvinfer1::ICudaEngine>(engine);
}

std::int32_t mamoru_tensorrt_context_create(void* engine, void** context) {
    nvinfer1::ICudaEngine* const made = object<nvinfer1::ICudaEngine>(engine);
    if (made == nullptr || context == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&] { return give(made->createExecutionContext(), context); });
}

std::int32_t mamoru_tensorrt_context_bind(void* context, char const* name, void* device) {
    nvinfer1::IExecutionContext* const made = object<nvinfer1::IExecutionContext>(context);
    if (made == nullptr || checked(name) == nullptr || checked(device) == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded(
        [&] { return made->setTensorAddress(name, device) ? MAMORU_TENSORRT_OK : MAMORU_TENSORRT_REFUSED; });
}

std::int32_t mamoru_tensorrt_context_enqueue(void* context, void* stream) {
    nvinfer1::IExecutionContext* const made = object<nvinfer1::IExecutionContext>(context);
    if (made == nullptr) {
        return MAMORU_TENSORRT_ARGUMENT;
    }
    return guarded([&] {
        return made->enqueueV3(static_cast<cudaStream_t>(stream)) ? MAMORU_TENSORRT_OK : MAMORU_TENSORRT_REFUSED;
    });
}

std::int32_t mamoru_tensorrt_context_destroy(void* context) {
    return destroy<nvinfer1::IExecutionContext>(context);
}
