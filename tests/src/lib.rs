//! System tests of Mamoru.
