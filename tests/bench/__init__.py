"""Benchmarks: a module with a TITLE and `run(*, quick) -> str` (Markdown) owns a section of docs/performance.md."""
