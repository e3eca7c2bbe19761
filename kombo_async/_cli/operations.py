"""`kombo-async operations`: list the operations, or the fields of one."""

from __future__ import annotations

import inspect
from typing import Any

import click

from kombo_async._cli.columns import fields_of, takes_files
from kombo_async._cli.console import echo
from kombo_async._cli.fields import required_below
from kombo_async._cli.operation import NAMESPACES, operation_names, request_class
from kombo_async._codec.strict import MISSING
from kombo_async.errors import InvalidInput
from kombo_async.operations import REQUESTS
from kombo_async.request import Request


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List the operations; with NAME, the fields of one, as --map, --set and --filter take them.

    NAME may also be a namespace, such as ats.
    """
    if name is None or name in NAMESPACES:
        _list(as_json, name)
    else:
        _describe(name, as_json)


def _list(as_json: bool, namespace: str | None) -> None:
    names = {name: known for name, known in operation_names().items() if namespace in (None, name.partition(".")[0])}
    if as_json:
        echo({name: _summary(REQUESTS[kombo_id]) for name, kombo_id in names.items()})
        return
    width = max(map(len, names))
    for name, kombo_id in names.items():
        echo(f"{name:<{width}}  {_summary(REQUESTS[kombo_id])}")


def _summary(request: type[Request[Any]]) -> str:
    return (inspect.getdoc(request) or "").split("\n")[0]


def _describe(name: str, as_json: bool) -> None:
    request = request_class(name)
    required = set(_required(request))
    fields = [
        {"field": path, "takes": kind, "required": path in required}
        for path, kind in sorted(fields_of(request).items())
    ]
    fields.sort(key=lambda each: not each["required"])
    if takes_files(request):
        fields += [{"field": kind, "takes": "file path", "required": False} for kind in ("CV", "COVER_LETTER", "OTHER")]
    if as_json:
        echo({"operation": request.operation.id, "method": request.operation.method, "fields": fields})
        return
    echo(f"{request.operation.method} {request.operation.path}: {_summary(request)}")
    width = max((len(str(each["field"])) for each in fields), default=0)
    for each in fields:
        echo(f"  {each['field']:<{width}}  {each['takes']}{', required' if each['required'] else ''}")


def _required(request: type[Request[Any]]) -> list[str]:
    try:
        request.from_dict({})
    except InvalidInput as error:
        missing = [fault.path for fault in error.faults if fault.message == MISSING]
        return [leaf for path in missing for leaf in required_below(request, path)]
    return []
