"""The tools that the sandbox knows: those in Kombo's list, by category."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, TypeAlias

Category: TypeAlias = Literal["HRIS", "ATS", "ASSESSMENT", "LMS"]

# Categories from general knowledge; Kombo's list has only names.
_NAMES: Mapping[Category, str] = {
    "ATS": """
        greenhouse=Greenhouse greenhousev3=Greenhouse greenhousejobboard=Greenhouse_Job_Board lever=Lever ashby=Ashby
        smartrecruiters=SmartRecruiters workable=Workable recruitee=Recruitee teamtailor=Teamtailor icims=iCIMS
        successfactors=SAP_SuccessFactors jobvite=Jobvite bullhorn=Bullhorn softgarden=softgarden onlyfy=onlyfy
        pinpoint=Pinpoint join=JOIN erecruiter=eRecruiter avature=Avature taleo=Oracle_Taleo avionte=Avionté
        oraclerecruiting=Oracle_Recruiting zohorecruit=Zoho_Recruit breezyhr=Breezy_HR jazzhr=JazzHR comeet=Comeet
        dvinci=d.vinci concludis=concludis umantis=Umantis phenom=Phenom fountain=Fountain
    """,
    "HRIS": """
        workday=Workday personio=Personio bamboohr=BambooHR hibob=HiBob rippling=Rippling gusto=Gusto deel=Deel
        factorial=Factorial kenjo=Kenjo hrworks=HRworks rexx=rexx_systems sagehr=Sage_HR payfit=PayFit silae=Silae
        datev=DATEV datevlug=DATEV_LuG datevlauds=DATEV_LAuDS adpworkforcenow=ADP_Workforce_Now ukgpro=UKG_Pro
        oraclehcm=Oracle_HCM paylocity=Paylocity dayforce=Dayforce entraid=Microsoft_Entra_ID okta=Okta humaans=Humaans
        lucca=Lucca afas=AFAS absenceio=absence.io heavenhr=HeavenHR sftp=SFTP
    """,
    "LMS": """
        360learning=360Learning talentlms=TalentLMS moodle=Moodle docebo=Docebo cornerstoneondemand=Cornerstone
        linkedinlearning=LinkedIn_Learning udemy=Udemy_Business coursera=Coursera
    """,
    "ASSESSMENT": "smartrecruiters=SmartRecruiters greenhouse=Greenhouse workday=Workday icims=iCIMS lever=Lever",
}


@cache
def tools(category: Category) -> Mapping[str, str]:
    """The labels of the tools of *category*, by the tools' names."""
    pairs = (entry.split("=") for entry in _NAMES[category].split())
    return {name: label.replace("_", " ") for name, label in pairs}


def label(tool: str) -> str:
    """The display name of *tool*."""
    for category in _NAMES:
        if tool in tools(category):
            return tools(category)[tool]
    return tool.capitalize()


def category_of(tool: str) -> Category:
    """The main category of *tool*."""
    for category in _NAMES:
        if tool in tools(category):
            return category
    return "ATS"
