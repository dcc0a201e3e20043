#!/usr/bin/env python3
"""Writes, from TensorRT's own headers, a base class for each of its interfaces that a test double has: every virtual
function ends the process and says its name, so that a double answers exactly what it lists.

Usage: generate.py FOLDER_OF_HEADERS OUTPUT"""

import pathlib
import re
import sys

# Behind each public class stands a class of virtual functions, to which it forwards.
FORWARDED = ["Runtime", "CudaEngine", "ExecutionContext", "Builder", "BuilderConfig", "NetworkDefinition", "TimingCache",
             "HostMemory", "Tensor"]
# These are virtual themselves.
VIRTUAL = ["Parser", "ParserError"]


def text(path):
    """A header without comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def functions(source, name):
    """The pure virtual functions of class `name`, each as its declaration up to `= 0`."""
    body = re.search(r"class\s+" + name + r"\b[^;{]*\{(.*?)\n\};", source, re.DOTALL)
    if not body:
        sys.exit(f"the headers have no class {name}")
    found = re.findall(r"virtual\s+([^;{}]*?)\s*=\s*0\s*;", body[1], re.DOTALL)
    # A default argument belongs to the declaration, and a destructor is no function to be called.
    declarations = [re.sub(r"\s*=\s*nullptr", "", re.sub(r"\s+", " ", declaration)) for declaration in found]
    declarations = [declaration for declaration in declarations if "~" not in declaration]
    if not declarations:
        sys.exit(f"class {name} has no virtual functions")
    return declarations


def base(name, namespace, implementation, declarations):
    """The base class of the doubles of interface `name`."""
    public = f"{namespace}::I{name}"
    lines = [f"class Unexpected{name} : public {public}" + (f", public {implementation}" if implementation else ""), "{",
             "public:"]
    if implementation:
        lines.append(f"    Unexpected{name}() {{ mImpl = this; }}")
    lines.append(f"    ~Unexpected{name}() noexcept override {{}}")
    for declaration in declarations:
        function = re.search(r"(\w+)\s*\(", declaration)[1]
        lines.append(f'    {declaration} override {{ unexpected("I{name}::{function}"); }}')
    return lines + ["};", ""]


def main():
    folder, output = map(pathlib.Path, sys.argv[1:])
    implementations = text(folder / "NvInferImpl.h")
    parser = text(folder / "NvOnnxParser.h")
    lines = ["// Generated from the headers by generate.py.", "#pragma once", "#include <NvInfer.h>",
             "#include <NvOnnxParser.h>", '#include "told.h"', "", "namespace nvinfer1", "{", ""]
    for name in FORWARDED:
        lines += base(name, "nvinfer1", f"nvinfer1::apiv::V{name}", functions(implementations, f"V{name}"))
    lines += ["}", "", "namespace nvonnxparser", "{", ""]
    for name in VIRTUAL:
        lines += base(name, "nvonnxparser", None, functions(parser, f"I{name}"))
    output.write_text("\n".join(lines + ["}", ""]))


main()
