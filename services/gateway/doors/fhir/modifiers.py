"""Elements that may turn a statement round: FHIR R4's isModifier, and what becomes of each.

Whoever reads a resource must understand its modifier elements, or not read it (R4, 2.1.0.12 and
2.4.1). `modifiers.toml` has a column for every one of the resources and data types that are read. What
is `refused` is looked for here, at any depth; what is `noted` is told to the sender here; what is
`understood` is read where the resource is.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

from services.gateway.doors.fhir.reader import Reader

MODIFIERS_FILE: Final = Path(__file__).with_name("modifiers.toml")

Column = Literal["understood", "noted", "refused", "unread"]

_REFUSED: Final = ("implicitRules", "modifierExtension")
_NOTED_VALUES: Final = (None, False)


@cache
def columns() -> Mapping[Column, Mapping[str, str]]:
    """Return what becomes of each modifier element, by column and path, with the reason."""
    return cast("Mapping[Column, Mapping[str, str]]", tomllib.loads(MODIFIERS_FILE.read_text()))


def read_modifiers(resource: Mapping[str, Any], reader: Reader) -> None:
    """Refuse what is not understood in a resource, and note what is passed over."""
    for path, says, mend in refusals(resource):
        reader.problem("not-supported", path, says, mend)
    for name, why in _noted(reader.type).items():
        for given in resource.keys() & {name, *_choices(name, resource)}:
            if resource[given] not in _NOTED_VALUES:
                reader.remark(f"{reader.type}.{given} is not acted on: {why}", given, "warning")


def refusals(value: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield path, what is wrong and how to mend it, of each element that nobody here may read past."""
    if not _is_suspect(value):
        return
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, part = stack.pop()
        if type(part) is dict:
            for name, each in part.items():
                if name in _REFUSED and each:
                    yield f"{path}.{name}".lstrip("."), *_refused(name, each)
                elif name == "identifier" and type(each) is dict and each.get("use") == "old":
                    yield f"{path}.identifier.use".lstrip("."), *_OLD
                elif type(each) in _NESTED:
                    stack.append((f"{path}.{name}".lstrip("."), each))
        else:
            for number, each in enumerate(part):
                if type(each) in _NESTED:
                    stack.append((f"{path}[{number}]", each))


def _is_suspect(value: Any) -> bool:
    """Whether something in a resource may have to be refused, found in a third of the time."""
    if type(value) is dict:
        if "modifierExtension" in value or "implicitRules" in value:
            return True
        identifier = value.get("identifier")
        if type(identifier) is dict and "use" in identifier:
            return True
        value = value.values()
    for each in value:  # noqa: SIM110  as a generator it takes twice as long
        if type(each) in _NESTED and _is_suspect(each):
            return True
    return False


_NESTED: Final = {dict, list}
_OLD: Final = (
    "The identifier is out of use (use = old)",
    "Refer to the one that is in use now.",
)


def _refused(name: str, value: Any) -> tuple[str, str]:
    if name == "implicitRules":
        says = f"The resource was written under rules of its own ({str(value)[:80]!r})"
        return says, "Send it as FHIR R4 alone reads it, without implicitRules."
    extensions = value if isinstance(value, list) else [value]
    urls = [str(each.get("url"))[:80] for each in extensions if isinstance(each, dict)]
    says = f"A modifierExtension changes what this says, and is not known here: {', '.join(urls)}"
    return says, "Send it without, if it is true without it; else it cannot be taken."


@cache
def _noted(kind: str) -> Mapping[str, str]:
    paths = columns()["noted"]
    own = {path: why for path, why in paths.items() if path.partition(".")[0] == kind}
    return {path.partition(".")[2]: why for path, why in own.items()}


def _choices(name: str, resource: Mapping[str, Any]) -> list[str]:
    """Return the elements of a choice such as `deceased[x]`."""
    stem = name.removesuffix("[x]")
    if stem == name:
        return []
    return [given for given in resource if given.startswith(stem) and given != stem]
