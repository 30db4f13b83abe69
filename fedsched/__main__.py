"""`python -m fedsched`, and what the console scripts call."""

from fedsched.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
