#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""validate.py [--closed] SCHEMA-FILE [FILE]: does the JSON file (or standard input) satisfy the schema?

Prints what is wrong, a line each, and exits with 1 then. References of the schema are files beside it.
--closed: properties that the schema does not name are wrong, too; the specification allows them, but what
husk writes by a wrong name would pass without notice.
"""
import json
import pathlib
import sys
import warnings

# Newer versions of the library have another way to say this, which Debian 12's does not know.
warnings.simplefilter("ignore", DeprecationWarning)
import jsonschema  # noqa: E402


def closed(validator):
    """The validator, but objects may have named properties only."""
    check = validator.VALIDATORS["properties"]

    def properties(v, named, instance, schema):
        yield from check(v, named, instance, schema)
        if isinstance(instance, dict) and not {"additionalProperties", "patternProperties"} & schema.keys():
            for name in sorted(instance.keys() - named.keys()):
                yield jsonschema.ValidationError(f"{name!r} is no property of the schema")

    return jsonschema.validators.extend(validator, {"properties": properties})


def main(args):
    validator = jsonschema.Draft4Validator
    if args[0] == "--closed":
        args, validator = args[1:], closed(validator)
    path = pathlib.Path(args[0]).resolve()
    schema = json.loads(path.read_text())
    try:
        document = json.loads(pathlib.Path(args[1]).read_text() if args[1:] else sys.stdin.read())
    except ValueError as e:
        print(f"not JSON: {e}")
        return 1
    jsonschema.Draft4Validator.check_schema(schema)
    resolver = jsonschema.RefResolver(path.as_uri(), schema)
    errors = list(validator(schema, resolver=resolver).iter_errors(document))
    for e in errors:
        print(f"{'.'.join(map(str, e.absolute_path)) or 'the document'}: {e.message}")
    return 1 if errors else 0


sys.exit(main(sys.argv[1:]))
