"""Names of the files we write.

Belongs here: building a name from a profile's parts. Does not belong
here: judging a name from elsewhere (`checker`, which must not share code with the writer).
"""

from __future__ import annotations

from datetime import UTC, datetime

from nightwatt.contracts.delivery import OpowerDelivery
from nightwatt.delivery.opower.profile import Kind, OpowerProfile
from nightwatt.errors import TerminalError


def file_name(delivery: OpowerDelivery, profile: OpowerProfile[Kind], kind: Kind, stamp: datetime) -> str:
    """Return the name of a file generated at `stamp` (written in UTC: names then sort as they load).

    Args:
        kind: read length in minutes, or the kind of billing file.

    Raises:
        TerminalError: `delivery.name_parts` where the contract asks for what the profile does not know.
    """
    token = profile.name.types.get(kind)
    if token is None or delivery.population not in profile.name.populations:
        raise TerminalError(
            "delivery.name_parts",
            f"{delivery.delivery}: profile {profile.profile} has no population {delivery.population!r} "
            f"or no files of {kind}",
            f"populations: {', '.join(profile.name.populations)}; files: {', '.join(map(str, profile.name.types))}",
        )
    return profile.name.pattern.format(
        utility=delivery.utility_code,
        population=delivery.population,
        version=profile.version,
        type=token,
        stamp=stamp.astimezone(UTC).strftime("%Y%m%d%H%M%S"),
        extension="gz",
    )
