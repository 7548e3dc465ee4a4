"""docs/parity.md: every setting and every fact, by its name in C, Rust and Python."""

import inspect
import pathlib
import re

import pytest

import tlsmith

ROOT = pathlib.Path(__file__).parents[2]
LANGUAGES = ("C", "Rust", "Python")
RUST_TYPES = (
    "Agreed",
    "CertOptions",
    "Certificate",
    "ClientHello",
    "Connection",
    "ConnectionOptions",
    "Context",
    "RevocationRules",
    "Selection",
    "Session",
)
# What takes arguments that are settings.  The methods of a group take the same.
PYTHON_CALLS = {
    "Client": [tlsmith.Client],
    "Server": [tlsmith.Server],
    "CA": [tlsmith.CA],
    "Selection": [tlsmith.Selection],
    "Client.connect": [tlsmith.Client.connect, tlsmith.Client.wrap, tlsmith.Client.buffer],
    "Server.wrap": [tlsmith.Server.wrap, tlsmith.Server.buffer],
    "Server.listen": [tlsmith.Server.listen],
    "Listener.accept": [tlsmith.Listener.accept],
    "CA.issue": [tlsmith.CA.issue, tlsmith.CA.issue_client, tlsmith.CSR],
    "CA.sign": [tlsmith.CA.sign],
    "CA.intermediate": [tlsmith.CA.intermediate],
    "Trust.verify": [tlsmith.Trust.verify],
    "Trust.with_crls": [tlsmith.Trust.with_crls],
}
PYTHON_FACTS = ("Socket", "Connection", "Session", "ClientHello", "Info", "Certificate", "Trust")


def rows():
    """The names in each column, and the note, of every row of every table."""
    found = []
    for line in (ROOT / "docs/parity.md").read_text().splitlines():
        if line.startswith("|") and not re.match(r"\|( C |---)", line):
            *cells, note = (cell.strip() for cell in line.strip("|").split("|"))
            assert len(cells) == 3, line
            found.append(([re.findall(r"`([^`]+)`", cell) for cell in cells], note, line))
    assert len(found) > 100
    return found


def named(language):
    column = LANGUAGES.index(language)
    return {name for cells, _, _ in rows() for name in cells[column]}


# What there is.


def in_c():
    """The functions of the header, and the fields of the options of certificates.  Those
    of identities, requests and CRLs are not settings or facts of connections."""
    header = (ROOT / "include/tlsmith.h").read_text()
    functions = set(re.findall(r"\b(tlsmith_\w+)\(", re.sub(r"(?m)^ ?\*.*|///.*", "", header)))
    fields = re.search(r"typedef struct[^{}]*\{([^{}]*)\} tlsmith_cert_options;", header)[1]
    names = set(re.findall(r"(\w+);(?:  ///<.*)?$", fields, re.M)) - {"size", "reserved"}
    return functions | {f"tlsmith_cert_options.{name}" for name in names}


def in_rust():
    """The public functions and fields of types, from the sources."""
    found = set()
    for path in sorted((ROOT / "src").rglob("*.rs")):
        kind = None
        for line in path.read_text().splitlines():
            if begin := re.match(r"(impl|pub struct) (\w+) \{$", line):
                kind = begin[2]
                pattern = {
                    "impl": r"    pub (?:const )?fn (\w+)",
                    "pub struct": r"    pub (\w+):",
                }[begin[1]]
            elif line.startswith("}"):
                kind = None
            elif kind and (item := re.match(pattern, line)):
                found.add(f"{kind}::{item[1]}")
    return found


def parameters(calls):
    names = [name for call in calls for name in inspect.signature(call).parameters]
    return [name for name in names if name != "self"]


def in_python(name):
    """Whether there is something of this name."""
    path, _, argument = name.rstrip(")").partition("(")
    value = tlsmith
    for part in path.split("."):
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return not argument or argument in parameters(PYTHON_CALLS.get(path, [value]))


def is_c_fact(name):
    return re.match(r"tlsmith_(ctx|conn|session|hello|cert)_", name)


# What is compared.


def test_every_extension_name_is_in_the_text():
    missing = {
        "C": {name for name in in_c() if is_c_fact(name)} - named("C"),
        "Rust": {name for name in in_rust() if name.split("::")[0] in RUST_TYPES} - named("Rust"),
    }
    python = named("Python")
    missing["Python"] = {
        f"{call}({name})"
        for call, alike in PYTHON_CALLS.items()
        for name in parameters(alike)
        if f"{call}({name})" not in python
        and not any(f"{one.__qualname__}({name})" in python for one in alike)
    }
    for kind in PYTHON_FACTS:
        names = {name for name in dir(getattr(tlsmith, kind)) if not name.startswith("_")}
        other = {"Connection": "Socket"}.get(kind, kind)
        missing["Python"] |= {
            f"{kind}.{name}"
            for name in names - {"count", "index", "facts"}
            if not {f"{kind}.{name}", f"{other}.{name}"} & python
        }
    for language, names in missing.items():
        assert not names, f"docs/parity.md lacks these of {language}: {sorted(names)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_in_parity_exists(language):
    exists = {
        "C": in_c().__contains__,
        "Rust": in_rust().__contains__,
        "Python": in_python,
    }[language]
    gone = sorted(name for name in named(language) if not exists(name))
    assert not gone, f"docs/parity.md names these of {language}, which are not there: {gone}"


def test_parity_gap_has_a_reason():
    for cells, note, line in rows():
        assert any(cells), line
        assert all(cells) or note, f"no name and no reason: {line}"


def test_nothing_is_on_the_page_twice():
    for column, language in enumerate(LANGUAGES):
        names = [name for cells, _, _ in rows() for name in cells[column]]
        twice = {name for name in names if names.count(name) > 1} - {"Socket.select"}
        assert not twice, f"{language}: {twice}"
