"""The rules of a definition that are written in CEL (`x-kubernetes-validations`), as the API server asks them."""

from dataclasses import dataclass, field

import celpy

# Rules, as they are written, with functions that only the API server has. Put one here when you have held the chart's
# objects against it yourself: any other that cannot be read is a failure. None is needed at present.
KNOWN_UNREADABLE: frozenset[str] = frozenset()


@dataclass
class Verdict:
    broken: list[str] = field(default_factory=list)
    asked: int = 0
    unread: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)


def check(schema: dict, one: dict) -> Verdict:
    """Asks every rule of the places that an object has, defaults filled in."""
    verdict = Verdict()
    walk(schema, filled(schema, one), "$", verdict)
    return verdict


def filled(schema: dict, value: object) -> object:
    """The value with the defaults of its schema, which the API server writes before it asks."""
    if isinstance(value, list):
        return [filled(schema.get("items", {}), one) for one in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    with_defaults = {name: part["default"] for name, part in known.items() if "default" in part} | value
    others = schema.get("additionalProperties")
    spare = others if isinstance(others, dict) else {}
    return {name: filled(known.get(name, spare), one) for name, one in with_defaults.items()}


def walk(schema: dict, value: object, place: str, verdict: Verdict) -> None:
    for rule in schema.get("x-kubernetes-validations", []):
        if "oldSelf" not in rule["rule"]:  # what a change may do; these objects are new
            ask(rule, value, place, verdict)
    if isinstance(value, list):
        for number, one in enumerate(value):
            walk(schema.get("items", {}), one, f"{place}[{number}]", verdict)
    elif isinstance(value, dict):
        for name, one in value.items():
            walk(schema.get("properties", {}).get(name, {}), one, f"{place}.{name}", verdict)


def ask(rule: dict, value: object, place: str, verdict: Verdict) -> None:
    environment = celpy.Environment()
    try:
        program = environment.program(environment.compile(rule["rule"]))
        holds = bool(program.evaluate({"self": celpy.json_to_cel(value)}))
    except (celpy.CELParseError, celpy.CELEvalError) as error:
        found = verdict.skipped if rule["rule"] in KNOWN_UNREADABLE else verdict.unread
        found.add(f"{place}: {rule['rule']} ({str(error.args[0])[:60]})")
        return
    verdict.asked += 1
    if not holds:
        verdict.broken.append(f"{place}: {rule.get('message', rule['rule'])}")
