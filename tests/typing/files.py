"""Checked by mypy and pyright, never run: files say what they are, and old calls say what to use instead."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import assert_type

from kombo_async import AsyncKomboClient, Options, Pages, ai_apply, ats, hris
from kombo_async.webhooks import ModelName


def files() -> None:
    assert_type(ats.AttachmentInput.from_path("cv.pdf", type="CV"), ats.AttachmentInput)
    ats.AttachmentInput.from_path(Path("cv.pdf"), type="A_KIND_OF_TOMORROW", name="a.pdf", content_type="text/plain")
    ats.AttachmentInput.from_bytes(b"%PDF", "cv.pdf", type="COVER_LETTER")
    ats.AttachmentInput.from_stream(lambda: BytesIO(b"%PDF"), 4, "cv.pdf", type="OTHER")
    assert_type(hris.FileInput.from_bytes(b"%PDF", "contract.pdf"), hris.FileInput)
    assert_type(ai_apply.AnswerFile.from_path("cv.pdf"), ai_apply.AnswerFile)


async def both_names(kombo: AsyncKomboClient, options: Options) -> None:
    attachments = kombo.ats.get_attachments(page_size=5, options=options)
    attachments = kombo.ats.get_ats_attachments(page_size=5, options=options)
    async for attachment in attachments.items():
        assert_type(attachment, ats.Attachment)
    groups = kombo.hris.get_groups(page_size=5)
    assert_type(groups, Pages[hris.Group])


def blind_spots() -> dict[str, ModelName]:
    return dict(ats.GetApplications.operation.blind_spots)


def longest() -> float | None:
    return ai_apply.BulkImportJobPostings.operation.timeout
