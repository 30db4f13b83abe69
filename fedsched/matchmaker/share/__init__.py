"""Who holds how much and who has a right to how much: ledger, core-equivalents, tree, entitlement (FS1-FS5)."""

from fedsched.matchmaker.share.accounts import Account, count

__all__ = ["Account", "count"]
