"""The stages in which the tests run; `python -m tests.stages` runs them."""
