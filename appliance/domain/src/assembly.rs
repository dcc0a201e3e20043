//! When is a study complete, and what is reported of it?
