"""What all facts share."""

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all facts share: the tag, by which the log knows them."""

    type: ClassVar[str]
