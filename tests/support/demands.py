"""What Kombo demands of values in requests beyond their types, by the class and field of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COUNTRY = {"pattern": r"^[A-Z]{2}$"}
_EMAIL = {"format": "email"}
_MIME_TYPE = {"pattern": r"^[\w.-]+\/[\w.-]+$"}
_NOT_EMPTY = {"minLength": 1}
_PHONE = {"pattern": r"([\d+])[\d ()/-]+"}
_TIME_OF_DAY = {"pattern": r"^(?:2[0-3]|[01]?\d):[0-5]?\d(:[0-5]?\d)?$"}
_URL = {"format": "uri"}

DEMANDS: Mapping[str, Mapping[str, Any]] = {
    "AddApplicationResultLink.url": _URL,
    "AddAvionteSyncedJob.job_remote_id": {"pattern": r"^\d+$"},
    "AddCandidateResultLink.url": _URL,
    "AddressInput.country": _COUNTRY,
    "AttachmentInput.content_type": _MIME_TYPE,
    "AttachmentInput.data_url": _URL,
    "BulkJobPosting.url": _URL,
    "CandidateInput.email_address": _EMAIL,
    "CompleteCourse.score": {"minimum": 0, "maximum": 100},
    "CreateAbsence.amount": {"minimum": 0},
    "CreateAbsence.end_time": _TIME_OF_DAY,
    "CreateAbsence.start_time": _TIME_OF_DAY,
    "CreateConnectionLink.end_user_email": _EMAIL,
    "CreateConnectionLink.end_user_organization_name": _NOT_EMPTY,
    "CreateConnectionLink.end_user_origin_id": _NOT_EMPTY,
    "CreateDatevEauRequest.start_work_incapacity": {"pattern": r"^\d{4}-\d{2}-\d{2}$"},
    "CreateEmployee.nationality": _COUNTRY,
    "CreateEmployee.work_email": _EMAIL,
    "CreateJobFeed.label": _NOT_EMPTY,
    "DatevCompensation.lohnart": {"minimum": 1, "maximum": 9999},
    "DatevEauContactInput.city": {"maxLength": 34},
    "DatevEauContactInput.company_name": {"maxLength": 90},
    "DatevEauContactInput.email": {"maxLength": 70, **_EMAIL},
    "DatevEauContactInput.fax": {"maxLength": 20, **_PHONE},
    "DatevEauContactInput.house_number": {"maxLength": 9},
    "DatevEauContactInput.name": {"maxLength": 30},
    "DatevEauContactInput.postal_code": {"maxLength": 10},
    "DatevEauContactInput.street": {"maxLength": 33},
    "DatevEauContactInput.telephone": {"maxLength": 20, **_PHONE},
    "DatevEauNotification.email": _EMAIL,
    "EmailAddressInput.email_address": _EMAIL,
    "ExternalCourse.duration": {"exclusiveMinimum": 0},
    "ExternalCourse.languages": {"pattern": r"^[a-z]{2,3}(-[A-Z]{2})?$"},
    "FileInput.content_type": _MIME_TYPE,
    "FileInput.data_url": _URL,
    "GetCandidates.email": _EMAIL,
    "LocationInput.country": _COUNTRY,
    "ParseJobPosting.url": {"pattern": r"^https?:\/\/"},
    "ProvisionedUser.email": _EMAIL,
    "Score.max": {"minimum": 1},
    "SocialLinkInput.url": _URL,
    "SubmitJobApplication.additional_clicks": {"minimum": 0, "maximum": 30},
    "SubmitJobApplication.additional_clicks_scatter_duration": {"minimum": 1},
    "SubmitJobApplication.candidate_email": _EMAIL,
    "TagInput.name": _NOT_EMPTY,
    "UpdateEmployee.nationality": _COUNTRY,
    "UpdateEmployee.work_email": _EMAIL,
    "UpdateOrderResult.attachments": {"maxItems": 5},
    "UpdateOrderResult.result_url": _URL,
    "WriteDatevFile.file_content": _NOT_EMPTY,
    "ZohoPeopleEmployeeFields.employee_id": _NOT_EMPTY,
}

_OF_STRINGS = ("pattern", "format", "minLength", "maxLength")
_OF_NUMBERS = ("minimum", "maximum", "exclusiveMinimum")
_OF_LISTS = ("minItems", "maxItems")


def demanding(schema: Mapping[str, Any], demand: Mapping[str, Any]) -> dict[str, Any]:
    """*schema* with *demand*, put where values of its kind are described: also in the items of a list."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [demanding(each, demand) for each in schema["anyOf"]]}
    kinds = schema.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else {*kinds}
    if "array" in kinds:
        own = {name: demand[name] for name in _OF_LISTS if name in demand}
        return {**schema, **own, "items": demanding(schema["items"], demand)}
    words = _OF_STRINGS if "string" in kinds else _OF_NUMBERS if kinds & {"integer", "number"} else ()
    return {**schema, **{name: demand[name] for name in words if name in demand}}
