"""Who holds how much and who has a right to how much: ledger, core-equivalents, tree, entitlement (FS1-FS5).

What decides is loaded when it is asked for: whoever only reads plans needs their paths, but no expressions.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fedsched.matchmaker.share.paths import path_of

if TYPE_CHECKING:
    from fedsched.matchmaker.share.accounts import Account
    from fedsched.matchmaker.share.mirror import drift, drift_notices, driven
    from fedsched.matchmaker.share.pages import Pages
    from fedsched.matchmaker.share.shared import Shared, look
    from fedsched.matchmaker.share.sizes import CE, Sizes
    from fedsched.matchmaker.share.use import There

_WHERE = {
    "CE": "sizes",
    "Account": "accounts",
    "Pages": "pages",
    "Shared": "shared",
    "Sizes": "sizes",
    "There": "use",
    "drift": "mirror",
    "drift_notices": "mirror",
    "driven": "mirror",
    "look": "shared",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


__all__ = ["CE", "Account", "Pages", "Shared", "Sizes", "There", "drift", "drift_notices", "driven", "look", "path_of"]
