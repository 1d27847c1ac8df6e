//! File formats: what other programs and Firefox itself import and export.
