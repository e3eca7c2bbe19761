"""What people call their columns, in English, German, French and Spanish."""

from __future__ import annotations

import re
import unicodedata

FILE_KINDS = ("CV", "COVER_LETTER", "OTHER")
"""Targets of file columns, besides the fields."""

_WORDS = {
    "email_address": "email e_mail mail e_mail_address email_adresse e_mail_adresse mailadresse emailadresse "
    "adresse_mail adresse_email adresse_e_mail courriel correo correo_electronico direccion_de_correo",
    "first_name": "firstname given_name forename vorname rufname prenom nombre nombres primer_nombre",
    "last_name": "lastname surname family_name nachname familienname nom nom_de_famille apellido apellidos",
    "phone_number": "phone telephone tel mobile cell mobile_number telefon telefonnummer tel_nr handy handynummer "
    "mobil mobilnummer rufnummer numero_de_telephone portable telefono movil numero_de_telefono celular",
    "title": "job_title current_title berufsbezeichnung aktuelle_position titre intitule_du_poste cargo",
    "company": "firma unternehmen arbeitgeber current_company employer entreprise societe employeur empresa",
    "job_id": "jobid",
    "gender": "geschlecht sexe genero sexo",
    "availability_date": "available_from availability start_date verfugbar_ab verfuegbar_ab verfugbarkeit startdatum "
    "eintrittsdatum fruhester_eintritt disponibilite disponible_a_partir_du disponibilidad fecha_de_inicio",
    "stage_id": "stage",
    "location.city": "city ort stadt wohnort ville ciudad",
    "location.country": "country land pays pais",
    "location.state": "state bundesland region provincia",
    "location.zip_code": "zip zip_code postcode postal_code plz postleitzahl code_postal codigo_postal",
    "location.street_1": "street address strasse anschrift adresse rue direccion calle",
    "salary_expectations.amount": "salary salary_expectation desired_salary gehalt gehaltswunsch gehaltsvorstellung "
    "wunschgehalt salaire salaire_souhaite pretentions_salariales salario salario_deseado",
    "source.name": "source quelle herkunft fuente",
    "CV": "cv cv_file cv_path resume resume_file resume_path lebenslauf lebenslauf_datei curriculum curriculum_vitae "
    "hoja_de_vida datei_lebenslauf",
    "COVER_LETTER": "cover_letter cover_letter_path anschreiben motivationsschreiben lettre_de_motivation "
    "carta_de_presentacion carta_de_motivacion",
    "OTHER": "attachment anhang piece_jointe adjunto",
}
_TARGETS = {word.replace("_", ""): target for target, words in _WORDS.items() for word in [target, *words.split()]}
"""Without underscores, since `emailAddress` and `HandyNummer` have none once their case is gone."""
_JOB_COLUMNS = frozenset(
    "job jobname vacancy position role requisition stelle stellenanzeige jobtitel offenestelle vakanz poste offre "
    "offredemploi emploi puesto vacante oferta".split()
)
"""Columns that name the job a person applies for, by its ID or its name."""
WHOLE_NAMES = frozenset(
    "name full_name fullname candidate_name bewerber vollstandiger_name nom_complet nombre_completo".split()
)


def plain(column: str) -> str:
    """Normalize a column name: no case, accents or punctuation: `E-Mail-Adresse` is `e_mail_adresse`."""
    letters = unicodedata.normalize("NFKD", column.strip().casefold())
    bare = "".join(char for char in letters if not unicodedata.combining(char))
    return re.sub(r"\W+", "_", bare).strip("_")


def without_remark(column: str) -> str:
    """A column name without remarks in parentheses: `E-Mail (privat)` is `E-Mail`."""
    return re.sub(r"[(\[].*?[)\]]", " ", column, flags=re.DOTALL)


def meant(word: str) -> str | None:
    """What a normalized name stands for: the end of a field's path, or a kind of file."""
    return _TARGETS.get(word.replace("_", ""))


def is_job(column: str) -> bool:
    """Whether a column of this name is about the job that a person applies for."""
    return any(plain(name).replace("_", "") in _JOB_COLUMNS for name in (column, without_remark(column)))
