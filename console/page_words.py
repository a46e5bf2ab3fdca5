"""console/languages/<language>.toml: what the customers' pages say. A language is one file; a missing sentence is an error."""

from functools import lru_cache
from pathlib import Path

from fastapi import Request

from core.settings import Settings
from core.strict import Strict, load_toml
from outreach.frame import base_language

FOLDER = Path(__file__).parent / "languages"


class PageWords(Strict):
    """Every sentence of the customers' pages in one language."""

    skip: str
    closed_title: str
    closed: str
    person: str
    person_call: str
    stop_title: str
    stop_ask: str
    stop_button: str
    stop_all_button: str
    stopped_title: str
    stopped: str
    stopped_all: str
    stop_change: str
    preferences_title: str
    preferences_lead: str
    preferences_link: str
    by_email: str
    by_phone: str
    save: str
    saved: str
    check_title: str
    check_lead: str
    check_code: str
    check_button: str
    check_yes: str
    check_date: str
    check_subject: str
    check_subject_gone: str
    check_to: str
    check_compare: str
    check_no: str
    answer_title: str
    answer_lead: str
    answer_ask: str
    answer_button: str
    answer_do_it: str
    answer_call_me: str
    answer_call_me_at: str
    answer_wrong: str
    answer_wrong_granted: str
    answer_solved: str
    answer_not_mine: str
    answered_title: str
    survey_title: str
    survey_ask: str
    survey_least: str
    survey_most: str
    survey_text: str
    survey_optional: str
    survey_button: str
    survey_thanks: str
    survey_thanks_text: str
    why_title: str
    why_sent: str
    why_how: str
    why_not: str
    why_told: str
    why_rights: str
    problem_title: str
    problem: str
    limited: str


@lru_cache(maxsize=1)
def page_words() -> dict[str, PageWords]:
    """Map each language to its sentences."""
    return {path.stem: load_toml(path, PageWords) for path in sorted(FOLDER.glob("*.toml"))}


def language_for(request: Request, stated: str | None = None) -> str:
    """Return the customer's own language where we have it, else the first one the browser asks for, else the company's."""
    settings: Settings = request.app.state.settings
    asked = [part.partition(";")[0] for part in request.headers.get("accept-language", "").split(",")]
    wished = [base_language(stated)] if stated else [base_language(each) for each in asked]
    for language in (*wished, base_language(settings.company.language)):
        if language in page_words():
            return language
    return "en"
