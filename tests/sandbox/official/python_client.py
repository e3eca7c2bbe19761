# mypy: ignore-errors
"""Calls Kombo's official Python client as it is told: a line of JSON in, a line of JSON out. Runs where `kombo` is."""

import asyncio
import inspect
import json
import re
import sys

import kombo
from kombo import models


def methods():
    """The client's methods by operationId: (namespace, name), read off their own code."""
    found = {}
    client = kombo.Kombo(api_key="x")
    for namespace in ("general", "connect", "hris", "ats", "assessment"):
        for name, method in inspect.getmembers(getattr(client, namespace), inspect.ismethod):
            match = None if name.startswith("_") else re.search(r'operation_id="(\w+)"', inspect.getsource(method))
            if match and not name.endswith("_async"):
                found[match[1]] = (namespace, name)
    return found


METHODS = methods()


def call(settings, line):
    """One call; gives what came, in short."""
    client = kombo.Kombo(api_key=settings["key"], server_url=settings["url"], integration_id=line["integration"])
    namespace, name = METHODS[line["operation"]]
    method = getattr(getattr(client, namespace), name + ("_async" if line["async"] else ""))
    known = inspect.signature(method).parameters
    arguments = {key: value for key, value in line["values"].items() if key in known}
    if "body" in known and "body" not in arguments:
        arguments["body"] = {key: value for key, value in line["values"].items() if key not in known}
    if "integration_id" in known and "integration_id" not in line["values"]:
        arguments.pop("integration_id", None)
    return everything(asyncio.run(method(**arguments)) if line["async"] else method(**arguments), line)


def everything(answer, line):
    """The IDs on all pages, where there are pages."""
    seen = []
    while answer is not None:
        result = getattr(answer, "result", answer)
        results = getattr(getattr(result, "data", None), "results", None) or []
        seen += [each.id for each in results if hasattr(each, "id")]
        following = getattr(answer, "next", None)
        if not line.get("pages") or not callable(following):
            break
        answer = following()
    return {"type": type(answer).__name__, "ids": seen}


def event(plain):
    """An event, read into the client's own model of it."""
    name = "".join(part.title() for part in re.split(r"[:-]", plain["type"])) + "WebhookPayload"
    model = getattr(models, name, None)
    if model is None:
        return {"missing": name}
    model.model_validate(plain)
    return {"type": name}


def answer(result):
    """Write a line."""
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def main():
    settings = json.loads(sys.stdin.readline())
    answer(sorted(METHODS))
    for text in sys.stdin:
        line = json.loads(text)
        try:
            result = event(line["event"]) if "event" in line else call(settings, line)
        except Exception as error:
            code = getattr(getattr(getattr(error, "data", None), "error", None), "code", None)
            status = getattr(error, "status_code", None)
            result = {"error": type(error).__name__, "status": status, "code": code, "message": str(error)[:500]}
        answer(result)


if __name__ == "__main__":
    main()
