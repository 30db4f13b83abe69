"""Which attributes of a real slot predict the next one there (MA6): literals that do not change."""

from __future__ import annotations

import re
from collections.abc import Mapping

STATIC = frozenset(
    {
        *("arch", "opsys", "opsysandver", "opsyslegacy", "opsyslongname", "opsysmajorver", "opsysname"),
        *("opsysshortname", "opsysver", "condorversion", "condorplatform", "filesystemdomain", "uiddomain"),
        *("microarch", "cpufamily", "cpumodelnumber", "cpucachesize", "utsnamemachine", "utsnamesysname"),
        *("starterabilitylist", "singularityversion", "dockerversion", "javaversion", "cudacapability"),
        *("cudadrivername", "cudadriverversion", "cudaglobalmemorymb", "cudadevicename", "cudamaxsupportedversion"),
    }
)
"""HTCondor's own attributes that follow from image and hardware, in lower case."""
STATIC_PREFIXES = ("has", "gpus_", "cuda_", "glidein_", "cvmfs", "osg_", "singularity", "apptainer", "docker")
"""Beginnings of names that do, in lower case: features, devices, what probe scripts usually report."""

_CHANGING = re.compile(
    r"(total|recent|monitor|updates?|child|last|entered|expected|num|job|daemon|my|remote|client|claim|clock|current"
    r"|detected|public|image|virtual|console|keyboard|cpus?busy|next|utsname|retirement|activation|disk|exec|stats"
    r"|fedsched|startd|master|collector|address|authenticat|hibernat|wakeon|iswake|canhib|unhib|slot|dslot|parent"
    r"|hook|started?|trans|self|file|accounting|global|concurrency|draining|acceptedwhile|available|assigned|offline)"
    r".*|.*(load|loadavg|time|idle|idlesince|used|usage|busy|state|activity|name|address|id|rank|tag|count|temp)$"
)
"""Names, in lower case, of what differs between slots or moments."""
_HTCONDORS = frozenset(
    {
        *("cpus", "memory", "disk", "gpus", "name", "rank", "start", "requirements", "machine", "state", "activity"),
        *("partitionableslot", "dynamicslot", "rotationalscratch", "subnetmask", "hardwareaddress", "targettype"),
        *("timetolive", "machineresources", "machinemaxvacatetime", "maxjobretirementtime", "withinresourcelimits"),
        *("islocalstartd", "pslotrollupinformation", "newdslotnotmatch", "condorscratchdir", "condorloadavg"),
        *("addressv1", "mytype", "slotweight", "isowner", "cpubusy", "checkpointplatform", "ownermachine"),
    }
)
"""HTCondor's own attributes that say nothing of the next slot and fit none of the patterns."""
_LITERAL = re.compile(r'true|false|-?[0-9][0-9.]{0,30}(E[+-][0-9]{1,3})?|"([^"\\]|\\.){0,512}"')
MOST = 200
"""Most attributes that are learnt from one slot."""


def static_attributes(attributes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The literals of a slot ad that hold for every slot of that image there, sorted; a site's own names included."""
    taken = ((name, text) for name, text in attributes.items() if _predicts(name.lower()) and _LITERAL.fullmatch(text))
    return tuple(sorted(taken)[:MOST])


def _predicts(name: str) -> bool:
    if name in STATIC or name.startswith(STATIC_PREFIXES):
        return True
    return name not in _HTCONDORS and not _CHANGING.fullmatch(name)
