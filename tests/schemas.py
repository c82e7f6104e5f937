"""Documents of ulite against its schemas (docs/schema)."""
import functools
import json
import os

from skipping import needed_modules

with needed_modules():
    import jsonschema

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "docs", "schema")
ENDING = ".schema.json"


def names():
    return sorted(name.removesuffix(ENDING) for name in os.listdir(FOLDER))


@functools.lru_cache
def validator(name):
    """That of docs/schema/NAME.schema.json; schemas name one another by their files."""
    with open(f"{FOLDER}/{name}{ENDING}", encoding="utf-8") as stream:
        schema = json.load(stream)
    jsonschema.Draft202012Validator.check_schema(schema)
    resolver = jsonschema.RefResolver(f"file://{os.path.realpath(FOLDER)}/{name}{ENDING}", schema)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def check(name, document):
    """The document is one of the schema."""
    errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
              for error in validator(name).iter_errors(document)]
    assert not errors, (name, errors, document)
