"""JSON Schemas of SCOPE trees, diagnostics, vectors and model specs."""
