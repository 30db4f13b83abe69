"""The typed client: documents, what can be asked, and asking a daemon for it; needs no journal and no cluster."""

from fedsched.client.protocol import Answers, NoAnswer

__all__ = ["Answers", "NoAnswer"]
