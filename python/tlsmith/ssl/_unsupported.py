"""Members that newer versions of Python add to `ssl` raise NotImplementedError.

An inherited method or attribute would change OpenSSL's object, which makes no connection
here: the setting would be stored and have no effect.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

INHERITED = frozenset(
    {
        "_encode_hostname",
        "_load_windows_store_certs",
        "_windows_cert_stores",
        "load_default_certs",
        "set_alpn_protocols",
        "set_npn_protocols",
        "set_servername_callback",
        "wrap_bio",
        "wrap_socket",
    }
)
"""The Python methods of ssl.SSLContext that only call methods defined here."""


def refuse_unknown(
    ours: type, theirs: type, name: str, known: Iterable[str] = frozenset()
) -> list[str]:
    """Define a member in `ours` that raises NotImplementedError for each member of `theirs`
    that it does not define, and return their names.

    name   the public name of the class, for the error
    known  more supported members: attributes of instances, inherited methods
    """
    own = [cls for cls in ours.__mro__ if cls is not object and cls not in theirs.__mro__]
    known = {member for cls in own for member in vars(cls)} | set(known)
    refused = []
    for cls in theirs.__mro__[:-1]:
        for member, value in vars(cls).items():
            if member in known or (member.startswith("__") and member.endswith("__")):
                continue
            known.add(member)
            refused.append(member)
            setattr(ours, member, _refusal(f"{name}.{member}", member, value))
    return refused


def _refusal(full_name: str, member: str, value: Any) -> Any:
    sentence = (
        f"{full_name} is not supported: this version of tlsmith.ssl does not know it, so it "
        "would have no effect on connections. Leave it out, or upgrade tlsmith"
    )

    def refuse(*_arguments: object, **_options: object) -> Any:
        raise NotImplementedError(sentence)

    refuse.__name__, refuse.__doc__ = member, f"Raises NotImplementedError: {sentence}."
    kind = type(value)
    if callable(value) or isinstance(value, (staticmethod, classmethod)):
        return refuse
    if hasattr(kind, "__get__"):
        return property(refuse, refuse, refuse, refuse.__doc__)
    # A constant of the class can be read, but not changed for an instance.
    return property(lambda _self: value, refuse, refuse, refuse.__doc__)
