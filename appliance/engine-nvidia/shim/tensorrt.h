/* A flat C interface over NVIDIA TensorRT 8.5, 10 and 11, so that Rust never has to know a C++ vtable.
 *
 * One build per major (`shim/build`), from the headers of the device; it links neither TensorRT nor CUDA: the caller
 * opens those libraries and hands in the factories that they export by name.
 *
 * Every function but the first returns a status, and none lets an exception out. Objects are opaque; each is destroyed by
 * its own function, after everything that was made from it. A pointer below 4096 is taken for null wherever it comes from: TensorRT 11.4's
 * runtime factory returns 0x228 instead of null when CUDA cannot be initialised. */
#ifndef MAMORU_TENSORRT_H
#define MAMORU_TENSORRT_H

#include <stdint.h>

/* Rises with every change of this interface. */
#define MAMORU_TENSORRT_ABI 1

#define MAMORU_TENSORRT_RANK_MAX 8

#ifdef __cplusplus
extern "C" {
#endif

#define MAMORU_TENSORRT_API __attribute__((visibility("default")))

enum mamoru_tensorrt_status {
    MAMORU_TENSORRT_OK = 0,
    /* TensorRT returned no object, or false. */
    MAMORU_TENSORRT_REFUSED = 1,
    /* TensorRT threw an exception; its text went to the logger, where there is one. */
    MAMORU_TENSORRT_EXCEPTION = 2,
    /* An argument is null or out of range: nothing was called. */
    MAMORU_TENSORRT_ARGUMENT = 3,
    /* The ONNX parser took the network for none of its kind; its reasons went to the logger. */
    MAMORU_TENSORRT_PARSE = 4,
};

enum mamoru_tensorrt_flags {
    /* Half precision where the network is not strongly typed: on major 8. From 10 on the ONNX file's own types hold. */
    MAMORU_TENSORRT_HALF = 1,
    /* Single precision is computed as such, and not rounded to TF32. */
    MAMORU_TENSORRT_NO_TF32 = 2,
};

/* Severity as in nvinfer1::ILogger: 0 internal error, 1 error, 2 warning, 3 info, 4 verbose. Called from any thread. */
typedef void (*mamoru_tensorrt_log)(void* user, int32_t severity, char const* message);

/* createInferBuilder_INTERNAL and createInferRuntime_INTERNAL: (logger, version). */
typedef void* (*mamoru_tensorrt_factory)(void*, int32_t);
/* createNvOnnxParser_INTERNAL: (network, logger, version). */
typedef void* (*mamoru_tensorrt_parser_factory)(void*, void*, int32_t);

/* An input or output of an engine. `name` lives as long as the engine. */
struct mamoru_tensorrt_tensor {
    char const* name;
    int32_t is_input;
    /* nvinfer1::DataType */
    int32_t data_type;
    /* nvinfer1::TensorFormat: 0 is linear */
    int32_t format;
    /* nvinfer1::TensorLocation: 0 is the device */
    int32_t location;
    /* 0 to MAMORU_TENSORRT_RANK_MAX */
    int32_t rank;
    /* -1 where it is not fixed */
    int64_t dimensions[MAMORU_TENSORRT_RANK_MAX];
};

MAMORU_TENSORRT_API int32_t mamoru_tensorrt_abi(void);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_header_version(int32_t* major, int32_t* minor, int32_t* patch);

/* A logger is never destroyed: TensorRT keeps the first one that it is given for as long as the process lives. */
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_logger_create(mamoru_tensorrt_log log, void* user, void** logger);

MAMORU_TENSORRT_API int32_t mamoru_tensorrt_builder_create(mamoru_tensorrt_factory factory, void* logger, void** builder);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_builder_destroy(void* builder);

/* Parses a whole ONNX file. Its bytes are copied. */
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_network_create(void* builder, mamoru_tensorrt_parser_factory factory,
    void* logger, void const* onnx, uint64_t onnx_bytes, void** network);
/* Gives the input `name` fixed dimensions, of which the ONNX file leaves the first open. */
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_network_fix_input(
    void* network, char const* name, int64_t const* dimensions, int32_t rank);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_network_destroy(void* network);

/* `timing` may be empty; one that TensorRT does not take is left out. */
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_config_create(void* builder, uint32_t flags, uint64_t workspace_bytes,
    void const* timing, uint64_t timing_bytes, void** config);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_config_timing(void* config, void** memory);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_config_destroy(void* config);

/* Takes minutes. */
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_build(void* builder, void* network, void* config, void** memory);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_memory_view(void* memory, void const** data, uint64_t* bytes);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_memory_destroy(void* memory);

MAMORU_TENSORRT_API int32_t mamoru_tensorrt_runtime_create(mamoru_tensorrt_factory factory, void* logger, void** runtime);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_runtime_destroy(void* runtime);

MAMORU_TENSORRT_API int32_t mamoru_tensorrt_engine_create(
    void* runtime, void const* plan, uint64_t plan_bytes, void** engine);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_engine_tensors(void* engine, int32_t* count);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_engine_tensor(
    void* engine, int32_t index, struct mamoru_tensorrt_tensor* tensor);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_engine_destroy(void* engine);

MAMORU_TENSORRT_API int32_t mamoru_tensorrt_context_create(void* engine, void** context);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_context_bind(void* context, char const* name, void* device);
/* enqueueV3: returns when the work is queued on the CUDA stream. */
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_context_enqueue(void* context, void* stream);
MAMORU_TENSORRT_API int32_t mamoru_tensorrt_context_destroy(void* context);

#ifdef __cplusplus
}
#endif

#endif
