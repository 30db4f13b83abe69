"""Who holds how much and who has a right to how much: ledger, core-equivalents, tree, entitlement (FS1-FS5)."""

from fedsched.matchmaker.share.accounts import Account
from fedsched.matchmaker.share.mirror import drift, drift_notices, driven
from fedsched.matchmaker.share.paths import path_of
from fedsched.matchmaker.share.shared import Shared, look
from fedsched.matchmaker.share.sizes import CE, Sizes

__all__ = ["CE", "Account", "Shared", "Sizes", "drift", "drift_notices", "driven", "look", "path_of"]
