"""The spec's table, example and schema in docs/ say what the code does."""

import json
import re
import tomllib
import typing
from pathlib import Path

from search.spec import Spec, read_spec, space_of, spec_schema
from search.spec_values import Section
from search.wording import shown

DOCS = Path(__file__).parents[2] / "docs"


def keys_of(section: type[Section], prefix: str = ""):
    """Every path of the model with its default, entries of a space under ``*``."""
    for name, field in section.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = list(sections_in(field.annotation))
        if not inner or path in ("model.space", "model.resample_ratio"):
            yield path, "required" if field.is_required() else field.default
        if path == "model.resample_ratio":  # written as an entry of the space, and told there
            continue
        for each in inner:
            yield from keys_of(each, f"{path}.*." if path == "model.space" else f"{path}.")


def sections_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from sections_in(inner)


def default_cell(default):
    return default if default == "required" else "none" if default is None else shown(default)


def test_the_docs_have_every_key_with_its_default():
    """The table of docs/spec.md and the model have the same keys and the same defaults."""
    rows = re.findall(
        r"^\| `([\w.*]+)` \|[^|]*\| ([^|]*) \|", DOCS.joinpath("spec.md").read_text(), re.M
    )
    expected = {path: default_cell(default) for path, default in keys_of(Spec)}
    expected["model.space.*.step"] = "1 for int, none for float"
    assert dict(rows) == expected
    assert len(rows) == len(expected)


def test_the_example_of_the_docs_is_a_valid_spec(tmp_path):
    """The full example runs through the check, and names every section."""
    [example] = re.findall(r"```toml\n(.*?)```", DOCS.joinpath("spec.md").read_text(), re.S)
    (tmp_path / "example.toml").write_text(example)
    spec = read_spec(tmp_path / "example.toml")
    assert set(tomllib.loads(example)) == set(Spec.model_fields)
    assert space_of(spec).cardinality() is None


def test_the_published_schema_is_the_models():
    """docs/spec.schema.json is what write_schema writes; rewrite it when a key changes."""
    assert json.loads(DOCS.joinpath("spec.schema.json").read_text()) == spec_schema()
