"""Operations of single systems: DATEV, Silae, Avionté."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombo_async.model import to_dict
from kombo_async.sandbox._api.filters import as_stamp
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import UnknownId

if TYPE_CHECKING:
    from kombo_async import custom

DOCUMENTS = ("LOBN", "LSTB", "LOJE")
"""The toy DATEV's types of documents: payslips, tax certificates, a journal."""


@handles("GetCustomDatevSystemInformation")
def system_information(context: Context, request: Any) -> Record:
    """Which consultant and client it is."""
    return {"consultant_number": 1234567, "client_number": 10001, "target_system": "LODAS"}


@handles("GetCustomDatevCheckEauPermission", "GetCustomDatevCheckWritePermission")
def check_permission(context: Context, request: Any) -> Record:
    """Everything is allowed."""
    return {"ready": True}


@handles("GetCustomDatevCheckDocumentPermission")
def check_documents(context: Context, request: Any) -> Record:
    """All documents are allowed."""
    return {"ready": True, "documents_granted": list(DOCUMENTS)}


@handles("PostCustomDatevPassthrough")
def write_file(context: Context, request: custom.WriteDatevFile) -> Record:
    """A file, stored as it came."""
    context.world.add("datev_files", {**to_dict(request)})
    return {}


@handles("GetCustomDatevAvailableDocuments")
def available_documents(context: Context, request: custom.GetDatevAvailableDocuments) -> Record:
    """Payslips and certificates of each employee, a journal of the company."""
    rows = context.world.table("hris_employees")[:20]
    people = [{"id": row.id, "remote_id": row.data["remote_id"]} for row in rows if not row.deleted]
    return {
        "results": [
            {
                "document_type": kind,
                "available_for_employees": [] if kind == "LOJE" else people,
                "is_company_document": kind == "LOJE",
            }
            for kind in DOCUMENTS
        ]
    }


@handles("PostCustomDatevDownloadDocument")
def download(context: Context, request: custom.DownloadDatevDocument) -> Record:
    """A document of the company, or of an employee."""
    return _document(context, request.employee_id, request.document_type, request.accounting_month)


@handles("PostCustomDatevEmployeesEmployeeIdDownloadDocument")
def download_of_employee(context: Context, request: custom.DownloadDatevEmployeeDocument) -> Record:
    """A document of an employee."""
    return _document(context, request.employee_id, request.document_type, request.accounting_month)


def _document(context: Context, employee_id: str | None, kind: str, month: Any) -> Record:
    if employee_id is not None:
        context.world.get("hris_employees", employee_id, "employee")
    if kind not in DOCUMENTS:
        raise UnknownId("document of this type", kind)
    name = f"{kind}-{as_stamp(month)[:7]}.txt"
    row = context.world.add("datev_documents", {"employee_id": employee_id, "file_name": name})
    content = f"{kind} of {employee_id or 'the company'} for {as_stamp(month)[:7]}\n".encode()
    context.environment.keep_file(row.id, StoredFile(name, "text/plain", content))
    url = context.environment.file_url(context.root, row.id)
    return {"data_url": url, "file_name": name, "content_type": "text/plain"}


@handles("PostCustomDatevEmployeesEmployeeIdEauRequests")
def request_eau(context: Context, request: custom.CreateDatevEauRequest) -> Record:
    """A request for a certificate of incapacity for work."""
    context.world.get("hris_employees", request.employee_id, "employee")
    record = {"employee_id": request.employee_id, "start_work_incapacity": request.start_work_incapacity}
    return {"eau_id": context.world.add("datev_eau_requests", record).id}


@handles("GetCustomDatevEauRequestsEauId")
def get_eau(context: Context, request: custom.GetDatevEauRequest) -> Record:
    """The request, with one response from a health insurer."""
    row = context.world.get("datev_eau_requests", request.eau_id, "eAU request")
    start: str = row.data["start_work_incapacity"]
    insurance = {
        "gender_contact_person": "X",
        "name": "Kim Sanders",
        "telephone": "+49 30 23125 001",
        "fax": None,
        "email": None,
        "name1_health_insurance": "Sandkasse",
        "postal_code": "10115",
        "city": "Berlin",
        "street": None,
        "house_number": None,
    }
    incapacity = {
        "start_work_incapacity_employer": start,
        "start_work_incapacity_au": start,
        "end_work_incapacity_au": None,
        "date_of_diagnosis": start,
        "flag_current_work_incapacity": 2,
        "accident_at_work": False,
        "assignment_accident_insurance_doctor": False,
        "other_accident": False,
        "initial_certificate": True,
        "automatic_feedback_until": None,
    }
    feedback = {
        "guid": row.id,
        "contact_person": insurance,
        "incapacity_for_work": incapacity,
        "error_block_list": None,
    }
    return {
        "raw": {
            "source": "sandbox",
            "start_work_incapacity": start,
            "collaboration_identifier": row.id,
            "feedbacks_from_health_insurance": [feedback],
        }
    }


@handles("PutCustomDatevEmployeesEmployeeIdPreparePayroll", "PutCustomDatevEmployeesEmployeeIdCompensations")
def payroll(context: Context, request: Any) -> Record:
    """Payments of an employee, stored as they came."""
    context.world.get("hris_employees", request.employee_id, "employee")
    context.world.add("datev_payroll", to_dict(request))
    return {}


@handles("GetCustomDatevDataPushes")
def data_pushes(context: Context, request: Any) -> Record:
    """The pushes so far."""
    return {"data_pushes": [row.data for row in context.world.table("datev_pushes")]}


@handles("PostCustomDatevPushDataGeneral")
def push_general(context: Context, request: Any) -> Record:
    """Master data, pushed as a file."""
    return _push(context, "GENERAL", "master-data.txt")


@handles("PostCustomDatevPushDataPayroll")
def push_payroll(context: Context, request: custom.PushDatevPayrollData) -> Record:
    """The payroll of a month, pushed as a file."""
    return _push(context, "PAYROLL", f"payroll-{as_stamp(request.payroll_month)[:7]}.txt")


def _push(context: Context, kind: str, name: str) -> Record:
    payments = len(context.world.table("datev_payroll"))
    content = f"[{kind}]\nemployees={len(context.world.table('hris_employees'))}\npayments={payments}\n"
    row = context.world.add("datev_pushes", {"type": kind, "created_at": context.clock.stamp()})
    job = {"id": f"{row.id}-1", "file_name": name, "state": "IMPORTED", "file": content}
    context.world.change("datev_pushes", row, upload_jobs=[job])
    return {"files": [{"name": name, "content": content}]}


@handles("PostCustomSilaeEmployeesEmployeeIdPayrollSupplements")
def supplement(context: Context, request: custom.WriteSilaePayrollSupplement) -> Record:
    """A supplement of an employee."""
    context.world.get("hris_employees", request.employee_id, "employee")
    context.world.add("silae_supplements", to_dict(request))
    return {}


@handles("PostAtsCustomAvionteSyncedJobs")
def sync_job(context: Context, request: custom.AddAvionteSyncedJob) -> Record:
    """A job that is synced from now on."""
    if not any(context.world.related("avionte_synced_jobs", "job_remote_id", request.job_remote_id)):
        context.world.add("avionte_synced_jobs", {"job_remote_id": request.job_remote_id})
    return {}


@handles("DeleteAtsCustomAvionteSyncedJobsJobRemoteId")
def unsync_job(context: Context, request: custom.RemoveAvionteSyncedJob) -> Record:
    """A job that is no longer synced."""
    for row in context.world.table("avionte_synced_jobs").where("job_remote_id", request.job_remote_id):
        if not row.deleted:
            context.world.delete("avionte_synced_jobs", row)
            return {}
    raise UnknownId("synced job", request.job_remote_id)
