"""The original classes and functions of the standard library's `ssl`.

gevent, eventlet and truststore replace them, and methods of the original classes then look
up the replacements in the module.  tlsmith.ssl uses the originals in any import order.
"""

from __future__ import annotations

import _socket
import _ssl
import socket
import ssl
from types import CellType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def _found(classes: Iterable[type], module: Any, name: str) -> Any:
    """Find the class of this name that a module of the standard library defines."""
    for one in classes:
        if (one.__module__, one.__qualname__) == (module.__name__, name):
            functions = vars(one).values()
            # Skip the class of a second copy of the module.
            if any(getattr(at, "__globals__", None) is vars(module) for at in functions):
                return one
    raise ImportError(
        f"{module.__name__}.{name} of the standard library was not found: another "
        "library has removed it. Import tlsmith.ssl first"
    )


def _adapted(function: FunctionType, names: dict[str, Any], own: CellType) -> FunctionType:
    """Copy a method with other globals, for the class that the cell `own` will contain."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    closure = tuple(own if name == "__class__" else cell for name, cell in cells)
    adapted = FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, closure
    )
    adapted.__kwdefaults__ = function.__kwdefaults__
    adapted.__doc__, adapted.__qualname__ = function.__doc__, function.__qualname__
    adapted.__module__ = function.__module__
    return adapted


def _adapt(member: Any, names: dict[str, Any], own: CellType) -> Any:
    if isinstance(member, FunctionType):
        return _adapted(member, names, own)
    if isinstance(member, (classmethod, staticmethod)):
        return type(member)(_adapt(member.__func__, names, own))
    if isinstance(member, property):
        get, put, delete = (
            _adapt(part, names, own) for part in (member.fget, member.fset, member.fdel)
        )
        return property(get, put, delete, member.__doc__)
    return member


def _rebuilt(cls: Any, base: type) -> Any:
    """Copy a class, with methods that find the copy under the name of `cls`.  It derives from
    `base` instead of the bases of `cls`."""
    names, own = dict(vars(ssl)), CellType()
    leave = ("__dict__", "__weakref__")
    members = {
        name: _adapt(member, names, own) for name, member in vars(cls).items() if name not in leave
    }
    rebuilt = type(cls)(cls.__name__, (base,), members)
    # super() must continue with the bases of `cls`, not with the same methods.
    own.cell_contents = names[cls.__name__] = cls if base is cls else rebuilt
    return rebuilt


if TYPE_CHECKING:
    from ssl import SSLContext as SSLContext
    from ssl import SSLObject as SSLObject
    from ssl import SSLSocket as SSLSocket
else:
    _Socket = _found(_socket.socket.__subclasses__(), socket, "socket")
    SSLContext = _found(_ssl._SSLContext.__subclasses__(), ssl, "SSLContext")
    SSLObject, SSLSocket = SSLContext.sslobject_class, SSLContext.sslsocket_class
    # If gevent was imported before `ssl`, the class derives from gevent's socket.
    SSLSocket = _rebuilt(SSLSocket, SSLSocket if issubclass(SSLSocket, _Socket) else _Socket)


def with_context(name: str, context: Any, **others: Any) -> Any:
    """Return a function of `ssl` that creates contexts of this class.

    others  more globals of the function
    """
    function = getattr(ssl, name)
    names = {**vars(ssl), "SSLContext": context, **others}
    if getattr(function, "__globals__", None) is not vars(ssl):
        return _from_source(name, names)
    ours = FunctionType(function.__code__, names, name, function.__defaults__)
    ours.__kwdefaults__ = function.__kwdefaults__
    return ours


def _from_source(name: str, names: dict[str, Any]) -> Any:
    """Compile the original of a function of `ssl` that was replaced."""
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(ssl))
    tree.body = [
        part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name == name
    ]
    exec(compile(tree, ssl.__file__, "exec"), names)
    return names[name]
