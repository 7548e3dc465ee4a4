"""The imports of the sources go down, and the picture of them is that of the sources."""

import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def layers():
    spec = importlib.util.spec_from_file_location("layers", ROOT / "tests" / "layers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_layer_imports_one_above_it(layers):
    assert layers.going_up() == []


def test_files_of_the_bindings_do_not_import_each_other(layers):
    assert {folder: layers.cycles(folder) for folder in layers.WITHOUT_CYCLES} == {
        folder: [] for folder in layers.WITHOUT_CYCLES
    }


def test_imports_that_go_up_and_cycles_are_found(layers, tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "ROOT", tmp_path)
    files = {
        "src/lib.rs": "mod base;\nmod pki;\npub use pki::Key;\n",
        "src/base/mod.rs": "mod error;\n",
        "src/base/error.rs": "use crate::{Key, fmt};\n// use crate::pki::Name;\n",
        "src/pki/mod.rs": "pub use key::Key;\nmod key;\n",
        "src/pki/key.rs": "use crate::base::{self, error::Error};\n",
        "src/connection/mod.rs": "mod engine;\nmod records;\npub use engine::Engine;\n",
        "src/connection/engine/mod.rs": "use super::records::Records;\n",
        "src/connection/records/mod.rs": "use crate::connection::engine::Engine;\n",
        "other/one.rs": "use crate::two::{Two, Three as Other};\n",
        "other/two.rs": "fn f() { crate::one::g() }\n",
        "other/three.rs": "use crate::one::One;\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "other" / "lib.rs").write_text("")
    assert layers.going_up() == [
        "base::error imports pki",
        "connection::records imports connection::engine",
    ]
    assert layers.cycles("other") == [["one", "two"]]


def test_architecture_picture_matches_the_imports(layers):
    drawn = (ROOT / "docs" / "architecture.svg").read_text()
    assert drawn == layers.draw(), "run: python3 tests/layers.py --draw"
