"""What the schema says about values beyond their types: formats, lengths, bounds, enums.

Generated classes have only types; the rest of Kombo's schema is here. A test compares it with the OpenAPI file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, TypeAlias, cast, get_args

from kombo_async._codec.structure import field_types, is_list, is_literal, is_model, is_union, members
from kombo_async.model import UNSET, Model, TaggedUnion
from kombo_async.sandbox._state.clock import parse
from kombo_async.sandbox._state.refusals import InputInvalid

Rule: TypeAlias = Callable[[Any], str | None]
"""Returns what a value must be, if it is not."""


def _matches(pattern: str, must: str) -> Rule:
    compiled = re.compile(pattern)
    return lambda value: None if compiled.search(value) else must


def _between(lowest: float, highest: float) -> Rule:
    return lambda value: None if lowest <= value <= highest else f"must be from {lowest} to {highest}"


def _at_least(lowest: float) -> Rule:
    return lambda value: None if value >= lowest else f"must be at least {lowest}"


def _at_most_long(length: int, rule: Rule | None = None) -> Rule:
    def check_length(value: str) -> str | None:
        return f"must have at most {length} characters" if len(value) > length else rule(value) if rule else None

    return check_length


def _not_empty(value: Any) -> str | None:
    return None if value else "must not be empty"


def _time(value: Any) -> str | None:
    if isinstance(value, str):
        try:
            parse(value)
        except ValueError:
            return "must be a valid date or time"
    return None


_EMAIL = _matches(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "must be an e-mail address")
_COUNTRY = _matches(r"^[A-Z]{2}$", "must be a country's two-letter code, such as DE")
_URL = _matches(r"^[A-Za-z][A-Za-z\d+.-]*:[^\s]*$", "must be a URL")
_TIME_OF_DAY = _matches(r"^(?:2[0-3]|[01]?\d):[0-5]?\d(:[0-5]?\d)?$", "must be a time of day, such as 08:30")
_MIME_TYPE = _matches(r"^[\w.-]+\/[\w.-]+$", "must be a MIME type, such as application/pdf")
_PHONE = _matches(r"([\d+])[\d ()/-]+", "must be a phone number")
_LANGUAGE = _matches(r"^[a-z]{2,3}(-[A-Z]{2})?$", "must be languages, such as en or de-AT")

# By class and field, as in Kombo's OpenAPI document.
RULES: Mapping[str, Rule] = {
    "AddApplicationResultLink.url": _URL,
    "AddAvionteSyncedJob.job_remote_id": _matches(r"^\d+$", "must be a number"),
    "AddCandidateResultLink.url": _URL,
    "AddressInput.country": _COUNTRY,
    "AttachmentInput.content_type": _MIME_TYPE,
    "AttachmentInput.data_url": _URL,
    "BulkJobPosting.url": _URL,
    "CandidateInput.email_address": _EMAIL,
    "CompleteCourse.score": _between(0, 100),
    "CreateAbsence.amount": _at_least(0),
    "CreateAbsence.end_time": _TIME_OF_DAY,
    "CreateAbsence.start_time": _TIME_OF_DAY,
    "CreateConnectionLink.end_user_email": _EMAIL,
    "CreateConnectionLink.end_user_organization_name": _not_empty,
    "CreateConnectionLink.end_user_origin_id": _not_empty,
    "CreateDatevEauRequest.start_work_incapacity": _matches(r"^\d{4}-\d{2}-\d{2}$", "must be a date"),
    "CreateEmployee.nationality": _COUNTRY,
    "CreateEmployee.work_email": _EMAIL,
    "CreateInterview.end_time": _time,
    "CreateInterview.start_time": _time,
    "CreateJobFeed.label": _not_empty,
    "DatevCompensation.lohnart": _between(1, 9999),
    "DatevEauContactInput.city": _at_most_long(34),
    "DatevEauContactInput.company_name": _at_most_long(90),
    "DatevEauContactInput.email": _at_most_long(70, _EMAIL),
    "DatevEauContactInput.fax": _at_most_long(20, _PHONE),
    "DatevEauContactInput.house_number": _at_most_long(9),
    "DatevEauContactInput.name": _at_most_long(30),
    "DatevEauContactInput.postal_code": _at_most_long(10),
    "DatevEauContactInput.street": _at_most_long(33),
    "DatevEauContactInput.telephone": _at_most_long(20, _PHONE),
    "DatevEauNotification.email": _EMAIL,
    "EmailAddressInput.email_address": _EMAIL,
    "ExternalCourse.duration": lambda value: None if value > 0 else "must be more than 0",
    "ExternalCourse.languages": lambda value: next(filter(None, map(_LANGUAGE, value)), None),
    "FileInput.content_type": _MIME_TYPE,
    "FileInput.data_url": _URL,
    "GetCandidates.email": _EMAIL,
    "LocationInput.country": _COUNTRY,
    "ParseJobPosting.url": _matches(r"^https?:\/\/", "must be an http or https URL"),
    "ProvisionedUser.email": _EMAIL,
    "Score.max": _at_least(1),
    "SocialLinkInput.url": _URL,
    "SubmitJobApplication.additional_clicks": _between(0, 30),
    "SubmitJobApplication.additional_clicks_scatter_duration": _at_least(1),
    "SubmitJobApplication.candidate_email": _EMAIL,
    "TagInput.name": _not_empty,
    "UpdateEmployee.nationality": _COUNTRY,
    "UpdateEmployee.work_email": _EMAIL,
    "UpdateInterview.end_time": _time,
    "UpdateInterview.start_time": _time,
    "UpdateOrderResult.attachments": lambda value: "must have at most 5 items" if len(value) > 5 else None,
    "UpdateOrderResult.result_url": _URL,
    "WriteDatevFile.file_content": _not_empty,
    "ZohoPeopleEmployeeFields.employee_id": _not_empty,
}


def check(request: Model) -> None:
    """Raises `InputInvalid` if a value of *request* breaks a rule; names its path."""
    faults: list[str] = []
    _check_model(request, "", faults)
    if faults:
        raise InputInvalid("; ".join(faults))


def _check_model(value: Any, path: str, faults: list[str]) -> None:
    for name, rules in _rules_of(cast("Any", type(value))):
        inner = getattr(value, name)
        if inner is not UNSET and inner is not None:
            for rule in rules:
                rule(inner, f"{path}.{name}" if path else name, faults)


_Check: TypeAlias = Callable[[Any, str, list[str]], None]


@cache
def _rules_of(cls: Any) -> tuple[tuple[str, tuple[_Check, ...]], ...]:
    """The fields of *cls* with rules."""
    checked: list[tuple[str, tuple[_Check, ...]]] = []
    for field, hint in field_types(cls):
        checks = list(_checks_of(hint))
        rule = RULES.get(f"{cls.__name__}.{field.name}")
        if rule is not None:
            checks.append(_by(rule))
        if checks:
            checked.append((field.name, tuple(checks)))
    return tuple(checked)


def _by(rule: Rule) -> _Check:
    def check_rule(value: Any, path: str, faults: list[str]) -> None:
        if isinstance(value, str | int | float | list | tuple):
            fault = rule(value)
            if fault is not None:
                faults.append(f"{path}: {fault}")

    return check_rule


def _checks_of(hint: Any) -> list[_Check]:
    choices = members(hint) if is_union(hint) else (hint,)
    checks: list[_Check] = []
    words = [word for choice in choices if is_literal(choice) for word in get_args(choice)]
    if words and str in choices:
        checks.append(_by(_known_word(words)))
    if (datetime in choices or date in choices) and str in choices and not any(map(is_list, choices)):
        checks.append(_by(_time))
    for choice in choices:
        if is_list(choice):
            inner = _checks_of(get_args(choice)[0])
            if inner:
                checks.append(_each(inner))
        elif isinstance(choice, TaggedUnion) or is_model(choice):
            checks.append(_nested)
    return checks


def _known_word(words: list[Any]) -> Rule:
    # Request enums are closed in Kombo's schema. The client accepts any word, to allow new ones at once.
    listed = ", ".join(words) if len(words) <= 12 else f"{', '.join(words[:12])}, ..."
    return lambda value: None if value in words else f"must be one of {listed}"


def _each(checks: list[_Check]) -> _Check:
    def check_each(value: Any, path: str, faults: list[str]) -> None:
        if isinstance(value, list | tuple):
            for place, item in enumerate(cast("list[Any]", value)):
                for inner in checks:
                    inner(item, f"{path}[{place}]", faults)

    return check_each


def _nested(value: Any, path: str, faults: list[str]) -> None:
    if isinstance(value, Model):
        _check_model(value, path, faults)
