//! engine-tract
