"""Where a class could run, in which form, with startds of which size, best first (MA5); not whether there is room.

One table serves one round: what is asked twice is judged once, and what nobody asks is not judged.
"""

from fedsched.matchmaker.match import Place, per_node, size_for
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.options.option import Choosing, Option, Options
from fedsched.matchmaker.options.sets import candidates
from fedsched.matchmaker.options.table import Table

__all__ = ["Choosing", "Option", "Options", "Table", "candidates", "options", "per_node", "size_for"]


def options(demand: DemandClass, places: tuple[Place, ...], rules: Choosing) -> list[Option]:
    """The options of a class that is alone in its round."""
    return Table(places, rules).options(demand).all()
