# mypy: ignore-errors
"""Calls Kombo's official Python client as it is told: a line of JSON in, a line of JSON out. Runs where `kombo` is."""

import asyncio
import inspect
import json
import re
import sys
from functools import cache

import kombo
from kombo import models


def methods():
    """The client's methods by operationId: (namespace, name), read off their own code."""
    found = {}
    client = kombo.Kombo(api_key="x")
    for namespace in ("general", "connect", "hris", "ats", "assessment"):
        name = None
        source = inspect.getsource(inspect.getmodule(type(getattr(client, namespace))))
        for match in re.finditer(r'\n    (?:async )?def (\w+)\(|operation_id="(\w+)"', source):
            name = match[1] or name
            if match[2] and not name.startswith("_") and not name.endswith("_async"):
                found[match[2]] = (namespace, name)
    return found


METHODS = methods()


@cache
def client_for(key, url, integration):
    """One client for each integration: making one takes longer than a call."""
    return kombo.Kombo(api_key=key, server_url=url, integration_id=integration)


def call(settings, line, runner):
    """One call; gives what came, in short."""
    client = client_for(settings["key"], settings["url"], line["integration"])
    namespace, name = METHODS[line["operation"]]
    method = getattr(getattr(client, namespace), name + ("_async" if line["async"] else ""))
    known = inspect.signature(method).parameters
    arguments = {key: value for key, value in line["values"].items() if key in known}
    if "body" in known and "body" not in arguments:
        arguments["body"] = {key: value for key, value in line["values"].items() if key not in known}
    if "integration_id" in known and "integration_id" not in line["values"]:
        arguments.pop("integration_id", None)
    return everything(runner.run(method(**arguments)) if line["async"] else method(**arguments), line)


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
    with asyncio.Runner() as runner:
        for text in sys.stdin:
            line = json.loads(text)
            try:
                result = event(line["event"]) if "event" in line else call(settings, line, runner)
            except Exception as error:
                code = getattr(getattr(getattr(error, "data", None), "error", None), "code", None)
                status = getattr(error, "status_code", None)
                result = {"error": type(error).__name__, "status": status, "code": code, "message": str(error)[:500]}
            answer(result)


if __name__ == "__main__":
    main()
