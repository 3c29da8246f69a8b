"""`OMIT`: leave a field of an update request out, so that the stored value stays. `None` clears it."""

from __future__ import annotations


class OmitType:
    """The type of `OMIT`. Test with `isinstance(value, OmitType)`: a copy is not the same object."""

    def __repr__(self) -> str:
        return "OMIT"


OMIT = OmitType()
