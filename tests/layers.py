#!/usr/bin/env python3
"""Read the imports of the sources, and check that they go down.

python3 tests/layers.py           print each import that goes up, and each cycle
python3 tests/layers.py --draw    write docs/architecture.svg
"""

import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

LAYERS = ["base", "pki", "trust", "context", "connection"]
"""The folders of src/, the lowest first.  Each imports only those before it."""

PARTS = {
    "connection": [
        "reentrancy",
        "transport",
        "records",
        "engine",
        "negotiated",
        "io",
        "api",
    ],
}
"""The folders and files of a layer that has layers of its own, the lowest first."""

WITHOUT_CYCLES = ["bindings/c/src", "bindings/python/src", "python/tlsmith"]
"""Folders in which no file imports one that imports it, however indirectly."""


class Crate:
    """The modules of a Rust crate, by their paths: "trust::path" for src/trust/path.rs."""

    def __init__(self, folder):
        self.folder = ROOT / folder
        self.modules = {}
        for file in sorted(self.folder.rglob("*.rs")):
            parts = list(file.relative_to(self.folder).with_suffix("").parts)
            if parts[-1] in ("mod", "lib"):
                parts.pop()
            if "tests" not in parts:
                self.modules["::".join(parts)] = _code(file.read_text())
        self.exports = dict(self._exports())

    def _exports(self):
        """Yield the names that lib.rs exports, with the paths that they stand for."""
        for path in _paths(self.modules[""]):
            head, _, name = path.rpartition("::")
            if head:
                yield name, path

    def imports(self):
        """Yield a module, and one that it names."""
        for module, code in self.modules.items():
            for path in _paths(code):
                if module and (target := self._module(module, path)) not in (None, "", module):
                    yield module, target

    def _module(self, module, path):
        parts = path.split("::")
        if parts[0] == "crate":
            parts = parts[1:]
            if parts and parts[0] in self.exports and parts[0] not in self.modules:
                parts = self.exports[parts[0]].split("::")
        elif parts[0] == "super":
            base = module.split("::")
            while parts and parts[0] == "super":
                parts, base = parts[1:], base[:-1]
            parts = base + parts
        else:
            return None
        while parts and "::".join(parts) not in self.modules:
            parts.pop()
        return "::".join(parts)


def _code(text):
    """The code without comments, strings, and unit tests."""
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'"(?:\\.|[^"\\])*"', '""', text, flags=re.DOTALL)
    return re.sub(r"#\[cfg\(test\)\]\s*mod \w+ \{.*", "", text, flags=re.DOTALL)


def _paths(code):
    """Yield the paths that code names, `use a::{b, c}` taken apart."""
    statements = r"\buse\s+([^;]+);"
    for statement in re.findall(statements, code):
        yield from _expand(re.sub(r"\s+", "", re.sub(r"\bas\s+\w+", "", statement)))
    yield from re.findall(r"\b(?:crate|super)(?:::\w+)+", re.sub(statements, "", code))


def _expand(tree):
    head, brace, rest = tree.partition("{")
    if not brace:
        yield tree
        return
    depth, start = 0, 0
    rest = rest[: rest.rindex("}")]
    for at, character in enumerate(rest + ","):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            if part := rest[start:at]:
                yield from _expand(head + part)
            start = at + 1


def layer_of(module):
    return module.partition("::")[0]


def part_of(module):
    """The position of a module among the parts of its layer; the layer itself is below all."""
    layer, _, rest = module.partition("::")
    return PARTS[layer].index(layer_of(rest)) if rest and layer in PARTS else -1


def goes_up(module, target):
    layer, other = layer_of(module), layer_of(target)
    if layer != other:
        return LAYERS.index(layer) < LAYERS.index(other)
    # The file of the layer itself declares and exports its parts.
    return module != layer and part_of(module) < part_of(target)


def going_up():
    """Each import that goes up, as "a/b imports c/d"."""
    edges = set(Crate("src").imports())
    return sorted(
        f"{module} imports {target}" for module, target in edges if goes_up(module, target)
    )


def cycles(folder):
    """The files of a folder that import each other, as lists."""
    if folder.startswith("python/"):
        edges = _python_imports(ROOT / folder)
    else:
        # A folder of files is one module with its mod.rs.
        edges = {(layer_of(one), layer_of(other)) for one, other in Crate(folder).imports()}
    graph = {}
    for one, other in edges:
        if one != other:
            graph.setdefault(one, set()).add(other)
    return _strongly_connected(graph)


def _python_imports(folder):
    """Imports between the modules of a package that run when it is imported."""
    names = {
        ".".join(file.relative_to(folder).with_suffix("").parts): file
        for file in folder.rglob("*.py")
    }
    for name, file in names.items():
        package = name.split(".")[:-1]
        for node in ast.parse(file.read_text()).body:
            if not isinstance(node, ast.ImportFrom) or node.level == 0:
                continue
            base = package[: len(package) - node.level + 1]
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                for target in (base + [alias.name], base):
                    if ".".join(target) in names:
                        yield name, ".".join(target)
                        break


def _strongly_connected(graph):
    """The sets of more than one node that reach each other (Kosaraju's algorithm)."""
    order, seen = [], set()

    def visit(node, edges, out):
        stack = [(node, iter(sorted(edges.get(node, ()))))]
        seen.add(node)
        while stack:
            current, targets = stack[-1]
            following = next((target for target in targets if target not in seen), None)
            if following is None:
                out.append(current)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(sorted(edges.get(following, ())))))

    for node in sorted(graph):
        if node not in seen:
            visit(node, graph, order)
    reverse = {}
    for node, targets in graph.items():
        for target in targets:
            reverse.setdefault(target, set()).add(node)
    seen.clear()
    found = []
    for node in reversed(order):
        if node not in seen:
            component = []
            visit(node, reverse, component)
            if len(component) > 1:
                found.append(sorted(component))
    return found


ABOUT_PARTS = {
    "api": "Connection: handshake, read, write, close",
    "io": "engine to transport; deadlines, budgets",
    "negotiated": "what is known after the handshake",
    "engine": "sans-I/O: rustls, then records",
    "records": "our record layer",
    "transport": "sockets, pipes, memory, TCP",
    "reentrancy": "calls in callbacks and signal handlers",
}

ABOUT = {
    "bindings": "C (tlsmith.h) and Python (tlsmith._tlsmith)",
    "connection": "each part imports only the parts below it",
    "context": "settings, sessions, ClientHello",
    "trust": "verification of certificate chains",
    "pki": "certificates, keys, requests, CRLs, files",
    "base": "errors, limits, cryptography provider, text, fork",
}


def draw():
    """The layers of src/ and the imports between them, as SVG."""
    pairs = {(layer_of(one), layer_of(other)) for one, other in Crate("src").imports()}
    pairs.add(("bindings", "connection"))
    width, gap = 400, 40
    layers, top, bottom, end = list(ABOUT), {}, {}, 20
    for layer in layers:
        top[layer] = end
        bottom[layer] = end + 64 + 26 * len(PARTS.get(layer, []))
        end = bottom[layer] + gap
    lines = []
    for one, other in sorted(pairs):
        distance = layers.index(other) - layers.index(one)
        if distance == 1:
            lines.append(f'<path d="M380 {bottom[one]} V{top[other] - 6}"/>')
        elif distance > 1:
            left = 180 - 30 * (distance - 1) - 6 * layers.index(one)
            start, end = bottom[one] - 18, top[other] + 18
            lines.append(f'<path d="M180 {start} H{left} V{end} H174"/>')
    boxes = [
        f'<rect x="180" y="{top[layer]}" width="{width}" height="{bottom[layer] - top[layer]}"'
        ' rx="6"/>'
        f'<text x="200" y="{top[layer] + 27}" class="name">{layer}</text>'
        f'<text x="200" y="{top[layer] + 49}">{ABOUT[layer]}</text>'
        for layer in layers
    ]
    for layer, parts in PARTS.items():
        for index, part in enumerate(reversed(parts)):
            y = top[layer] + 60 + 26 * index
            boxes.append(
                f'<rect x="196" y="{y}" width="{width - 32}" height="22" rx="3" class="part"/>'
                f'<text x="204" y="{y + 16}" class="part">{part}</text>'
                f'<text x="290" y="{y + 16}" class="about">{ABOUT_PARTS[part]}</text>'
            )
    total = bottom["base"] + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 {total}" role="img" '
        'aria-label="The layers of tlsmith and the imports between them">\n'
        "<style>rect{fill:#eef3f8;stroke:#47627d}text{font:14px sans-serif;fill:#1c2733}"
        ".name{font-weight:bold;font-size:17px}path{fill:none;stroke:#47627d;marker-end:url(#a)}"
        "rect.part{fill:#fff}text.part{font-weight:bold;font-size:13px}text.about{font-size:12px}"
        "@media(prefers-color-scheme:dark){rect{fill:#1c2733;stroke:#8fb0cf}"
        "rect.part{fill:#263442}"
        "text{fill:#e8eef4}path{stroke:#8fb0cf}}</style>\n"
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" style="fill:#47627d;stroke:none"/>'
        "</marker></defs>\n" + "\n".join(lines + boxes) + "\n</svg>\n"
    )


def main():
    if "--draw" in sys.argv:
        (ROOT / "docs" / "architecture.svg").write_text(draw())
        return
    faults = [f"src: {fault}" for fault in going_up()]
    for folder in WITHOUT_CYCLES:
        faults += [f"{folder}: {', '.join(files)} import each other" for files in cycles(folder)]
    print("\n".join(faults) or "Every import goes down.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
