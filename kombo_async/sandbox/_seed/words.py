"""The words that the sandbox's people, places and companies are made of."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

from kombo_async.sandbox._seed.quick_random import Random

FIRST_NAMES = (
    "Amelia Ben Chiara David Elif Felix Greta Hannah Ines Jonas Katharina Leon Mara Noah Olivia Paul Quentin Rosa "
    "Samuel Theresa Umut Vera William Xenia Yusuf Zoe Anna Bruno Clara Daniel Emma Finn Giulia Hugo Ida Jakob Lena "
    "Mateo Nina Oskar Priya Rafael Sofia Tom Ursula Viktor Wanda Yara Aisha Carlos Mei Nikolai Oluwaseun Siobhán"
).split()
LAST_NAMES = (
    "Albrecht Bauer Costa Dubois Eriksen Fischer García Hoffmann Ivanova Jensen Kowalski Lindqvist Müller Novak "
    "Okafor Petrov Quinn Rossi Schneider Tanaka Ueda Vogel Wagner Xu Demir Zimmermann Andersson Brown Chen Dimitrov "
    "Evans Ferrari Gruber Haddad Iyer Johnson Keller Laurent Moreau Nguyen O'Brien Park Richter Santos Turner Weber"
).split()
# city, postal code, state, country, a street
CITIES = (
    ("Berlin", "10115", "Berlin", "DE", "Invalidenstraße"),
    ("München", "80331", "Bayern", "DE", "Sendlinger Straße"),
    ("Hamburg", "20095", "Hamburg", "DE", "Mönckebergstraße"),
    ("Wien", "1010", "Wien", "AT", "Kärntner Straße"),
    ("Zürich", "8001", "Zürich", "CH", "Bahnhofstrasse"),
    ("Paris", "75011", "Île-de-France", "FR", "Rue Oberkampf"),
    ("Milano", "20121", "Lombardia", "IT", "Via Brera"),
    ("Madrid", "28004", "Madrid", "ES", "Calle de Fuencarral"),
    ("Amsterdam", "1012", "Noord-Holland", "NL", "Damrak"),
    ("London", "EC1A 1BB", "England", "GB", "Aldersgate Street"),
    ("New York", "10012", "NY", "US", "Mercer Street"),
    ("Austin", "73301", "TX", "US", "Congress Avenue"),
)
DEPARTMENTS = ("Engineering", "Product", "Sales", "Marketing", "Finance", "People", "Operations", "Customer Success")
JOB_TITLES: dict[str, tuple[str, ...]] = {
    "Engineering": ("Backend Engineer", "Frontend Engineer", "Data Engineer", "Engineering Manager", "QA Engineer"),
    "Product": ("Product Manager", "Product Designer", "UX Researcher", "Technical Writer"),
    "Sales": ("Account Executive", "Sales Manager", "Sales Development Representative"),
    "Marketing": ("Content Marketer", "Growth Manager", "Brand Designer"),
    "Finance": ("Accountant", "Controller", "Payroll Specialist"),
    "People": ("Recruiter", "People Partner", "Office Manager"),
    "Operations": ("Operations Manager", "IT Administrator", "Business Analyst"),
    "Customer Success": ("Customer Success Manager", "Support Engineer", "Implementation Consultant"),
}
COMPANIES = ("Nordlicht GmbH", "Acme Robotics", "Blue Harbor Ltd", "Datenwerk AG", "Kestrel Labs", "Ostwind Energie")
SOURCES = ("LinkedIn", "Referral", "Career page", "Indeed", "Agency", "StepStone")
SKILLS = ("Python", "SQL", "Negotiation", "Public speaking", "Bookkeeping", "Project management", "Figma", "German")


def place(random: Random) -> dict[str, Any]:
    """An address."""
    city, zip_code, state, country, street = random.choice(CITIES)
    street_1 = f"{street} {random.randint(1, 120)}"
    return {
        "city": city,
        "country": country,
        "raw": f"{street_1}, {zip_code} {city}, {country}",
        "state": state,
        "street_1": street_1,
        "street_2": None,
        "zip_code": zip_code,
    }


def name_at(place: int) -> tuple[str, str]:
    """The names of the person in a place."""
    number = (place + 7) * 2_654_435_761 & 0xFFFFFFFF
    return FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number // 65_536 % len(LAST_NAMES)]


def name(random: Random) -> tuple[str, str]:
    """A given name and a family name."""
    return random.choice(FIRST_NAMES), random.choice(LAST_NAMES)


def address_of(first_name: str, last_name: str, domain: str, number: int | None = None) -> str:
    """An e-mail address for somebody, at a domain that belongs to nobody."""
    text = (
        f"{first_name}.{last_name}".lower()
        .replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")
        .replace("ß", "ss")
        .replace("ø", "o")
    )
    ascii_text = normalize("NFKD", text).encode("ascii", "ignore").decode().replace("'", "")
    return f"{ascii_text}{'' if number is None else number}@{domain}"


def phone(random: Random) -> str:
    """A phone number from the range reserved for films and books."""
    return f"+49 30 23125 {random.randint(100, 999)}"
